// The latest value of a measurement against its limits: the band between them, and a mark where the value is.

import type { JSX } from "preact";
import { decimal, drawn, shown, unit } from "../quantity";
import type { JudgedMeasurement, Limit } from "../records";
import { Flags } from "./flags";
import { Icon } from "./icon";

type Side = Pick<Limit, "scale"> & { low?: number; high?: number };

const STATES = {
  inside: ["fine", "within limits"],
  low: ["critical", "below the low limit"],
  high: ["critical", "above the high limit"],
  unlimited: ["attention", "no limits agreed"],
} as const;

/** Nothing to draw without both sides: one side alone has no middle. */
export function LimitsBar({ measurement, limit }: { measurement: JudgedMeasurement; limit?: Side | undefined }): JSX.Element {
  const [tone, words] = STATES[measurement.state];
  return (
    <div class={`limits ${tone}`}>
      <span class="value">
        {measurement.state !== "unlimited" && <Icon name={tone} />}
        {shown(measurement)}
      </span>
      {limit && <Bar value={drawn(measurement)} limit={limit} />}
      <span class="quiet">
        {words}
        {limit && ` ${range(limit, measurement.unit)}`}
      </span>
      <Flags flags={measurement.flags} brief />
    </div>
  );
}

/** "2.0 to 8.0 °C", "at most 25 °C" */
export function range({ low, high, scale }: Side, code: string): string {
  const sign = unit(code) && ` ${unit(code)}`;
  if (low !== undefined && high !== undefined) return `${decimal(low, scale)} to ${decimal(high, scale)}${sign}`;
  if (high !== undefined) return `at most ${decimal(high, scale)}${sign}`;
  return low !== undefined ? `at least ${decimal(low, scale)}${sign}` : "";
}

function Bar({ value, limit }: { value: number; limit: Side }): JSX.Element | null {
  if (limit.low === undefined || limit.high === undefined) return null;
  const low = drawn({ value: limit.low, scale: limit.scale });
  const high = drawn({ value: limit.high, scale: limit.scale });
  const margin = Math.max((high - low) / 2, 0.5);
  const share = Math.min(1, Math.max(0, (value - (low - margin)) / (high - low + 2 * margin)));
  const band = margin / (high - low + 2 * margin);
  return (
    <svg class="limits-bar" viewBox="0 0 120 14" width="120" height="14" aria-hidden="true" focusable="false">
      <rect class="rail" x="1" y="5" width="118" height="4" rx="2" />
      <rect class="band" x={1 + 118 * band} y="4" width={118 * (1 - 2 * band)} height="6" rx="1" />
      <rect class="mark" x={Math.min(115, Math.max(1, 118 * share - 1))} y="0" width="4" height="14" rx="1.5" />
    </svg>
  );
}
