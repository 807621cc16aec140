/**
 * Entry of the console, `/console`, for teachers and administrators. The browser keeps only the theme and the layout of
 * the room.
 */

import "@veritas/shared/base.css";
import "./console.css";
import { render } from "preact";
import { startTheme } from "@veritas/shared/theme.ts";
import { App } from "./app.tsx";

startTheme();
render(<App />, document.getElementById("app") as HTMLElement);
