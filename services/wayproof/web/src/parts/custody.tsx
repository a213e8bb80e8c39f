// The custody line: who had the goods, from when to when, and what both sides said at each handover.

import type { JSX } from "preact";
import { shown } from "../quantity";
import type { CustodyPeriod, Latest, Offer } from "../records";
import { At, When, duration, useNow } from "../time";
import { plain } from "../words";
import { Copyable } from "./copy";

export function Custody({ custody, offer }: { custody: CustodyPeriod[]; offer: Offer | undefined }): JSX.Element {
  const now_ms = useNow();
  return (
    <ol class="timeline">
      {custody.flatMap((period) => [
        period.handover && (
          <li key={`to ${period.since_at_ms}`}>
            <Handover handover={period.handover} />
          </li>
        ),
        <li key={period.since_at_ms} class={period.until_at_ms ? "" : "present"}>
          <h3>{period.custodian}</h3>
          <p>
            <At at_ms={period.since_at_ms} /> – {period.until_at_ms ? <At at_ms={period.until_at_ms} /> : "now"}{" "}
            <span class="quiet">({duration((period.until_at_ms ?? now_ms) - period.since_at_ms)})</span>
          </p>
          <p class="quiet">
            {period.observed_from_ms !== undefined && period.observed_until_ms !== undefined ? (
              <>
                Observed from <At at_ms={period.observed_from_ms} /> to <At at_ms={period.observed_until_ms} />
              </>
            ) : (
              "Unmonitored, as far as is known here"
            )}
          </p>
        </li>,
      ])}
      {offer && (
        <li class="pending">
          <h3>Offered to {offer.to}</h3>
          <p>
            by {offer.by}, <When at_ms={offer.at_ms} both />: not answered yet
          </p>
          {offer.condition.remark && <blockquote>{offer.condition.remark}</blockquote>}
          <ConditionList latest={offer.condition.latest} />
        </li>
      )}
    </ol>
  );
}

function Handover({ handover }: { handover: NonNullable<CustodyPeriod["handover"]> }): JSX.Element {
  const { offered_at_ms, accepted_at_ms, latest, remarks, tx_ids } = handover;
  return (
    <div class="handover">
      <p>
        <strong>Handover</strong> offered <At at_ms={offered_at_ms} />, accepted <At at_ms={accepted_at_ms} />{" "}
        <span class="quiet">({duration(accepted_at_ms - offered_at_ms)} later)</span>
      </p>
      <ConditionList latest={latest} />
      {remarks.offer && (
        <p>
          Giving: <q>{remarks.offer}</q>
        </p>
      )}
      {remarks.acceptance && (
        <p>
          Taking: <q>{remarks.acceptance}</q>
        </p>
      )}
      <p class="quiet ids">
        {tx_ids.map((tx_id) => (
          <Copyable key={tx_id} text={tx_id} what="transaction id" />
        ))}
      </p>
    </div>
  );
}

/** The condition both sides signed: the latest readings known at the handover. */
function ConditionList({ latest }: { latest: Latest[] }): JSX.Element {
  if (latest.length === 0) return <p class="quiet">No reading was named as the condition.</p>;
  return (
    <ul class="conditions">
      {latest.map((reading) => (
        <li key={`${reading.device_id} ${reading.stream} ${reading.name}`}>
          <strong class="number">{shown(reading)}</strong> {plain(reading.name).toLowerCase()}{" "}
          <span class="quiet">
            by {reading.device_id}, <At at_ms={reading.observed_at_ms} />
          </span>
        </li>
      ))}
    </ul>
  );
}
