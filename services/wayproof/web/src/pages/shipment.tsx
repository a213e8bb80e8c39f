// One shipment: what is urgent, what was measured, where it is, who had it, and how all of that is proven.

import type { ComponentChildren, JSX } from "preact";
import { useId, useState } from "preact/hooks";
import { path } from "../api";
import { type Action, ActionButtons, ActionDialog, offered } from "../parts/actions";
import { Attachments } from "../parts/attachments";
import { Reasons, StatusBadge, UrgencyBadge } from "../parts/badge";
import { Custody } from "../parts/custody";
import { Events } from "../parts/events";
import { EvidenceButtons } from "../parts/evidence";
import { Excursions } from "../parts/excursions";
import { range } from "../parts/limits_bar";
import { ProofState } from "../parts/proof";
import { Readings } from "../parts/readings";
import { Route } from "../parts/route";
import { SingleReadings } from "../parts/single_readings";
import { Shown } from "../parts/state";
import { Title } from "../parts/title";
import type { Organisation, Shipment, Trace } from "../records";
import { type Resource, useResource } from "../resource";
import { Link } from "../router";
import { At, When } from "../time";
import { place, plain } from "../words";

const EVERY_MS = 4000;

export function ShipmentPage({ gsin }: { gsin: string }): JSX.Element {
  const shipment = useResource<Shipment>(path("shipments", gsin), { every_ms: EVERY_MS });
  const trace = useResource<Trace>(path("shipments", gsin, "trace"), { every_ms: EVERY_MS });
  const organisation = useResource<Organisation>("/organisation");
  const us = organisation.value?.organisation ?? "";
  return (
    <>
      <p class="back">
        <Link href="/">All shipments</Link>
      </p>
      <div class="title">
        <Title text={`Shipment ${gsin}`} />
      </div>
      <Shown resource={shipment} what="the shipment">
        {(value) => <Everything shipment={value} trace={trace} us={us} again={shipment.again} />}
      </Shown>
    </>
  );
}

function Everything({
  shipment,
  trace,
  us,
  again,
}: {
  shipment: Shipment;
  trace: Resource<Trace>;
  us: string;
  again: () => void;
}): JSX.Element {
  const [action, begin] = useState<Action>();
  const [said, say] = useState("");
  const held_here = shipment.attachments.length === 0 || shipment.attachments.some((one) => one.held_here);
  const done = (shown: boolean): void => {
    begin(undefined);
    say(shown ? "Recorded on the ledger." : "Recorded on the ledger. It will show here in a few seconds.");
    again();
  };
  return (
    <>
      <Head shipment={shipment} />
      <div class="buttons">
        <EvidenceButtons shipment={shipment} />
        <ActionButtons shipment={shipment} us={us} begin={begin} />
      </div>
      <p class={said ? "note fine" : "hidden"} role="status">
        {said}
      </p>
      <div class="sections">
        <Section title="Readings" wide>
          <Shown resource={trace} what="readings">
            {(value) => (
              <>
                <Readings shipment={shipment} trace={value} />
                {value.held_here && <SingleReadings gsin={shipment.gsin} />}
              </>
            )}
          </Shown>
        </Section>
        <Section title="Custody">
          <Custody custody={shipment.custody} offer={shipment.offer} />
        </Section>
        <Section title="Route">
          <Route shipment={shipment} trace={trace.value} />
        </Section>
        <Section title="Excursions">
          <Excursions
            excursions={shipment.excursions}
            resolve={offered(shipment, "resolution") ? (excursion) => begin({ name: "resolution", excursion }) : undefined}
          />
        </Section>
        <Section title="Devices">
          <Attachments attachments={shipment.attachments} />
        </Section>
        <Section title="Proof" wide>
          <ProofState proof={shipment.proof} held_here={held_here} />
        </Section>
        <Section title="Events on the ledger" wide>
          <Events events={shipment.events} />
        </Section>
        {shipment.amendments.length > 0 && (
          <Section title="Amendments" wide>
            <Amendments shipment={shipment} />
          </Section>
        )}
        <Section title="Parties and goods" wide>
          <Terms shipment={shipment} />
        </Section>
      </div>
      {action && (
        <ActionDialog action={action} shipment={shipment} us={us} close={() => begin(undefined)} done={done} />
      )}
    </>
  );
}

