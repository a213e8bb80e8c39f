// Where the pages begin.

import { render } from "preact";
import { App } from "./app";

render(<App />, document.getElementById("pages") as HTMLElement);
