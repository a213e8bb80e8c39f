// The verifier's report: the verdict, what it is worth here, every check by its name, and the findings.

import type { JSX } from "preact";
import type { Check, Verification } from "../records";
import { plain, plural, VERDICTS } from "../words";
import { Copyable } from "./copy";
import { Icon } from "./icon";

const STATUSES = { passed: "Passed", failed: "Failed", not_checkable: "Not checkable" } as const;
const TONES = { passed: "fine", failed: "critical", not_checkable: "warning" } as const;
const VERDICT_TONES = { verified: "fine", failed: "critical", impossible: "warning" } as const;
const ORDER = { failed: 0, not_checkable: 1, passed: 2 } as const;

export function ReportShown({ verification, file }: { verification: Verification; file: string }): JSX.Element {
  const { report, text, trust_root } = verification;
  const tone = VERDICT_TONES[report.verdict];
  const checks = [...report.checks].sort((one, two) => ORDER[one.status] - ORDER[two.status]);
  const passed = checks.filter(({ status }) => status === "passed").length;
  return (
    <div class="report">
      <p class={`verdict ${tone}`}>
        <Icon name={tone} />
        <span>
          <strong>{VERDICTS[report.verdict]}</strong>
          <br />
          {passed} of {plural(checks.length, "check")} passed
          {report.as_of_block !== undefined && `, as of block ${report.as_of_block} of ${report.channel}`}
          {report.shipment && `, shipment ${report.shipment.gsin}`}
        </span>
      </p>
      {report.ledger === "embedded" && (
        <p class="note warning">
          <Icon name="warning" />
          <span>
            <strong>Embedded ledger.</strong> One machine holds all keys of this ledger. The report shows the order and
            integrity of what that machine recorded, and proves nothing between organisations.
          </span>
        </p>
      )}
      <p class="note attention">
        <Icon name="shield" />
        <span>
          <strong>This is our own word.</strong> The report was made with the trust root of the organisation whose pages
          these are. An auditor gets the trust root elsewhere, and runs the same program where we cannot reach it:
        </span>
      </p>
      <pre tabIndex={0} aria-label="Command to check the file yourself">
        <code>wayproof-verify --trust-root trust-root.json {file}</code>
      </pre>
      <h3>Checks</h3>
      <ul class="checks">
        {checks.map((check) => (
          <OneCheck key={check.name} check={check} />
        ))}
      </ul>
      <h3>Findings</h3>
      {report.findings.length === 0 ? (
        <p class="quiet">None.</p>
      ) : (
        <>
          <p class="quiet">Facts that a reader must know; they fail nothing.</p>
          <ul class="findings">
            {report.findings.map(({ kind, text: words, where }, index) => (
              <li key={index}>
                <strong>{plain(kind)}</strong>: {words}
                {where && <span class="quiet"> ({where})</span>}
              </li>
            ))}
          </ul>
        </>
      )}
      <details>
        <summary>The report as the program prints it</summary>
        <pre tabIndex={0} aria-label="Report as text">{text}</pre>
      </details>
      <details>
        <summary>The trust root that was used</summary>
        <pre tabIndex={0} aria-label="Trust root">{JSON.stringify(trust_root, null, 2)}</pre>
        <Copyable text={JSON.stringify(trust_root)} what="trust root" />
      </details>
    </div>
  );
}

function OneCheck({ check: { name, says, status, problems, more } }: { check: Check }): JSX.Element {
  return (
    <li class={`check ${TONES[status]}`}>
      <span class="check-status">
        <Icon name={status} />
        {STATUSES[status]}
      </span>
      <span>
        <code>{name}</code> <span class="quiet">{says}</span>
        {problems.length > 0 && (
          <ul>
            {problems.map(({ reason, where }, index) => (
              <li key={index}>
                {reason}
                {where && <span class="quiet"> ({where})</span>}
              </li>
            ))}
            {more > 0 && <li>and {plural(more, "more problem", "more problems")}</li>}
          </ul>
        )}
      </span>
    </li>
  );
}
