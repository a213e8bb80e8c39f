// The shipments of this organisation, most urgent first.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { StatusBadge, Reasons, UrgencyBadge } from "../parts/badge";
import { Icon } from "../parts/icon";
import { LimitsBar } from "../parts/limits_bar";
import { Empty, Shown } from "../parts/state";
import { Title } from "../parts/title";
import { count } from "../quantity";
import type { Page, Status, Summary } from "../records";
import { usePages } from "../resource";
import { go, Link } from "../router";
import { brief, When } from "../time";
import { place, plural } from "../words";

const EVERY_MS = 4000;
const PAGE = 100;
const FILTERS: [Status | "all", string][] = [
  ["open", "Open"],
  ["closed", "Closed"],
  ["all", "All"],
];

export function Shipments(): JSX.Element {
  const [status, setStatus] = useState<Status | "all">("open");
  const [pages, setPages] = useState(1);
  const [search, setSearch] = useState("");
  const resource = usePages<Summary>(`/shipments?status=${status}&limit=${PAGE}`, { pages, every_ms: EVERY_MS });
  return (
    <>
      <div class="title">
        <Title text="Shipments" />
        <p class="quiet">{status === "closed" ? "Closed ones, the latest first" : "Most urgent first"}</p>
      </div>
      <form class="bar" role="search" onSubmit={(event) => open(event, search)}>
        <fieldset class="choice">
          <legend class="hidden">Which shipments</legend>
          {FILTERS.map(([value, label]) => (
            <label key={value}>
              <input type="radio" name="status" checked={status === value} onChange={() => setStatus(value)} />
              <span>{label}</span>
            </label>
          ))}
        </fieldset>
        <label class="search">
          <span class="hidden">Search by GSIN, place, product or custodian</span>
          <input
            type="search"
            placeholder="GSIN, place, product, custodian"
            value={search}
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
        </label>
      </form>
      <Shown resource={resource} what="shipments">
        {(page) => <Found page={page} search={search} status={status} more={() => setPages(pages + 1)} />}
      </Shown>
    </>
  );
}

function Found({
  page,
  search,
  status,
  more,
}: {
  page: Page<Summary>;
  search: string;
  status: Status | "all";
  more: () => void;
}): JSX.Element {
  const found = page.items.filter((summary) => matches(summary, search));
  return (
    <>
      <p class="hidden" role="status">
        {plural(found.length, "shipment")}
      </p>
      {found.length === 0 ? (
        <Empty>
          {search ? (
            <p>
              None of the {plural(page.items.length, "shipment")} shown here matches “{search}”.
              {page.next !== undefined && " There are more: show them below."}
            </p>
          ) : (
            <p>
              No {status === "all" ? "" : status} shipments. They appear by themselves when this organisation becomes a
              party to one.
            </p>
          )}
        </Empty>
      ) : (
        <ol class="shipments">
          {found.map((summary) => (
            <Row key={summary.gsin} summary={summary} />
          ))}
        </ol>
      )}
      {page.next !== undefined && (
        <button type="button" onClick={more}>
          Show more
        </button>
      )}
    </>
  );
}

function Row({ summary }: { summary: Summary }): JSX.Element {
  const { gsin, lane, excursions, missing } = summary;
  const temperature = summary.latest.measurements.find(({ name }) => name.split("/").at(-1) === "temperature");
  return (
    <li class={`shipment-row ${summary.urgency}`}>
      <div class="why">
        {summary.status === "closed" ? <StatusBadge status="closed" /> : <UrgencyBadge urgency={summary.urgency} />}
        <Reasons reasons={summary.reasons} />
      </div>
      <div class="what">
        <Link href={`/shipments/${encodeURIComponent(gsin)}`} class="cover">
          {summary.content || "Shipment"}
        </Link>
        <span class="lane">
          {place(lane.origin)} <Icon name="arrow" />
          <span class="hidden">to</span> {place(lane.destination)}
        </span>
        <span class="quiet">
          <span class="number">{gsin}</span> · {lane.mode}
        </span>
      </div>
      <div class="how">
        {temperature ? (
          <LimitsBar measurement={temperature} limit={temperature.limit} />
        ) : (
          <span class="quiet">No temperature yet</span>
        )}
      </div>
      <dl class="facts">
        <div>
          <dt>Custodian</dt>
          <dd>{summary.custodian}</dd>
        </div>
        <div>
          <dt>Due</dt>
          <dd>
            <When at_ms={summary.due_at_ms} />
            <br />
            <span class="quiet">{brief(summary.due_at_ms)}</span>
          </dd>
        </div>
        <div>
          <dt>Last heard</dt>
          <dd>{summary.last_received_at_ms ? <When at_ms={summary.last_received_at_ms} /> : "never"}</dd>
        </div>
        <div>
          <dt>Excursions</dt>
          <dd>
            {excursions.total === 0
              ? "none"
              : `${count(excursions.total)}${excursions.open ? `, ${excursions.open} going on` : ""}${
                  excursions.unresolved ? `, ${excursions.unresolved} unresolved` : ""
                }`}
          </dd>
        </div>
        <div>
          <dt>Missing</dt>
          <dd>{missing === 0 ? "nothing" : plural(missing, "message")}</dd>
        </div>
      </dl>
    </li>
  );
}

function matches({ gsin, lane, content, custodian }: Summary, search: string): boolean {
  const text = [gsin, lane.origin.name, lane.origin.gln, lane.destination.name, lane.destination.gln, content, custodian]
    .join("\n")
    .toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** A whole GSIN and Enter leads to its shipment, shown here or not. */
function open(event: Event, search: string): void {
  event.preventDefault();
  const gsin = search.trim();
  if (/^\d{17}$/.test(gsin)) go(`/shipments/${gsin}`);
}
