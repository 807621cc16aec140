// The exam page, /exam: where a candidate signs in, sits the exam, and later reads what was recorded.
import "@veritas/shared/base.css";
import "./exam.css";
import { startTheme } from "@veritas/shared/theme.ts";
import { render } from "preact";
import { App } from "./app.tsx";

startTheme();
render(<App />, document.getElementById("app") as HTMLElement);
