// Single readings with what proves each: its message, the leaf in the log, the anchor above it.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { path } from "../api";
import { count, shown } from "../quantity";
import type { SingleReading } from "../records";
import { usePages } from "../resource";
import { exact } from "../time";
import { Copyable } from "./copy";
import { Flags } from "./flags";
import { Empty, Shown } from "./state";

export function SingleReadings({ gsin }: { gsin: string }): JSX.Element {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Single readings, each with its message, leaf and anchor</summary>
      {open && <List gsin={gsin} />}
    </details>
  );
}

function List({ gsin }: { gsin: string }): JSX.Element {
  const [pages, setPages] = useState(1);
  const resource = usePages<SingleReading>(`${path("shipments", gsin, "readings")}?limit=50`, { pages });
  return (
    <Shown resource={resource} what="readings">
      {({ items, next }) => (
        <>
          {items.length === 0 ? <Empty>No reading has arrived yet.</Empty> : <Table readings={items} />}
          {next !== undefined && (
            <button type="button" onClick={() => setPages(pages + 1)}>
              Show more
            </button>
          )}
        </>
      )}
    </Shown>
  );
}

function Table({ readings }: { readings: SingleReading[] }): JSX.Element {
  return (
    <table class="stacked">
      <caption class="hidden">Single readings, the newest first</caption>
      <thead>
        <tr>
          <th scope="col">Observed</th>
          <th scope="col">Reading</th>
          <th scope="col">Message</th>
          <th scope="col">Leaf</th>
          <th scope="col">Anchor</th>
        </tr>
      </thead>
      <tbody>
        {readings.map((reading) => {
          const { device_id, stream, name, observed_at_ms, message, leaf, anchor } = reading;
          return (
            <tr key={`${device_id} ${stream} ${name} ${observed_at_ms} ${message.hash}`}>
              <td data-label="Observed">{exact(observed_at_ms)}</td>
              <td data-label="Reading">
                <strong class="number">{valueOf(reading)}</strong> {name}
                <br />
                <span class="quiet">
                  {device_id} / {stream}
                </span>
                <Flags flags={reading.flags} />
              </td>
              <td data-label="Message">
                boot {message.boot}, sequence {message.sequence}
                <br />
                <Copyable text={message.hash} what="message hash" />
              </td>
              <td data-label="Leaf">{leaf ? `${leaf.log_id}, ${leaf.epoch}, ${count(leaf.index)}` : "not sealed yet"}</td>
              <td data-label="Anchor">
                {anchor ? (
                  <>
                    {count(anchor.counter)}, block {count(anchor.block_number)}
                    <br />
                    <Copyable text={anchor.tx_id} what="transaction id" />
                  </>
                ) : (
                  "not anchored yet"
                )}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function valueOf({ value, scale, unit, text }: SingleReading): string {
  return value === undefined || scale === undefined ? (text ?? "") : shown({ value, scale, unit: unit ?? "" });
}
