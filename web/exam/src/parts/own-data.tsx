// Downloads everything that is stored about the student: a page to read, or JSON.
import { useSignal } from "@preact/signals";
import { errorText } from "@veritas/shared/api.ts";
import { Button, Notice } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import { api } from "../login.ts";
import { dataTexts as texts } from "../texts.ts";

type Format = "html" | "json";

export function OwnData(): JSX.Element {
  const busy = useSignal<Format | null>(null);
  const error = useSignal<unknown>(null);
  const download = (format: Format) => {
    if (busy.value !== null) return;
    busy.value = format;
    error.value = null;
    api
      .download("/student/me/data", { query: { format } })
      .then((blob) => saveFile(`veritas-data.${format}`, blob))
      .catch((reason: unknown) => (error.value = reason))
      .finally(() => (busy.value = null));
  };
  return (
    <section class="v-card v-stack x-noprint" aria-labelledby="own-data">
      <h2 id="own-data">{texts.heading}</h2>
      <p>{texts.help}</p>
      {error.value !== null && (
        <Notice tone="critical" role="alert">
          {errorText(error.value)}
        </Notice>
      )}
      <div class="v-row">
        <Button busy={busy.value === "html"} onClick={() => download("html")}>
          {texts.page}
        </Button>
        <Button variant="quiet" busy={busy.value === "json"} onClick={() => download("json")}>
          {texts.json}
        </Button>
      </div>
    </section>
  );
}

function saveFile(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // The browser has taken the file by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
