// Urgency and its reasons: sign, word and colour, never the colour alone.

import type { JSX } from "preact";
import type { Reason, Status, Urgency } from "../records";
import { URGENCIES } from "../words";
import { Icon } from "./icon";

export function UrgencyBadge({ urgency }: { urgency: Urgency }): JSX.Element {
  return (
    <span class={`badge ${urgency}`}>
      <Icon name={urgency} />
      {URGENCIES[urgency]}
    </span>
  );
}

export function StatusBadge({ status }: { status: Status }): JSX.Element {
  return <span class="badge plain">{status === "open" ? "Open" : "Closed"}</span>;
}

export function Reasons({ reasons }: { reasons: Reason[] }): JSX.Element | null {
  if (reasons.length === 0) return null;
  return (
    <ul class="reasons">
      {reasons.map(({ code, text }) => (
        <li key={code + text}>{text}</li>
      ))}
    </ul>
  );
}
