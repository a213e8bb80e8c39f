// How far the proof is: messages held, sealed in the log, anchored on the ledger; and the anchors that do it.

import type { JSX } from "preact";
import { count } from "../quantity";
import type { Anchor, Proof } from "../records";
import { At } from "../time";
import { Copyable } from "./copy";
import { Icon } from "./icon";
import { Empty } from "./state";

export function ProofState({ proof, held_here }: { proof: Proof; held_here: boolean }): JSX.Element {
  const { messages, sealed, anchored, anchors } = proof;
  const steps: [name: string, number: number, says: string][] = [
    ["Held", messages, "stored durably, and receipted to the device"],
    ["Sealed", sealed, "given their place in the log, for ever"],
    ["Anchored", anchored, "under a root on the ledger: nobody can change them unseen"],
  ];
  return (
    <>
      {held_here ? (
        <ol class="meter">
          {steps.map(([name, number, says]) => (
            <li key={name} class={messages > 0 && number === messages ? "full" : "part"}>
              <span class="meter-name">
                <Icon name={messages > 0 && number === messages ? "passed" : "attention"} />
                {name}
              </span>
              <span class="meter-number number">
                {count(number)} <span class="quiet">of {count(messages)} messages</span>
              </span>
              <progress max={Math.max(1, messages)} value={number} aria-label={`${name}: ${number} of ${messages} messages`} />
              <span class="quiet">{says}</span>
            </li>
          ))}
        </ol>
      ) : (
        <Empty>
          The messages are with the organisation that keeps the log; the anchors of its log stand on the ledger for everyone
          to check.
        </Empty>
      )}
      <p class="caption">
        The log has {count(proof.log_size)} entries, {count(proof.anchored_size)} of them anchored. Below are the anchors
        nearest to this shipment's events, the latest first.
      </p>
      {anchors.length === 0 ? <Empty>No anchor yet.</Empty> : <Anchors anchors={[...anchors].reverse()} />}
    </>
  );
}

function Anchors({ anchors }: { anchors: Anchor[] }): JSX.Element {
  return (
    <table class="stacked">
      <caption class="hidden">Anchors of the log on the ledger</caption>
      <thead>
        <tr>
          <th scope="col">Log, epoch, counter</th>
          <th scope="col" class="right">
            Size
          </th>
          <th scope="col">Root</th>
          <th scope="col">When</th>
          <th scope="col" class="right">
            Block
          </th>
          <th scope="col">Transaction</th>
        </tr>
      </thead>
      <tbody>
        {anchors.map((anchor) => (
          <tr key={`${anchor.log_id} ${anchor.epoch} ${anchor.counter}`}>
            <td data-label="Log, epoch, counter">
              {anchor.log_id}, {anchor.epoch}, {count(anchor.counter)}
            </td>
            <td data-label="Size" class="right number">
              {count(anchor.size)}
            </td>
            <td data-label="Root">
              <Copyable text={anchor.root} what="root" />
            </td>
            <td data-label="When">
              <At at_ms={anchor.at_ms} />
            </td>
            <td data-label="Block" class="right number">
              {count(anchor.block_number)}
            </td>
            <td data-label="Transaction">
              <Copyable text={anchor.tx_id} what="transaction id" />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
