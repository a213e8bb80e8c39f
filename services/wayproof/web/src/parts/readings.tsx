// The readings of a shipment: choice of the measurement, chart, custody strip, the same in words and as a table.

import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { unit } from "../quantity";
import type { Limit, Series, Shipment, Trace, TraceFlag } from "../records";
import { brief, exact } from "../time";
import { plain, plural } from "../words";
import { Chart, type Domain } from "./chart";
import { began, CustodyStrip } from "./custody_strip";
import { counted, Flags } from "./flags";
import { range } from "./limits_bar";
import { Empty } from "./state";

const ROWS = 100;
const FIRST = ["temperature", "humidity"];
const APART = ["latitude", "longitude", "altitude", "door"];

export function Readings({ shipment, trace }: { shipment: Shipment; trace: Trace }): JSX.Element {
  const names = measurements(trace.series);
  const [chosen, choose] = useState<string>();
  const [seen, setSeen] = useState<Domain>();
  const name = chosen && names.includes(chosen) ? chosen : names[0];
  const series = useMemo(() => trace.series.filter((one) => measurement(one.name) === name), [trace, name]);
  const domain = useMemo(() => everything(shipment, series), [shipment, series]);
  if (!name) return <Nothing trace={trace} />;

  const limit = shipment.limits.find((one) => measurement(one.name) === name);
  const excursions = shipment.excursions.filter((one) => one.standing && measurement(one.name) === name);
  const gaps = trace.gaps.filter((gap) =>
    series.some(({ device_id, stream }) => gap.device_id === device_id && gap.stream === stream),
  );
  const flags = trace.flags.filter((flag) =>
    series.some((one) => flag.name === one.name && flag.device_id === one.device_id && flag.stream === one.stream),
  );
  const words = summary({ name, series, limit, excursions: excursions.length, gaps, flags, flagsReduced: trace.flags_reduced });
  return (
    <>
      {names.length > 1 && (
        <fieldset class="choice">
          <legend class="hidden">Which measurement</legend>
          {names.map((one) => (
            <label key={one}>
              <input type="radio" name="measurement" checked={one === name} onChange={() => choose(one)} />
              <span>{plain(one)}</span>
            </label>
          ))}
        </fieldset>
      )}
      <Chart
        key={name}
        series={series}
        limit={limit}
        excursions={excursions}
        gaps={gaps}
        flags={flags}
        handovers={shipment.custody.slice(1).map(began)}
        domain={domain}
        label={`Chart of ${name}. ${words}`}
        onDomain={setSeen}
      />
      <CustodyStrip custody={shipment.custody} doors={trace.doors} domain={seen ?? domain} measurement={name} />
      <p class="caption">{words}</p>
      {trace.dropped.length > 0 && <Dropped spans={trace.dropped} />}
      <Table series={series} limit={limit} flags={flags} />
    </>
  );
}

function Dropped({ spans }: { spans: Trace["dropped"] }): JSX.Element {
  const told = spans.map(([from_ms, until_ms]) => `${brief(from_ms)} to ${brief(until_ms)}`).join(", ");
  return <p class="caption">Not kept here any more: readings from {told}. The evidence file still has all of them.</p>;
}

function Nothing({ trace: { held_here, dropped } }: { trace: Trace }): JSX.Element {
  return (
    <Empty>
      {dropped.length > 0 ? (
        <Dropped spans={dropped} />
      ) : held_here ? (
        <p>No reading has arrived yet.</p>
      ) : (
        <p>
          Readings are with the organisation that keeps the log of the device. What the ledger shows is here all the same:
          custody with the condition at each handover, excursions, attached devices and anchors.
        </p>
      )}
    </Empty>
  );
}

