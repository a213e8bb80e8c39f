// The frame around every page: whose pages these are, where one can go, and the page itself.

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Devices } from "./pages/devices";
import { Missing } from "./pages/missing";
import { Rejections } from "./pages/rejections";
import { ShipmentPage } from "./pages/shipment";
import { Shipments } from "./pages/shipments";
import { VerifyFile } from "./pages/verify_file";
import { Icon } from "./parts/icon";
import { count } from "./quantity";
import type { Organisation } from "./records";
import { useResource } from "./resource";
import { Link, useAddress } from "./router";

const EVERY_MS = 5000;
const PLACES: [address: string, part: string | undefined, label: string][] = [
  ["/", "shipments", "Shipments"],
  ["/devices", "devices", "Devices"],
  ["/rejections", "rejections", "Rejections"],
  ["/verify", "verify", "Verify a file"],
];

export function App(): JSX.Element {
  const { address, parts } = useAddress();
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const [part = "shipments", name] = parts;

  useEffect(() => {
    if (!first.current) main.current?.querySelector("h1")?.focus();
    first.current = false;
  }, [address]);

  const toMain = (event: Event): void => {
    event.preventDefault();
    main.current?.focus();
  };
  return (
    <>
      <a class="skip" href="#main" onClick={toMain}>
        Skip to the content
      </a>
      <Head part={part} />
      <main id="main" ref={main} tabIndex={-1}>
        <PageAt part={part} name={name} />
      </main>
    </>
  );
}

function PageAt({ part, name }: { part: string; name: string | undefined }): JSX.Element {
  if (part === "shipments") return name ? <ShipmentPage key={name} gsin={name} /> : <Shipments />;
  if (part === "devices") return <Devices />;
  if (part === "rejections") return <Rejections />;
  if (part === "verify") return <VerifyFile />;
  return <Missing />;
}

function Head({ part }: { part: string }): JSX.Element {
  const { value } = useResource<Organisation>("/organisation", { every_ms: EVERY_MS });
  return (
    <header class="head">
      {value?.ledger.stand_in && (
        <p class="stand-in">
          <Icon name="warning" />
          <span>
            <strong>Embedded ledger:</strong> one machine holds the keys of all organisations. It shows how everything
            works, and proves nothing between organisations.
          </span>
        </p>
      )}
      <div class="head-line">
        <Link href="/" class="brand">
          <img src="/assets/icon.svg" alt="" width="26" height="26" />
          wayproof
        </Link>
        <nav aria-label="Pages">
          <ul>
            {PLACES.map(([address, first, label]) => (
              <li key={address}>
                <Link href={address} {...(part === first && { "aria-current": "page" as const })}>
                  {label}
                  {first === "rejections" && value && value.counts.rejections > 0 && (
                    <span class="counter">{count(value.counts.rejections)}</span>
                  )}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        {value && <Whose organisation={value} />}
      </div>
    </header>
  );
}

/** These pages act with the key of exactly one organisation: it is said on every one of them. */
function Whose({ organisation: { name, organisation, ledger, log } }: { organisation: Organisation }): JSX.Element {
  return (
    <div class="whose">
      <strong>
        <span class="hidden">These pages act with the key of </span>
        {name || organisation}
      </strong>
      <span class="quiet">
        {name && name !== organisation ? `${organisation} · ` : ""}
        {ledger.channel}, block {count(Math.max(0, ledger.height - 1))}
        {log && ` · ${count(log.anchored_size)} of ${count(log.size)} log entries anchored`}
      </span>
    </div>
  );
}
