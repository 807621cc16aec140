// The exam page, /exam: where a candidate signs in, sits the exam, and later reads what was recorded.
import "@veritas/shared/base.css";
import { render } from "preact";
import { Shell } from "@veritas/shared/shell.tsx";
import { startTheme } from "@veritas/shared/theme.ts";

startTheme();
render(
  <Shell brand={{ href: "/exam", name: "Veritas exam" }}>
    <div class="v-page">
      <h1>Your exam</h1>
    </div>
  </Shell>,
  document.getElementById("app") as HTMLElement,
);
