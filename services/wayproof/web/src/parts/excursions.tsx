// Excursions as they stand on the ledger, the superseded ones too: nothing is rewritten.

import type { JSX } from "preact";
import { shown } from "../quantity";
import type { Excursion } from "../records";
import { At, duration, useNow } from "../time";
import { plain, RESOLUTIONS } from "../words";
import { Copyable } from "./copy";
import { Icon } from "./icon";
import { Empty } from "./state";

export function Excursions({
  excursions,
  resolve,
}: {
  excursions: Excursion[];
  resolve: ((excursion: Excursion) => void) | undefined;
}): JSX.Element {
  if (excursions.length === 0) return <Empty>No excursion was recorded.</Empty>;
  return (
    <ul class="cards">
      {[...excursions].sort(byUrgency).map((excursion) => (
        <One key={excursion.excursion_id} excursion={excursion} resolve={resolve} />
      ))}
    </ul>
  );
}

/** Going on, unresolved, resolved, superseded; the latest first. */
function byUrgency(one: Excursion, two: Excursion): number {
  const rank = ({ standing, resolution, ended_at_ms }: Excursion): number =>
    !standing ? 3 : resolution ? 2 : ended_at_ms ? 1 : 0;
  return rank(one) - rank(two) || two.started_at_ms - one.started_at_ms;
}

function One({
  excursion,
  resolve,
}: {
  excursion: Excursion;
  resolve: ((excursion: Excursion) => void) | undefined;
}): JSX.Element {
  const now_ms = useNow();
  const { direction, name, started_at_ms, ended_at_ms, standing, resolution } = excursion;
  const tone = !standing ? "plain" : resolution ? "fine" : ended_at_ms ? "warning" : "critical";
  const words = !standing ? "Superseded" : resolution ? (RESOLUTIONS[resolution] ?? plain(resolution)) : ended_at_ms ? "Unresolved" : "Going on";
  return (
    <li class={`card ${standing ? "" : "superseded"}`}>
      <p class="card-head">
        <strong>
          {direction === "high" ? "▲ Too high" : "▼ Too low"}: {plain(name).toLowerCase()}
        </strong>
        <span class={`badge ${tone}`}>
          {tone !== "plain" && <Icon name={tone} />}
          {words}
        </span>
      </p>
      <dl class="pairs">
        <div>
          <dt>Peak</dt>
          <dd class="number">{shown(excursion.peak)}</dd>
        </div>
        <div>
          <dt>From</dt>
          <dd>
            <At at_ms={started_at_ms} />
          </dd>
        </div>
        <div>
          <dt>Until</dt>
          <dd>{ended_at_ms ? <At at_ms={ended_at_ms} /> : "going on"}</dd>
        </div>
        <div>
          <dt>Lasted</dt>
          <dd>{duration((ended_at_ms ?? now_ms) - started_at_ms)}</dd>
        </div>
        <div>
          <dt>Custodian then</dt>
          <dd>{excursion.custodian ?? "not known"}</dd>
        </div>
        <div>
          <dt>Device</dt>
          <dd>
            {excursion.device_id} / {excursion.stream}
          </dd>
        </div>
      </dl>
      {excursion.remark && <p>{excursion.remark}</p>}
      <p class="quiet ids">
        <span>
          {excursion.excursion_id}, rule {excursion.rule}, as of <At at_ms={excursion.as_of_ms} />
        </span>
        <Copyable text={excursion.tx_id} what="transaction id" />
        {resolve && standing && !resolution && (
          <button type="button" class="small wide" onClick={() => resolve(excursion)}>
            Resolve …
          </button>
        )}
      </p>
    </li>
  );
}
