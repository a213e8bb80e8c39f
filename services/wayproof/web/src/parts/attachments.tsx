// The intervals of streams that belong to a shipment: what is there, and every sequence that is not.

import type { JSX } from "preact";
import { count } from "../quantity";
import type { Attachment } from "../records";
import { At } from "../time";
import { plural } from "../words";
import { Icon } from "./icon";
import { Empty } from "./state";

const FIRST_GAPS = 12;

export function Attachments({ attachments }: { attachments: Attachment[] }): JSX.Element {
  if (attachments.length === 0) return <Empty>No device is attached: this shipment is unmonitored.</Empty>;
  return (
    <ul class="cards">
      {attachments.map((attachment) => (
        <One key={attachment.attached} attachment={attachment} />
      ))}
    </ul>
  );
}

function One({ attachment }: { attachment: Attachment }): JSX.Element {
  const { held_here, end, gaps, equivocations, first_observed_at_ms, last_observed_at_ms } = attachment;
  const missing = gaps.reduce((sum, [, first, last]) => sum + last - first + 1, 0);
  return (
    <li class="card">
      <p class="card-head">
        <strong>
          {attachment.device_id} <span class="quiet">/ {attachment.stream}</span>
        </strong>
        <span class="badge plain">{end ? "Ended" : "Attached"}</span>
      </p>
      <p class="quiet">
        {attachment.model}, of {attachment.organisation}
      </p>
      {!held_here && (
        <p class="note attention">
          <Icon name="attention" />
          <span>
            The readings of this device are with {attachment.organisation}, which keeps its log. The ledger still shows here
            when it was attached, the condition at each handover, its excursions and the anchors of its log.
          </span>
        </p>
      )}
      <dl class="pairs">
        {held_here && (
          <>
            <div>
              <dt>Messages</dt>
              <dd>{count(attachment.messages)}</dd>
            </div>
            <div>
              <dt>Readings</dt>
              <dd>{count(attachment.readings)}</dd>
            </div>
          </>
        )}
        {first_observed_at_ms !== undefined && last_observed_at_ms !== undefined && (
          <div class="wide">
            <dt>Observed</dt>
            <dd>
              <At at_ms={first_observed_at_ms} /> – <At at_ms={last_observed_at_ms} />
            </dd>
          </div>
        )}
        <div>
          <dt>After</dt>
          <dd>{place(attachment.start)}</dd>
        </div>
        {end && (
          <div>
            <dt>Up to</dt>
            <dd>{place(end)}</dd>
          </div>
        )}
        {attachment.retrospective > 0 && (
          <div class="wide">
            <dt>Retrospective</dt>
            <dd>
              {plural(attachment.retrospective, "message")}: logged before the device was attached
            </dd>
          </div>
        )}
      </dl>
      {held_here && (
        <p class={missing ? "tone-warning" : "tone-fine"}>
          <Icon name={missing ? "warning" : "passed"} />{" "}
          {missing ? `${plural(missing, "message")} missing in ${plural(gaps.length, "gap")}: ` : "No sequence is missing."}
          {gaps.slice(0, FIRST_GAPS).map(gap).join("; ")}
          {gaps.length > FIRST_GAPS && ` and ${gaps.length - FIRST_GAPS} more`}
        </p>
      )}
      {equivocations.length > 0 && (
        <p class="tone-critical">
          <Icon name="critical" /> {plural(equivocations.length, "equivocation")}: two different signed messages at{" "}
          {equivocations.map(([boot, sequence]) => `boot ${boot}, sequence ${sequence}`).join("; ")}. Both are kept and
          logged.
        </p>
      )}
    </li>
  );
}

function gap([boot, first, last]: [number, number, number]): string {
  return first === last ? `boot ${boot}, sequence ${first}` : `boot ${boot}, sequences ${first} to ${last}`;
}

function place({ boot, sequence }: { boot: number; sequence: number }): string {
  return boot === 0 && sequence === 0 ? "the beginning of the stream" : `boot ${boot}, sequence ${sequence}`;
}
