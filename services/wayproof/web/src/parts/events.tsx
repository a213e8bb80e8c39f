// Everything that the ledger recorded about a shipment, in its order.

import type { JSX } from "preact";
import { count } from "../quantity";
import type { LedgerEvent } from "../records";
import { At } from "../time";
import { event } from "../words";
import { Copyable } from "./copy";

export function Events({ events }: { events: LedgerEvent[] }): JSX.Element {
  return (
    <table class="stacked">
      <caption class="hidden">Events of this shipment on the ledger</caption>
      <thead>
        <tr>
          <th scope="col" class="right">
            Version
          </th>
          <th scope="col">Event</th>
          <th scope="col">By</th>
          <th scope="col">When (claimed)</th>
          <th scope="col" class="right">
            Block
          </th>
          <th scope="col">Transaction</th>
        </tr>
      </thead>
      <tbody>
        {events.map(({ version, kind, organisation, at_ms, tx_id, block_number }) => (
          <tr key={version}>
            <td data-label="Version" class="right number">
              {version}
            </td>
            <td data-label="Event">{event(kind)}</td>
            <td data-label="By">{organisation}</td>
            <td data-label="When (claimed)">
              <At at_ms={at_ms} />
            </td>
            <td data-label="Block" class="right number">
              {count(block_number)}
            </td>
            <td data-label="Transaction">
              <Copyable text={tx_id} what="transaction id" />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
