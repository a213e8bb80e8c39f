// What lies behind the lines of a chart: limits, excursions, gaps, handovers. Every colour comes with a word or a pattern.

import type uPlot from "uplot";
import { decimal, unit } from "../quantity";
import type { Excursion, Gap, Limit, TraceFlag } from "../records";
import type { Colours } from "./colours";

export interface Marks {
  limit: Limit | undefined;
  excursions: Excursion[];
  gaps: Gap[];
  flags: TraceFlag[];
  handovers: number[];
}

const SMALL_PX = 11;

export function drawMarks(plot: uPlot, { limit, excursions, gaps, handovers }: Marks, colours: Colours): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio || 1;
  const x = (at_ms: number): number => plot.valToPos(at_ms, "x", true);
  const y = (value: number): number => plot.valToPos(value, "y", true);
  const span = (from_ms: number, until_ms: number): [number, number] => [x(from_ms), Math.max(2 * ratio, x(until_ms) - x(from_ms))];

  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.font = `${SMALL_PX * ratio}px system-ui, sans-serif`;

  if (limit) {
    const low = limit.low === undefined ? undefined : y(limit.low / 10 ** limit.scale);
    const high = limit.high === undefined ? undefined : y(limit.high / 10 ** limit.scale);
    const top = high ?? bbox.top;
    ctx.fillStyle = colours("band");
    ctx.fillRect(bbox.left, top, bbox.width, (low ?? bbox.top + bbox.height) - top);
    ctx.strokeStyle = colours("band-line");
    ctx.fillStyle = colours("fine");
    ctx.lineWidth = ratio;
    ctx.setLineDash([5 * ratio, 4 * ratio]);
    ctx.textAlign = "left";
    for (const [side, at, value] of [["high", high, limit.high], ["low", low, limit.low]] as const) {
      if (at === undefined || value === undefined) continue;
      line(ctx, [bbox.left, at], [bbox.left + bbox.width, at]);
      const text = `${side} limit ${decimal(value, limit.scale)} ${unit(limit.unit)}`;
      ctx.textBaseline = side === "high" ? "bottom" : "top";
      ctx.fillText(text, bbox.left + 4 * ratio, at + (side === "high" ? -3 : 3) * ratio);
    }
    ctx.setLineDash([]);
  }

  for (const gap of gaps) {
    const [from, width] = span(gap.from_ms, gap.until_ms);
    hatch(ctx, { from, width, top: bbox.top, height: bbox.height, step: 7 * ratio, colour: colours("gap") });
    label(ctx, `${gap.missing} missing`, { from, width, at: bbox.top + bbox.height - 5 * ratio, colour: colours("muted"), bbox });
  }

  for (const excursion of excursions) {
    const [from, width] = span(excursion.started_at_ms, excursion.ended_at_ms ?? plot.scales.x?.max ?? excursion.as_of_ms);
    ctx.fillStyle = colours("excursion");
    ctx.fillRect(from, bbox.top, width, bbox.height);
    ctx.fillStyle = colours("critical");
    ctx.fillRect(from, bbox.top, width, 3 * ratio);
    const words = excursion.direction === "high" ? "▲ too high" : "▼ too low";
    label(ctx, words, { from, width, at: bbox.top + 16 * ratio, colour: colours("critical"), bbox });
  }

  ctx.strokeStyle = colours("muted");
  ctx.lineWidth = ratio;
  ctx.setLineDash([2 * ratio, 3 * ratio]);
  for (const at_ms of handovers) line(ctx, [x(at_ms), bbox.top], [x(at_ms), bbox.top + bbox.height]);
  ctx.restore();
}

/** A small flag above the axis at each flagged reading; where they stand close, one for all of them. */
export function drawFlags(plot: uPlot, flags: TraceFlag[], colours: Colours): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio || 1;
  const [foot, height, width] = [bbox.top + bbox.height, 16 * ratio, 8 * ratio];
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.strokeStyle = ctx.fillStyle = colours("warning");
  ctx.lineWidth = 1.5 * ratio;
  let last = -Infinity;
  for (const { observed_at_ms } of flags) {
    const at = plot.valToPos(observed_at_ms, "x", true);
    if (at - last < width) continue;
    last = at;
    line(ctx, [at, foot], [at, foot - height]);
    ctx.beginPath();
    ctx.moveTo(at, foot - height);
    ctx.lineTo(at + width, foot - height * 0.78);
    ctx.lineTo(at, foot - height * 0.55);
    ctx.fill();
  }
  ctx.restore();
}

type Point = [x: number, y: number];

function line(ctx: CanvasRenderingContext2D, from: Point, to: Point): void {
  ctx.beginPath();
  ctx.moveTo(...from);
  ctx.lineTo(...to);
  ctx.stroke();
}

function hatch(
  ctx: CanvasRenderingContext2D,
  area: { from: number; width: number; top: number; height: number; step: number; colour: string },
): void {
  ctx.save();
  ctx.beginPath();
  ctx.rect(area.from, area.top, area.width, area.height);
  ctx.clip();
  ctx.strokeStyle = area.colour;
  ctx.lineWidth = area.step / 5;
  for (let start = area.from - area.height; start < area.from + area.width; start += area.step) {
    line(ctx, [start, area.top + area.height], [start + area.height, area.top]);
  }
  ctx.restore();
}

/** Written from the start of its span, or to its end where it would leave the plot; left out where it is too narrow. */
function label(
  ctx: CanvasRenderingContext2D,
  text: string,
  { from, width, at, colour, bbox }: { from: number; width: number; at: number; colour: string; bbox: uPlot.BBox },
): void {
  const ratio = devicePixelRatio || 1;
  const needed = ctx.measureText(text).width + 6 * ratio;
  if (needed > Math.max(width, 90 * ratio)) return;
  const ends = from + needed > bbox.left + bbox.width;
  ctx.fillStyle = colour;
  ctx.textAlign = ends ? "right" : "left";
  ctx.textBaseline = "alphabetic";
  ctx.fillText(text, ends ? Math.min(from + width, bbox.left + bbox.width) - 3 * ratio : from + 3 * ratio, at);
}
