// What the API answers at an address, asked again every few seconds while somebody looks.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get, Problem } from "./api";
import type { Page } from "./records";

/** `value` stays while a later request fails: then `problem` says that it is out of date. */
export interface Resource<Value> {
  value?: Value;
  problem?: Problem;
  again: () => void;
}

interface Answer<Value> {
  at: string;
  text?: string;
  value?: Value;
  problem?: Problem;
}

type Ask<Value> = (at: string, signal: AbortSignal) => Promise<{ value: Value; text: string }>;

/** Ask once, and then `every_ms` while the page is visible. The same answer again draws nothing again. */
export function useResource<Value>(
  at: string,
  { every_ms, ask = once }: { every_ms?: number; ask?: Ask<Value> } = {},
): Resource<Value> {
  const [answer, setAnswer] = useState<Answer<Value>>({ at });
  const now = useRef<() => void>(() => undefined);

  useEffect(() => {
    const leaving = new AbortController();
    let timer: number | undefined;
    let asking = false;

    const look = async (): Promise<void> => {
      if (asking || leaving.signal.aborted) return;
      asking = true;
      window.clearTimeout(timer);
      try {
        const { value, text } = await ask(at, leaving.signal);
        setAnswer((known) =>
          known.at === at && known.text === text && !known.problem ? known : { at, value, text },
        );
      } catch (error) {
        if (leaving.signal.aborted) return;
        const problem = error instanceof Problem ? error : new Problem(0, "Unexpected", String(error), "unexpected");
        setAnswer((known) => (known.at === at ? { ...known, problem } : { at, problem }));
      } finally {
        asking = false;
        if (every_ms !== undefined && !leaving.signal.aborted && !document.hidden) {
          timer = window.setTimeout(() => void look(), every_ms);
        }
      }
    };
    const seen = (): void => {
      if (document.hidden) window.clearTimeout(timer);
      else if (every_ms !== undefined) void look();
    };

    now.current = () => void look();
    document.addEventListener("visibilitychange", seen);
    void look();
    return () => {
      leaving.abort();
      window.clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [at, every_ms, ask]);

  const again = useCallback(() => now.current(), []);
  const present = answer.at === at ? answer : { at };
  return {
    again,
    ...(present.value !== undefined && { value: present.value }),
    ...(present.problem && { problem: present.problem }),
  };
}

/** The first `pages` pages of a list, as one. */
export function usePages<Item>(at: string, { pages, every_ms }: { pages: number; every_ms?: number }): Resource<Page<Item>> {
  const ask = useCallback<Ask<Page<Item>>>(
    async (from, signal) => {
      const items: Item[] = [];
      const texts: string[] = [];
      let next: string | number | undefined;
      for (let page = 0; page < pages && (page === 0 || next !== undefined); page += 1) {
        const after = next === undefined ? "" : `${from.includes("?") ? "&" : "?"}after=${encodeURIComponent(next)}`;
        const { value, text } = await get<Page<Item>>(`${from}${after}`, { signal });
        items.push(...value.items);
        texts.push(text);
        next = value.next;
      }
      return { value: { items, ...(next !== undefined && { next }) }, text: texts.join("\n") };
    },
    [pages],
  );
  return useResource(at, { ask, ...(every_ms !== undefined && { every_ms }) });
}

function once<Value>(at: string, signal: AbortSignal): Promise<{ value: Value; text: string }> {
  return get<Value>(at, { signal });
}
