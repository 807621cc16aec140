// The console, /console: where teachers make exams, watch them, and decide. Nothing is kept in this browser but the theme
// and how a room is laid out.
import "@veritas/shared/base.css";
import "./console.css";
import { render } from "preact";
import { startTheme } from "@veritas/shared/theme.ts";
import { App } from "./app.tsx";

startTheme();
render(<App />, document.getElementById("app") as HTMLElement);