function Table({
  series,
  limit,
  flags,
}: {
  series: Series[];
  limit: Limit | undefined;
  flags: TraceFlag[];
}): JSX.Element {
  const [open, setOpen] = useState(false);
  const [rows, setRows] = useState(ROWS);
  const flagged = useMemo(() => placed(flags), [flags]);
  const points = series
    .flatMap(({ device_id, stream, name, points: all, unit: code }) =>
      all.map(([at_ms, value]) => ({ device_id, at_ms, value, code, flags: flagged.get(place(device_id, stream, name, at_ms)) })),
    )
    .sort((one, two) => two.at_ms - one.at_ms);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>The same as a table ({plural(points.length, "value")})</summary>
      {open && (
        <>
          <table>
            <thead>
              <tr>
                <th scope="col">Time</th>
                <th scope="col">Device</th>
                <th scope="col" class="right">
                  Value
                </th>
                <th scope="col">Limits</th>
                <th scope="col">Flags</th>
              </tr>
            </thead>
            <tbody>
              {points.slice(0, rows).map(({ device_id, at_ms, value, code, flags: own }) => (
                <tr key={`${device_id} ${at_ms} ${value}`}>
                  <td>{exact(at_ms)}</td>
                  <td>{device_id}</td>
                  <td class="right number">
                    {value} {unit(code)}
                  </td>
                  <td>{judged(value, limit)}</td>
                  <td>
                    <Flags flags={own} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {rows < points.length && (
            <button type="button" onClick={() => setRows(rows + 5 * ROWS)}>
              Show more
            </button>
          )}
        </>
      )}
    </details>
  );
}

function placed(flags: TraceFlag[]): Map<string, TraceFlag[]> {
  const found = new Map<string, TraceFlag[]>();
  for (const flag of flags) {
    const key = place(flag.device_id, flag.stream, flag.name, flag.observed_at_ms);
    found.set(key, [...(found.get(key) ?? []), flag]);
  }
  return found;
}

function place(device_id: string, stream: string, name: string, at_ms: number): string {
  return [device_id, stream, name, at_ms].join(" ");
}

function judged(value: number, limit: Limit | undefined): string {
  if (!limit) return "";
  if (limit.high !== undefined && value > limit.high / 10 ** limit.scale) return "above";
  if (limit.low !== undefined && value < limit.low / 10 ** limit.scale) return "below";
  return "inside";
}

function summary({
  name,
  series,
  limit,
  excursions,
  gaps,
  flags,
  flagsReduced,
}: {
  name: string;
  series: Series[];
  limit: Limit | undefined;
  excursions: number;
  gaps: Trace["gaps"];
  flags: TraceFlag[];
  flagsReduced: boolean;
}): string {
  const points = series.flatMap(({ points: all }) => all);
  const sign = unit(series[0]?.unit ?? "");
  let [low, high, from, until] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const [at_ms, value] of points) {
    [low, high, from, until] = [Math.min(low, value), Math.max(high, value), Math.min(from, at_ms), Math.max(until, at_ms)];
  }
  const missing = gaps.reduce((sum, gap) => sum + gap.missing, 0);
  const reduced = series.some((one) => one.reduced);
  return [
    points.length === 0
      ? `No ${name} yet.`
      : `${plain(name)} between ${brief(from)} and ${brief(until)}: lowest ${low} ${sign}, highest ${high} ${sign}`.trimEnd() + ".",
    limit ? `Limits: ${range(limit, limit.unit)}.` : "No limits agreed.",
    excursions ? `${plural(excursions, "excursion")} recorded.` : "No excursion recorded.",
    gaps.length ? `${plural(gaps.length, "gap")}: ${plural(missing, "message")} missing.` : "No message missing.",
    flags.length ? `Flagged as not plausible: ${counted(flags)}${flagsReduced ? ", and more" : ""}.` : "",
    reduced ? "Drawn from the lowest and the highest value of each step of time." : "",
  ]
    .filter(Boolean)
    .join(" ");
}

function everything({ custody, excursions }: Shipment, series: Series[]): Domain {
  const instants = series.flatMap(({ points }) => [points[0]?.[0], points.at(-1)?.[0]]);
  const all = [
    ...instants,
    ...custody.map(began),
    ...excursions.map(({ ended_at_ms }) => ended_at_ms),
  ].filter((at_ms) => at_ms !== undefined);
  const from_ms = Math.min(...all);
  return { from_ms, until_ms: Math.max(...all, from_ms + 60_000) };
}

function measurements(series: Series[]): string[] {
  const names = [...new Set(series.map(({ name }) => measurement(name)))].filter((name) => !APART.includes(name));
  const rank = (name: string): number => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  return names.sort((one, two) => rank(one) - rank(two) || one.localeCompare(two));
}

/** The last part of a resolved SenML name: "cargo/top/temperature" is a temperature. */
function measurement(name: string): string {
  return name.split("/").at(-1) ?? name;
}
