// The theme: light, dark or that of the system. `data-theme` on the root is what is shown, localStorage what the user chose.
import { signal } from "@preact/signals";
import { deviceStorage } from "./storage/storage.ts";

export type Theme = "auto" | "light" | "dark";
const KEY = "veritas.theme";

export const theme = signal<Theme>("auto");
/** The theme that is shown now. */
export const shown = signal<"light" | "dark">("light");

const read = (): Theme => {
  const stored = deviceStorage.get(KEY);
  return stored === "light" || stored === "dark" ? stored : "auto";
};

function show(): void {
  const dark = theme.value === "dark" || (theme.value === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  shown.value = dark ? "dark" : "light";
  document.documentElement.dataset.theme = shown.value;
}

export function chooseTheme(choice: Theme): void {
  theme.value = choice;
  if (choice === "auto") deviceStorage.remove(KEY);
  else deviceStorage.set(KEY, choice);
  show();
}

/** Call once, before the first render. */
export function startTheme(): void {
  theme.value = read();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
}
