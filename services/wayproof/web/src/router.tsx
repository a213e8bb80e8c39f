// Which page an address is, and going to another one without loading everything anew.

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

const WENT = "wayproof:went";

export function go(address: string): void {
  if (address !== here()) history.pushState(null, "", address);
  window.dispatchEvent(new Event(WENT));
}

/** The present address without its fragment, and its parts, decoded. */
export function useAddress(): { address: string; parts: string[] } {
  const [address, setAddress] = useState(here());
  useEffect(() => {
    const went = (): void => setAddress(here());
    window.addEventListener("popstate", went);
    window.addEventListener(WENT, went);
    return () => {
      window.removeEventListener("popstate", went);
      window.removeEventListener(WENT, went);
    };
  }, []);
  return { address, parts: (address.split("?")[0] ?? "").split("/").filter(Boolean).map(decoded) };
}

/** A link within the pages; with a modifier key, or another button, the browser does what it always does. */
export function Link({
  href,
  children,
  ...rest
}: {
  href: string;
  children: ComponentChildren;
  class?: string;
  "aria-current"?: "page";
}): JSX.Element {
  const follow = (event: MouseEvent): void => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(href);
    window.scrollTo(0, 0);
  };
  return (
    <a href={href} onClick={follow} {...rest}>
      {children}
    </a>
  );
}

function here(): string {
  return location.pathname + location.search;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
