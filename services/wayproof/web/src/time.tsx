// Instants as people read them: how long ago, and exactly when, in the reader's time zone.

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const EXACT = new Intl.DateTimeFormat("en-GB", {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  timeZoneName: "short",
});
const SHORT = new Intl.DateTimeFormat("en-GB", { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });

/** "4 Jan 2026, 14:05 UTC" */
export function exact(at_ms: number): string {
  return EXACT.format(at_ms);
}

/** "4 Jan, 14:05" */
export function brief(at_ms: number): string {
  return SHORT.format(at_ms);
}

/** "3 d 4 h", "2 h 5 min", "40 s": two parts at most. */
export function duration(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  if (whole < MINUTE_MS) return `${Math.round(whole / 1000)} s`;
  if (whole < HOUR_MS) return `${Math.round(whole / MINUTE_MS)} min`;
  const [big, small, bigName, smallName] =
    whole < DAY_MS ? ([HOUR_MS, MINUTE_MS, "h", "min"] as const) : ([DAY_MS, HOUR_MS, "d", "h"] as const);
  const rest = Math.floor((whole % big) / small);
  return `${Math.floor(whole / big)} ${bigName}${rest ? ` ${rest} ${smallName}` : ""}`;
}

export function relative(at_ms: number, now_ms: number): string {
  const distance = at_ms - now_ms;
  if (Math.abs(distance) < 5000) return "just now";
  return distance > 0 ? `in ${duration(distance)}` : `${duration(-distance)} ago`;
}

/** The present instant, moving on every ten seconds. */
export function useNow(): number {
  const [now_ms, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 10_000);
    return () => window.clearInterval(timer);
  }, []);
  return now_ms;
}

/** How long ago, with the exact time to see on hovering and, when `both`, beside it. */
export function When({ at_ms, both = false }: { at_ms: number; both?: boolean }): JSX.Element {
  const now_ms = useNow();
  return (
    <time dateTime={new Date(at_ms).toISOString()} title={exact(at_ms)}>
      {relative(at_ms, now_ms)}
      {both && <span class="quiet"> · {exact(at_ms)}</span>}
    </time>
  );
}

export function At({ at_ms }: { at_ms: number }): JSX.Element {
  return <time dateTime={new Date(at_ms).toISOString()}>{exact(at_ms)}</time>;
}
