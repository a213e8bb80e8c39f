// The style sheet's colours for what is drawn on a canvas, and word of a change between light and dark.

import { useEffect, useState } from "preact/hooks";

export type Colours = (name: string) => string;

export function useColours(): Colours {
  const [colours, setColours] = useState<{ of: Colours }>({ of: colour });
  useEffect(() => {
    const scheme = window.matchMedia("(prefers-color-scheme: dark)");
    const changed = (): void => setColours({ of: (name) => colour(name) });
    scheme.addEventListener("change", changed);
    return () => scheme.removeEventListener("change", changed);
  }, []);
  return colours.of;
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
