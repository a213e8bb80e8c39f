// Why a reading is not plausible: a sign and words, wherever the reading is shown.

import type { JSX } from "preact";
import type { Flag } from "../records";
import { flag as words } from "../words";
import { Icon } from "./icon";

export function Flags({ flags, brief = false }: { flags: Flag[] | undefined; brief?: boolean }): JSX.Element | null {
  if (!flags || flags.length === 0) return null;
  return (
    <span class="flags">
      {flags.map(({ code, detail }) => (
        <span key={code} class="flagged" title={detail}>
          <Icon name="flag" />
          {words(code)}
          {!brief && detail && `: ${detail}`}
        </span>
      ))}
    </span>
  );
}

/** "2 × Changed too fast, 1 × Clock was set" */
export function counted(flags: Flag[]): string {
  const counts = new Map<string, number>();
  for (const { code } of flags) counts.set(code, (counts.get(code) ?? 0) + 1);
  return [...counts].map(([code, times]) => `${times.toLocaleString("en")} × ${words(code)}`).join(", ");
}
