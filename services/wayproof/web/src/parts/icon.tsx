// The few signs that we draw ourselves. They decorate: the words beside them say it.

import type { JSX } from "preact";

const PATHS = {
  critical: "M8 1.5 15 14H1L8 1.5Zm0 4.2v4.1m0 2v.2",
  warning: "M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8Zm0 3v4.4m0 2v.2",
  attention: "M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8Zm0 5.4v4.2m0-6.8v.2",
  fine: "M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8ZM5.2 8.2l2 2 3.6-4",
  passed: "M3 8.5l3.2 3.2L13 4.6",
  failed: "M4 4l8 8m0-8-8 8",
  not_checkable: "M5.6 6a2.4 2.4 0 1 1 3.4 2.2c-.7.3-1 .8-1 1.6m0 2.4v.2",
  download: "M8 2v8m0 0L4.8 6.8M8 10l3.2-3.2M2.5 13.5h11",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  arrow: "M2 8h11m0 0L9 4m4 4-4 4",
  shield: "M8 1.5 13.5 4v4c0 3.4-2.4 5.6-5.5 6.5C4.9 13.6 2.5 11.4 2.5 8V4L8 1.5Z",
  flag: "M3.5 14.5v-13m0 1h8l-2 3 2 3h-8",
  close: "M4 4l8 8m0-8-8 8",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
