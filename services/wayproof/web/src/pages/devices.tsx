// The registered devices: their streams, keys, last message, and where they are attached.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Copyable } from "../parts/copy";
import { Icon } from "../parts/icon";
import { Empty, Shown } from "../parts/state";
import { Title } from "../parts/title";
import { count } from "../quantity";
import type { Device } from "../records";
import { usePages } from "../resource";
import { Link } from "../router";
import { When } from "../time";

const EVERY_MS = 5000;

export function Devices(): JSX.Element {
  const [pages, setPages] = useState(1);
  const resource = usePages<Device>("/devices?limit=100", { pages, every_ms: EVERY_MS });
  return (
    <>
      <div class="title">
        <Title text="Devices" />
        <p class="quiet">Registered on the ledger; what they sent is told where their log is kept</p>
      </div>
      <Shown resource={resource} what="devices">
        {({ items, next }) => (
          <>
            {items.length === 0 ? <Empty>No device is registered yet.</Empty> : <List devices={items} />}
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

function List({ devices }: { devices: Device[] }): JSX.Element {
  return (
    <table class="stacked">
      <caption class="hidden">Devices</caption>
      <thead>
        <tr>
          <th scope="col">Device</th>
          <th scope="col">Organisation, log</th>
          <th scope="col">Streams</th>
          <th scope="col">Last message</th>
          <th scope="col">Attached to</th>
          <th scope="col">Key</th>
        </tr>
      </thead>
      <tbody>
        {devices.map((device) => (
          <Row key={device.device_id} device={device} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ device }: { device: Device }): JSX.Element {
  const { device_id, model, organisation, home_log, keys, streams, attached, last_received_at_ms } = device;
  return (
    <tr>
      <td data-label="Device">
        <strong>{device_id}</strong>
        <br />
        <span class="quiet">{model}</span>
        {device.revoked && (
          <>
            <br />
            <span class="badge critical">
              <Icon name="critical" /> Revoked
            </span>
          </>
        )}
      </td>
      <td data-label="Organisation, log">
        {organisation}
        <br />
        <span class="quiet">{home_log}</span>
      </td>
      <td data-label="Streams">
        {streams.length === 0 ? <span class="quiet">none heard here</span> : (
          <ul class="plain">
            {streams.map(({ stream, boot, sequence }) => (
              <li key={stream}>
                {stream || "unsigned"}{" "}
                <span class="quiet">
                  boot {boot}, sequence {count(sequence)}
                </span>
              </li>
            ))}
          </ul>
        )}
      </td>
      <td data-label="Last message">{last_received_at_ms ? <When at_ms={last_received_at_ms} /> : "–"}</td>
      <td data-label="Attached to">
        {attached.length === 0 ? "–" : (
          <ul class="plain">
            {attached.map(({ gsin, stream }) => (
              <li key={gsin + stream}>
                <Link href={`/shipments/${encodeURIComponent(gsin)}`}>{gsin}</Link> <span class="quiet">{stream}</span>
              </li>
            ))}
          </ul>
        )}
      </td>
      <td data-label="Key">
        {keys.length === 0 ? "unsigned" : (
          <ul class="plain">
            {keys.map(({ key_id = "", algorithm, current }) => (
              <li key={key_id}>
                {key_id ? algorithm : "unsigned"} {key_id && <Copyable text={key_id} what="key id" />}
                {!current && <span class="quiet"> ended</span>}
              </li>
            ))}
          </ul>
        )}
      </td>
    </tr>
  );
}
