// The theme: light, dark or that of the system. `data-theme` on the root is what is shown, localStorage what the user chose.
import { signal } from "@preact/signals";

export type Theme = "auto" | "light" | "dark";
const KEY = "veritas.theme";

export const theme = signal<Theme>("auto");
/** The theme that is shown now. */
export const shown = signal<"light" | "dark">("light");

const read = (): Theme => {
  try {
    const stored = localStorage.getItem(KEY);
    return stored === "light" || stored === "dark" ? stored : "auto";
  } catch {
    return "auto";
  }
};

function show(): void {
  const dark = theme.value === "dark" || (theme.value === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  shown.value = dark ? "dark" : "light";
  document.documentElement.dataset.theme = shown.value;
}

export function chooseTheme(choice: Theme): void {
  theme.value = choice;
  try {
    if (choice === "auto") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, choice);
  } catch {
    // Without storage the choice ends with the page.
  }
  show();
}

/** Call once, before the first render. */
export function startTheme(): void {
  theme.value = read();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
}
