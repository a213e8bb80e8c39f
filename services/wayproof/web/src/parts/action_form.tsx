// A form in a dialog that sends one change, and says what went wrong in the API's own words.

import type { ComponentChildren, JSX } from "preact";
import { useId, useState } from "preact/hooks";
import { post, Problem } from "../api";
import { Dialog } from "./dialog";
import { ProblemNote } from "./state";

const REMARK_LENGTH = 2000;

export type Field = { name: string; label: string; optional?: boolean } & (
  | { kind: "remark" | "instant" }
  | { kind: "line"; value: string }
  | { kind: "choice"; options: [value: string, label: string][] }
);

export function ActionForm({
  title,
  says,
  at,
  fields,
  body,
  close,
  done,
  children,
}: {
  title: string;
  says: string;
  at: string;
  fields: Field[];
  body: (data: FormData) => unknown;
  close: () => void;
  done: (shown: boolean) => void;
  children?: ComponentChildren;
}): JSX.Element {
  const [sending, setSending] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (sending) return;
    setSending(true);
    setProblem(undefined);
    try {
      const { shown } = await post(at, body(new FormData(event.target as HTMLFormElement)));
      done(shown);
    } catch (error) {
      setProblem(error instanceof Problem ? error : new Problem(0, "Not sent", String((error as Error).message), "not_sent"));
      setSending(false);
    }
  };
  return (
    <Dialog title={title} close={close}>
      <form class="fields" onSubmit={(event) => void send(event)}>
        <p>{says}</p>
        {fields.map((field) => (
          <OneField key={field.name} field={field} />
        ))}
        {children}
        {problem && <ProblemNote problem={problem} />}
        <div class="buttons">
          <button type="submit" class="primary" aria-disabled={sending}>
            {sending ? "Recording on the ledger …" : title}
          </button>
          <button type="button" onClick={close}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function OneField({ field }: { field: Field }): JSX.Element {
  const id = useId();
  const { name, label, optional = false } = field;
  const common = { id, name, required: !optional };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {field.kind === "remark" && <textarea {...common} rows={3} maxLength={REMARK_LENGTH} />}
      {field.kind === "instant" && <input {...common} type="datetime-local" />}
      {field.kind === "line" && <input {...common} type="text" defaultValue={field.value} autoComplete="off" spellcheck={false} />}
      {field.kind === "choice" && (
        <select {...common}>
          {field.options.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      )}
    </div>
  );
}