function Head({ shipment }: { shipment: Shipment }): JSX.Element {
  const { lane, status, urgency, reasons } = shipment;
  return (
    <div class={`shipment-head ${status === "closed" ? "closed" : urgency}`}>
      <p class="content">{shipment.content}</p>
      <div class="badges">
        {status === "open" && <UrgencyBadge urgency={urgency} />}
        <StatusBadge status={status} />
        <Reasons reasons={reasons} />
      </div>
      <dl class="pairs">
        <div class="wide">
          <dt>Lane</dt>
          <dd>
            {place(lane.origin)} → {place(lane.destination)}, {lane.mode}
          </dd>
        </div>
        <div>
          <dt>Custodian</dt>
          <dd>{shipment.custodian}</dd>
        </div>
        <div>
          <dt>Our role</dt>
          <dd>{plain(shipment.role)}</dd>
        </div>
        <div>
          <dt>Due</dt>
          <dd>
            <When at_ms={shipment.due_at_ms} both />
          </dd>
        </div>
        <div>
          <dt>Last heard</dt>
          <dd>{shipment.last_received_at_ms ? <When at_ms={shipment.last_received_at_ms} both /> : "never"}</dd>
        </div>
      </dl>
    </div>
  );
}

function Section({ title, wide = false, children }: { title: string; wide?: boolean; children: ComponentChildren }): JSX.Element {
  const heading = useId();
  return (
    <section class={wide ? "wide" : ""} aria-labelledby={heading}>
      <h2 id={heading}>{title}</h2>
      {children}
    </section>
  );
}

function Amendments({ shipment }: { shipment: Shipment }): JSX.Element {
  return (
    <ul class="cards">
      {shipment.amendments.map(({ version, organisation, at_ms, remark, due_at_ms, late }) => (
        <li key={version} class="card">
          <p>{remark}</p>
          <p class="quiet">
            {organisation} <At at_ms={at_ms} />
            {due_at_ms !== undefined && (
              <>
                {" "}
                · due now <At at_ms={due_at_ms} />
              </>
            )}
            {late && late.length > 0 && ` · late messages of ${late.map(({ device_id, stream }) => `${device_id} / ${stream}`).join(", ")}`}
          </p>
        </li>
      ))}
    </ul>
  );
}

function Terms({ shipment }: { shipment: Shipment }): JSX.Element {
  return (
    <dl class="pairs terms">
      {shipment.parties.map(({ role, msp_id, location }) => (
        <div key={msp_id}>
          <dt>{plain(role)}</dt>
          <dd>
            {msp_id}
            <span class="quiet">
              {location.name && `, ${location.name}`}, GLN {location.gln}
            </span>
          </dd>
        </div>
      ))}
      {shipment.limits.map((limit) => (
        <div key={limit.name}>
          <dt>Limits of {plain(limit.name).toLowerCase()}</dt>
          <dd>{range(limit, limit.unit)}</dd>
        </div>
      ))}
      {shipment.units.map(({ sscc, contents, assets }) => (
        <div key={sscc}>
          <dt>Logistic unit</dt>
          <dd>
            SSCC {sscc}
            {contents.map(({ gtin, lot }) => (
              <span key={gtin + lot} class="quiet">
                <br />
                GTIN {gtin}, lot {lot}
              </span>
            ))}
            {assets.map((grai) => (
              <span key={grai} class="quiet">
                <br />
                GRAI {grai}
              </span>
            ))}
          </dd>
        </div>
      ))}
    </dl>
  );
}
