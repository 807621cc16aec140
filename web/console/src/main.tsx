// The console, /console: where teachers make exams, watch them, and decide.
import "@veritas/shared/base.css";
import { render } from "preact";
import { followLinks } from "@veritas/shared/route.ts";
import { Shell } from "@veritas/shared/shell.tsx";
import { startTheme } from "@veritas/shared/theme.ts";

startTheme();
render(
  <Shell brand={{ href: "/console", name: "Veritas" }} onClick={followLinks("/console")}>
    <div class="v-page">
      <h1>Exams</h1>
    </div>
  </Shell>,
  document.getElementById("app") as HTMLElement,
);
