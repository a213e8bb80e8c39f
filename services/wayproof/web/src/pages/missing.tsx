// An address that is no page.

import type { JSX } from "preact";
import { Title } from "../parts/title";
import { Link } from "../router";

export function Missing(): JSX.Element {
  return (
    <>
      <Title text="No such page" />
      <p>
        Nothing is at this address. Go to the <Link href="/">list of shipments</Link>.
      </p>
    </>
  );
}
