// The evidence of a shipment: the file to take away, and what the verifier says about it.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { evidenceAddress, get, path, Problem } from "../api";
import type { Shipment, Verification } from "../records";
import { Dialog } from "./dialog";
import { Icon } from "./icon";
import { ReportShown } from "./report";
import { ProblemNote } from "./state";

type State = { step: "closed" | "working" } | { step: "done"; verification: Verification } | { step: "refused"; problem: Problem };

export function evidenceFile(gsin: string): string {
  return `${gsin}.evidence`;
}

/** Where messages are kept elsewhere there is no file to make here: it is said with whom. */
export function EvidenceButtons({ shipment: { gsin, attachments } }: { shipment: Shipment }): JSX.Element {
  const keepers = [...new Set(attachments.filter(({ held_here }) => !held_here).map(({ organisation }) => organisation))];
  const [state, setState] = useState<State>({ step: "closed" });
  const verify = async (): Promise<void> => {
    setState({ step: "working" });
    try {
      const { value } = await get<Verification>(path("shipments", gsin, "verification"));
      setState((now) => (now.step === "closed" ? now : { step: "done", verification: value }));
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem(0, "Unexpected", String(error), "unexpected");
      setState((now) => (now.step === "closed" ? now : { step: "refused", problem }));
    }
  };
  return (
    <>
      {keepers.length === 0 ? (
        <a class="button primary" href={evidenceAddress(gsin)} download={evidenceFile(gsin)}>
          <Icon name="download" /> Download the evidence
        </a>
      ) : (
        <p class="elsewhere quiet">
          <Icon name="attention" /> The evidence file needs the messages: get it from {keepers.join(", ")}.
        </p>
      )}
      {keepers.length === 0 && (
        <button type="button" onClick={() => void verify()}>
          <Icon name="shield" /> Show the verifier's report
        </button>
      )}
      {state.step !== "closed" && (
        <Dialog title="The verifier's report" wide close={() => setState({ step: "closed" })}>
          {state.step === "working" && (
            <p class="state" role="status">
              Gathering the evidence and checking all of it …
            </p>
          )}
          {state.step === "refused" && <ProblemNote problem={state.problem} again={() => void verify()} />}
          {state.step === "done" && <ReportShown verification={state.verification} file={evidenceFile(gsin)} />}
        </Dialog>
      )}
    </>
  );
}
