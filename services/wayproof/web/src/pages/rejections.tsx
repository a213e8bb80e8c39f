// What was refused, and why: nothing is thrown away without a word.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Copyable } from "../parts/copy";
import { Empty, Shown } from "../parts/state";
import { Title } from "../parts/title";
import { count, size } from "../quantity";
import type { Rejection } from "../records";
import { usePages } from "../resource";
import { When } from "../time";

const EVERY_MS = 5000;

export function Rejections(): JSX.Element {
  const [pages, setPages] = useState(1);
  const resource = usePages<Rejection>("/rejections?limit=100", { pages, every_ms: EVERY_MS });
  return (
    <>
      <div class="title">
        <Title text="Rejections" />
        <p class="quiet">Payloads that ingest refused, the newest first. Each was acknowledged, and harmed no neighbour.</p>
      </div>
      <Shown resource={resource} what="rejections">
        {({ items, next }) => (
          <>
            {items.length === 0 ? <Empty>Nothing was refused.</Empty> : <List rejections={items} />}
            {next !== undefined && (
              <button type="button" onClick={() => setPages(pages + 1)}>
                Show more
              </button>
            )}
          </>
        )}
      </Shown>
    </>
  );
}

function List({ rejections }: { rejections: Rejection[] }): JSX.Element {
  return (
    <table class="stacked">
      <caption class="hidden">Rejections</caption>
      <thead>
        <tr>
          <th scope="col">Code and detail</th>
          <th scope="col">Topic</th>
          <th scope="col" class="right">
            Size
          </th>
          <th scope="col" class="right">
            Times
          </th>
          <th scope="col">First, last</th>
          <th scope="col">In the log</th>
        </tr>
      </thead>
      <tbody>
        {rejections.map((rejection) => (
          <tr key={rejection.rejection_id}>
            <td data-label="Code and detail">
              <code>{rejection.code}</code>
              <br />
              {rejection.detail}
            </td>
            <td data-label="Topic" class="break">
              {rejection.topic}
              {rejection.payload_hash && (
                <>
                  <br />
                  <Copyable text={rejection.payload_hash} what="payload hash" />
                </>
              )}
            </td>
            <td data-label="Size" class="right">
              {size(rejection.payload_size)}
            </td>
            <td data-label="Times" class="right number">
              {count(rejection.times)}
            </td>
            <td data-label="First, last">
              <When at_ms={rejection.first_received_at_ms} />
              {rejection.times > 1 && (
                <>
                  <br />
                  <When at_ms={rejection.last_received_at_ms} />
                </>
              )}
            </td>
            <td data-label="In the log">{rejection.logged ? "logged" : "not logged"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
