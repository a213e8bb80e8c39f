// What a page shows when it has nothing to show yet, nothing at all, or trouble.

import type { ComponentChildren, JSX } from "preact";
import type { Problem } from "../api";
import type { Resource } from "../resource";
import { Icon } from "./icon";

export function Loading({ what }: { what: string }): JSX.Element {
  return (
    <p class="state" role="status">
      Loading {what} …
    </p>
  );
}

export function Empty({ children }: { children: ComponentChildren }): JSX.Element {
  return <div class="state">{children}</div>;
}

/** A problem in its own words, and a way to try again. */
export function ProblemNote({ problem, again }: { problem: Problem; again?: () => void }): JSX.Element {
  return (
    <div class="note critical" role="alert">
      <Icon name="critical" />
      <div>
        <strong>{problem.title}</strong>
        <p>{problem.detail}</p>
        <p class="quiet">
          <code>{problem.code}</code>
          {problem.status > 0 && ` · HTTP ${problem.status}`}
        </p>
      </div>
      {again && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Draws a resource: loading, a problem, or the value; the value with a warning when it is out of date. */
export function Shown<Value>({
  resource,
  what,
  children,
}: {
  resource: Resource<Value>;
  what: string;
  children: (value: Value) => ComponentChildren;
}): JSX.Element {
  const { value, problem, again } = resource;
  if (value === undefined) return problem ? <ProblemNote problem={problem} again={again} /> : <Loading what={what} />;
  return (
    <>
      {problem && (
        <div class="note warning" role="status">
          <Icon name="warning" />
          <div>
            <strong>This may be out of date.</strong> {problem.detail} It is asked again by itself.
          </div>
        </div>
      )}
      {children(value)}
    </>
  );
}
