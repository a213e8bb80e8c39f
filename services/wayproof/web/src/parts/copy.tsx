// A hash or an id: shown short, copied whole.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { short } from "../words";
import { Icon } from "./icon";

export function Copyable({ text, what, whole = false }: { text: string; what: string; whole?: boolean }): JSX.Element {
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return; // the whole text stands in the title, to be marked by hand
    }
    setCopied(true);
    window.setTimeout(() => setCopied(false), 2000);
  };
  return (
    <span class="copyable">
      <code title={text}>{whole ? text : short(text)}</code>
      <button type="button" class="small" onClick={() => void copy()} aria-label={`Copy ${what} ${short(text)}`}>
        <Icon name={copied ? "passed" : "copy"} />
      </button>
      <span class="hidden" role="status">
        {copied ? "Copied" : ""}
      </span>
    </span>
  );
}
