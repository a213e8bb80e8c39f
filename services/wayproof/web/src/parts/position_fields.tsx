// The positions of streams that are not held here, as read from the device at a handover. Left empty, an acceptance
// confirms those of the offer; where they are needed, the API says so.

import type { JSX } from "preact";
import type { Attachment, Position } from "../records";

export function PositionFields({
  attachments,
  known = [],
}: {
  attachments: Attachment[];
  known?: Position[] | undefined;
}): JSX.Element | null {
  const elsewhere = attached(attachments);
  if (elsewhere.length === 0) return null;
  return (
    <details class="positions" open={known.length === 0}>
      <summary>Positions read from the device{known.length > 0 && " (those of the offer, when left empty)"}</summary>
      <p class="quiet">
        The messages of these streams are with another organisation. Name the last message of each, as the device shows it
        at the handover.
      </p>
      {elsewhere.map(({ device_id, stream }, index) => (
        <fieldset key={`${device_id}/${stream}`}>
          <legend>
            {device_id} / {stream}
          </legend>
          <label>
            Boot
            <input name={`boot-${index}`} inputMode="numeric" pattern="[0-9]{1,15}" autoComplete="off" />
          </label>
          <label>
            Sequence
            <input name={`sequence-${index}`} inputMode="numeric" pattern="[0-9]{1,15}" autoComplete="off" />
          </label>
          <label class="grow">
            Message hash (64 hex digits)
            <input name={`hash-${index}`} pattern="[0-9a-f]{64}" autoComplete="off" spellcheck={false} />
          </label>
        </fieldset>
      ))}
    </details>
  );
}

/** `{positions}` when any was filled in, else nothing. */
export function positionsOf(data: FormData, attachments: Attachment[]): { positions?: Position[] } {
  const word = (name: string): string => String(data.get(name) ?? "").trim();
  const positions = attached(attachments).flatMap(({ device_id, stream }, index) => {
    const hash = word(`hash-${index}`);
    return hash
      ? [{ device_id, stream, boot: Number(word(`boot-${index}`)), sequence: Number(word(`sequence-${index}`)), hash }]
      : [];
  });
  return positions.length > 0 ? { positions } : {};
}

function attached(attachments: Attachment[]): Attachment[] {
  return attachments.filter(({ end, held_here }) => !end && !held_here);
}
