// An evidence file from anywhere, checked by the verifier's own code.

import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { postFile, Problem } from "../api";
import { ReportShown } from "../parts/report";
import { ProblemNote } from "../parts/state";
import { Title } from "../parts/title";
import { size } from "../quantity";
import type { Verification } from "../records";

const MAX_BYTES = 256 * 1024 * 1024;

type State =
  | { step: "waiting" }
  | { step: "working"; file: File }
  | { step: "done"; file: File; verification: Verification }
  | { step: "refused"; problem: Problem };

export function VerifyFile(): JSX.Element {
  const [state, setState] = useState<State>({ step: "waiting" });
  const [over, setOver] = useState(false);
  const latest = useRef<File | undefined>(undefined);

  const check = async (file: File | undefined): Promise<void> => {
    if (!file) return;
    latest.current = file;
    if (file.size > MAX_BYTES) {
      const detail = `The file has ${size(file.size)}; here at most 256 MiB are checked. Check it with wayproof-verify on the command line.`;
      setState({ step: "refused", problem: new Problem(0, "Too large", detail, "too_large") });
      return;
    }
    setState({ step: "working", file });
    try {
      const verification = await postFile<Verification>("/verifications", file);
      if (latest.current === file) setState({ step: "done", file, verification });
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem(0, "Unexpected", String(error), "unexpected");
      if (latest.current === file) setState({ step: "refused", problem });
    }
  };
  const dropped = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    void check(event.dataTransfer?.files[0]);
  };
  return (
    <>
      <div class="title">
        <Title text="Verify a file" />
        <p class="quiet">Any evidence file, ours or another organisation's, on this channel</p>
      </div>
      <label
        class={`drop ${over ? "over" : ""}`}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={dropped}
      >
        <span>
          <strong>Choose an evidence file</strong>, or drop it here
        </span>
        <input
          type="file"
          onChange={(event) => {
            void check(event.currentTarget.files?.[0]);
            event.currentTarget.value = "";
          }}
        />
      </label>
      <div aria-live="polite">
        {state.step === "working" && (
          <p class="state">
            Checking {state.file.name} ({size(state.file.size)}) …
          </p>
        )}
        {state.step === "refused" && <ProblemNote problem={state.problem} />}
        {state.step === "done" && (
          <>
            <h2>{state.file.name}</h2>
            <ReportShown verification={state.verification} file={state.file.name} />
          </>
        )}
      </div>
    </>
  );
}
