// Who had custody when, under the chart and on its time axis, with the condition at each handover.

import type { JSX } from "preact";
import { drawn, shown } from "../quantity";
import type { CustodyPeriod, Latest } from "../records";
import { exact } from "../time";
import { AXIS_PX, RIGHT_PX, type Domain } from "./chart";

export function CustodyStrip({
  custody,
  doors,
  domain,
  measurement,
}: {
  custody: CustodyPeriod[];
  doors: [number, number][];
  domain: Domain;
  measurement: string;
}): JSX.Element {
  const share = (at_ms: number): number =>
    100 * Math.min(1, Math.max(0, (at_ms - domain.from_ms) / (domain.until_ms - domain.from_ms || 1)));
  const place = (from_ms: number, until_ms: number | undefined): { left: string; width: string } => {
    const left = share(from_ms);
    return { left: `${left}%`, width: `${share(until_ms ?? domain.until_ms) - left}%` };
  };
  return (
    <div
      class="strip"
      style={{ gridTemplateColumns: `${AXIS_PX}px minmax(0, 1fr)`, paddingRight: `${RIGHT_PX}px` }}
      aria-hidden="true"
    >
      <span class="strip-name">custody</span>
      <div class="strip-row">
        {custody.map((period, index) => (
          <span
            key={period.since_at_ms}
            class={`strip-span tone-${index % 3}`}
            style={place(began(period), ended(period))}
            title={`${period.custodian}: ${exact(began(period))} – ${period.until_at_ms ? exact(ended(period) ?? period.until_at_ms) : "now"}`}
          >
            {period.custodian}
          </span>
        ))}
      </div>
      <span class="strip-name" />
      <div class="strip-row marks">
        {custody.flatMap((period) => {
          const value = period.handover && condition(period.handover.latest, measurement);
          const at = share(began(period));
          return value && at > 0 && at < 100
            ? [
                <span key={period.since_at_ms} class="strip-mark" style={{ left: `${at}%` }}>
                  {shown(value)}
                </span>,
              ]
            : [];
        })}
      </div>
      {doors.length > 0 && <span class="strip-name">doors</span>}
      {doors.length > 0 && (
        <div class="strip-row">
          {doors.map(([from_ms, until_ms]) => (
            <span key={from_ms} class="strip-door" style={place(from_ms, until_ms)} title={`Door open ${exact(from_ms)}`} />
          ))}
        </div>
      )}
    </div>
  );
}

/** When custody began, by the clock of the devices where they tell it: that is the chart's clock, not the ledger's. */
export function began(period: CustodyPeriod): number {
  return period.observed_from_ms ?? period.since_at_ms;
}

function ended(period: CustodyPeriod): number | undefined {
  return period.until_at_ms && (period.observed_until_ms ?? period.until_at_ms);
}

/** The worst of what several devices said: the highest. */
export function condition(latest: Latest[], measurement: string): Latest | undefined {
  return latest
    .filter(({ name }) => name.split("/").at(-1) === measurement)
    .reduce<Latest | undefined>((worst, one) => (worst && drawn(worst) >= drawn(one) ? worst : one), undefined);
}
