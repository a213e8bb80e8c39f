// A page's heading, which is the window's title too and takes the focus when one comes to the page.

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";

export function Title({ text }: { text: string }): JSX.Element {
  useEffect(() => {
    document.title = `${text} · wayproof`;
  }, [text]);
  return <h1 tabIndex={-1}>{text}</h1>;
}
