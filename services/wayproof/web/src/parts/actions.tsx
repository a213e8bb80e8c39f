// What we may do to a shipment now: one button for each request that the API offers, one form behind each.

import type { JSX } from "preact";
import { path } from "../api";
import type { Excursion, Shipment } from "../records";
import { plain, RESOLUTIONS } from "../words";
import { ActionForm, type Field } from "./action_form";
import { PositionFields, positionsOf } from "./position_fields";

/** A request that waits for its form: the name is the last part of its path. */
export type Action =
  | { name: "offers" | "acceptance" | "rejection" | "closure" | "amendments" | "attachments" | "detachments" }
  | { name: "resolution"; excursion: Excursion };

const LABELS: [name: Exclude<Action["name"], "resolution">, label: string][] = [
  ["acceptance", "Accept custody …"],
  ["rejection", "Reject the offer …"],
  ["offers", "Offer custody …"],
  ["closure", "Close …"],
  ["attachments", "Attach a device …"],
  ["detachments", "Detach a device …"],
  ["amendments", "Amend …"],
];

/** `shipments/{gsin}/offers/{version}/acceptance` and `acceptance` name the same. */
export function offered(shipment: Shipment, name: string): boolean {
  return shipment.actions.some((action) => action.split("/").at(-1) === name);
}

export function ActionButtons({ shipment, us, begin }: { shipment: Shipment; us: string; begin: (action: Action) => void }): JSX.Element {
  return (
    <>
      {LABELS.filter(([name]) => offered(shipment, name)).map(([name, label]) => (
        <button key={name} type="button" onClick={() => begin({ name })}>
          {name === "rejection" && shipment.offer?.by === us ? "Withdraw the offer …" : label}
        </button>
      ))}
    </>
  );
}

export function ActionDialog({
  action,
  shipment,
  us,
  close,
  done,
}: {
  action: Action;
  shipment: Shipment;
  us: string;
  close: () => void;
  done: (shown: boolean) => void;
}): JSX.Element {
  const at = (...segments: string[]): string => path("shipments", shipment.gsin, ...segments);
  const common = { close, done };
  const condition = <PositionFields attachments={shipment.attachments} known={shipment.offer?.condition.positions} />;
  const offer = String(shipment.offer?.version ?? "");

  switch (action.name) {
    case "acceptance":
      return (
        <ActionForm
          {...common}
          title="Accept custody"
          says={`${shipment.offer?.by ?? "The custodian"} offers the goods. From the acceptance on we are responsible for them.`}
          at={at("offers", offer, "acceptance")}
          fields={[remark("The condition of the goods as we take them")]}
          body={(data) => ({ remark: text(data, "remark"), ...positionsOf(data, shipment.attachments) })}
        >
          {condition}
        </ActionForm>
      );
    case "rejection":
      return (
        <ActionForm
          {...common}
          title={shipment.offer?.by === us ? "Withdraw the offer" : "Reject the offer"}
          says="Custody stays where it is. The remark is kept on the ledger."
          at={at("offers", offer, "rejection")}
          fields={[remark("Why")]}
          body={(data) => ({ remark: text(data, "remark") })}
        />
      );
    case "offers":
      return (
        <ActionForm
          {...common}
          title="Offer custody"
          says="We stay responsible until the other organisation accepts."
          at={at("offers")}
          fields={[choice("to", "To", takers(shipment, us)), remark("The condition of the goods as we give them")]}
          body={(data) => ({
            to: text(data, "to"),
            remark: text(data, "remark"),
            ...positionsOf(data, shipment.attachments),
          })}
        >
          {condition}
        </ActionForm>
      );
    case "closure":
      return (
        <ActionForm
          {...common}
          title="Close the shipment"
          says="Ends every attached stream. Only amendments can follow."
          at={at("closure")}
          fields={[remark("The condition of the goods on arrival")]}
          body={(data) => ({ remark: text(data, "remark"), ...positionsOf(data, shipment.attachments) })}
        >
          {condition}
        </ActionForm>
      );
    case "resolution":
      return (
        <ActionForm
          {...common}
          title="Resolve the excursion"
          says={`${plain(action.excursion.name)} ${action.excursion.direction === "high" ? "above" : "below"} its limit, ${action.excursion.excursion_id}.`}
          at={at("excursions", action.excursion.excursion_id, "resolution")}
          fields={[choice("resolution", "Resolution", Object.entries(RESOLUTIONS)), remark("Why")]}
          body={(data) => ({ resolution: text(data, "resolution"), remark: text(data, "remark") })}
        />
      );
    case "amendments":
      return (
        <ActionForm
          {...common}
          title="Amend the shipment"
          says="Adds to what is recorded; nothing is rewritten."
          at={at("amendments")}
          fields={[
            remark("What must be known"),
            ...(shipment.status === "open" ? [{ name: "due", label: "New due time (optional)", kind: "instant", optional: true } as const] : []),
          ]}
          body={(data) => {
            const due = text(data, "due");
            return { remark: text(data, "remark"), ...(due && { due_at_ms: new Date(due).getTime() }) };
          }}
        />
      );
    case "attachments":
      return (
        <ActionForm
          {...common}
          title="Attach a device"
          says="From its last message held here on, the stream belongs to this shipment."
          at={at("attachments")}
          fields={[line("device_id", "Device id"), line("stream", "Stream", "conditions")]}
          body={(data) => ({ device_id: text(data, "device_id"), stream: text(data, "stream") })}
        />
      );
    case "detachments":
      return (
        <ActionForm
          {...common}
          title="Detach a device"
          says="Up to its last message held here, the stream belongs to this shipment."
          at={at("detachments")}
          fields={[choice("attached", "Stream", attachedStreams(shipment))]}
          body={(data) => {
            const [device_id, stream] = text(data, "attached").split("/");
            return { device_id, stream };
          }}
        />
      );
  }
}

function remark(label: string): Field {
  return { name: "remark", label, kind: "remark" };
}

function choice(name: string, label: string, options: [value: string, label: string][]): Field {
  return { name, label, kind: "choice", options };
}

function line(name: string, label: string, value = ""): Field {
  return { name, label, kind: "line", value };
}

function takers({ parties }: Shipment, us: string): [string, string][] {
  return parties
    .filter(({ role, msp_id }) => role !== "auditor" && msp_id !== us)
    .map(({ msp_id, role }) => [msp_id, `${msp_id} (${role})`]);
}

function attachedStreams({ attachments }: Shipment): [string, string][] {
  return attachments
    .filter(({ end }) => !end)
    .map(({ device_id, stream }) => [`${device_id}/${stream}`, `${device_id} / ${stream}`]);
}

function text(data: FormData, name: string): string {
  const value = data.get(name);
  return typeof value === "string" ? value.trim() : "";
}
