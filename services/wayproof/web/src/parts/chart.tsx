// One measurement over time: its limits as a band, excursions shaded, gaps hatched, and below it who had custody.

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { unit } from "../quantity";
import type { Excursion, Gap, Limit, Series, TraceFlag } from "../records";
import { flag } from "../words";
import { drawFlags, type Marks, drawMarks } from "./chart_marks";
import { type Colours, useColours } from "./colours";
import { useWidth } from "./width";

export const AXIS_PX = 48;
export const RIGHT_PX = 10;
const HEIGHT_PX = 260;
const LINES = ["line-1", "line-2", "line-3", "line-4"];

export interface Domain {
  from_ms: number;
  until_ms: number;
}

export function Chart({
  series,
  limit,
  excursions,
  gaps,
  flags,
  handovers,
  domain,
  label,
  onDomain,
}: {
  series: Series[];
  limit: Limit | undefined;
  excursions: Excursion[];
  gaps: Gap[];
  flags: TraceFlag[];
  handovers: number[];
  domain: Domain;
  label: string;
  onDomain: (domain: Domain) => void;
}): JSX.Element {
  const [frame, width] = useWidth<HTMLDivElement>();
  const colours = useColours();
  const plot = useRef<uPlot | undefined>(undefined);
  const [readout, setReadout] = useState("");
  const marks = useRef<Marks>({ limit, excursions, gaps, flags, handovers });
  marks.current = { limit, excursions, gaps, flags, handovers };
  const names = series.map(({ device_id, stream }) => `${device_id}/${stream}`).join("\n");

  // Made anew only when its lines or colours change; otherwise it keeps its zoom and takes in new data.
  useEffect(() => {
    if (!frame.current || width === 0) return undefined;
    const made = new uPlot(
      options({ series, colours, width, marks: () => marks.current, onDomain, onReadout: setReadout }),
      aligned(series, gaps, domain),
      frame.current,
    );
    plot.current = made;
    return () => {
      plot.current = undefined;
      made.destroy();
    };
  }, [names, colours, width === 0]);

  useEffect(() => {
    if (width > 0) plot.current?.setSize({ width, height: HEIGHT_PX });
  }, [width]);

  useEffect(() => {
    const shown = plot.current;
    if (!shown) return;
    const { min, max } = shown.scales.x ?? {}; // a plot that was made just now has none yet, and shows everything
    const zoomed = min != null && (min !== shown.data[0][0] || max !== shown.data[0].at(-1));
    shown.setData(aligned(series, gaps, domain), !zoomed);
    if (zoomed) shown.redraw();
  }, [series, gaps, flags, excursions, limit, domain.from_ms, domain.until_ms]);

  return (
    <div class="chart">
      <p class="readout quiet" aria-hidden="true">
        {readout || "Point at the chart to read a value; drag to zoom in, double click to zoom out."}
      </p>
      <div class="plot" ref={frame} role="img" aria-label={label} />
    </div>
  );
}

function options({
  series,
  colours,
  width,
  marks,
  onDomain,
  onReadout,
}: {
  series: Series[];
  colours: Colours;
  width: number;
  marks: () => Marks;
  onDomain: (domain: Domain) => void;
  onReadout: (text: string) => void;
}): uPlot.Options {
  const axis = {
    stroke: colours("muted"),
    grid: { stroke: colours("line"), width: 1 },
    ticks: { stroke: colours("line"), width: 1, size: 4 },
    font: "12px system-ui, sans-serif",
  };
  const clock = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const sign = unit(series[0]?.unit ?? "");
  return {
    width,
    height: HEIGHT_PX,
    ms: 1,
    padding: [16, RIGHT_PX, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 7 } },
    scales: {
      x: { time: true },
      y: { range: (_, low, high) => padded(low, high, marks().limit) },
    },
    axes: [
      { ...axis, space: 70, values: timeLabels },
      { ...axis, size: AXIS_PX, gap: 4 },
    ],
    series: [
      {},
      ...series.map((_, index) => ({
        stroke: colours(LINES[index % LINES.length] ?? "line-1"),
        width: 1.75,
        points: { show: false },
        spanGaps: false,
      })),
    ],
    hooks: {
      drawClear: [(shown) => drawMarks(shown, marks(), colours)],
      draw: [(shown) => drawFlags(shown, marks().flags, colours)],
      setScale: [
        (shown, key) => {
          const { min, max } = shown.scales.x ?? {};
          if (key === "x" && min != null && max != null) onDomain({ from_ms: min, until_ms: max });
        },
      ],
      setCursor: [
        (shown) => {
          const index = shown.cursor.idx;
          const at_ms = index == null ? undefined : shown.data[0][index];
          if (index == null || at_ms === undefined) return onReadout("");
          const values = series.flatMap(({ device_id }, line) => {
            const value = shown.data[line + 1]?.[index];
            return value == null ? [] : [`${series.length > 1 ? `${device_id} ` : ""}${value} ${sign}`];
          });
          const flagged = new Set(marks().flags.flatMap((one) => (one.observed_at_ms === at_ms ? [flag(one.code)] : [])));
          onReadout([`${clock.format(at_ms)}: ${values.join(", ") || "no reading"}`, ...flagged].join(", flagged: "));
        },
      ],
    },
  };
}

/** 24-hour clock; the date where a day begins and at the first mark. */
function timeLabels(_: uPlot, splits: number[], __: number, ___: number, step_ms: number): string[] {
  const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
  const date = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
  let day = "";
  return splits.map((at_ms) => {
    const today = date.format(at_ms);
    const label = step_ms >= 86_400_000 ? today : clock.format(at_ms) + (today === day ? "" : `\n${today}`);
    day = today;
    return label;
  });
}

function padded(low: number | null, high: number | null, limit: Limit | undefined): [number, number] {
  const sides = [limit?.low, limit?.high].flatMap((side) => (side === undefined || !limit ? [] : [side / 10 ** limit.scale]));
  const values = [...sides, ...(low === null ? [] : [low]), ...(high === null ? [] : [high])];
  if (values.length === 0) return [0, 1];
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const margin = Math.max((most - least) * 0.15, 0.5);
  return [least - margin, most + margin];
}

/** All lines over one time axis; a null where messages are missing, so that no line is drawn across. */
function aligned(series: Series[], gaps: Gap[], { from_ms, until_ms }: Domain): uPlot.AlignedData {
  const tables = series.map(({ device_id, stream, points }): uPlot.AlignedData => {
    const holes = gaps
      .filter((gap) => gap.device_id === device_id && gap.stream === stream)
      .map((gap): [number, null] => [(gap.from_ms + gap.until_ms) / 2, null]);
    const all = [...points, ...holes].sort(([one], [two]) => one - two);
    return [all.map(([at_ms]) => at_ms), all.map(([, value]) => value)];
  });
  const frame: uPlot.AlignedData = [[from_ms, until_ms], [undefined, undefined]];
  const joined = uPlot.join([...tables, frame]);
  return joined.slice(0, series.length + 1) as uPlot.AlignedData;
}
