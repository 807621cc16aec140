// The exam page, /exam: students sign in, take the exam, and later read the result and what was recorded.
import "@veritas/shared/base.css";
import "./exam.css";
import { startTheme } from "@veritas/shared/theme.ts";
import { render } from "preact";
import { App } from "./app.tsx";

startTheme();
render(<App />, document.getElementById("app") as HTMLElement);
