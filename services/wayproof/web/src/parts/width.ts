// How wide an element is now, so that drawings keep their text readable at every width.

import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

export function useWidth<Kind extends HTMLElement>(): [RefObject<Kind | null>, number] {
  const element = useRef<Kind>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const seen = element.current;
    if (!seen) return undefined;
    setWidth(Math.floor(seen.clientWidth));
    const observer = new ResizeObserver(() => setWidth(Math.floor(seen.clientWidth)));
    observer.observe(seen);
    return () => observer.disconnect();
  }, []);
  return [element, width];
}
