/** Handing a file to the person: made here, or fetched with the session's token. */

import { toast } from "@veritas/shared/ui/index.ts";
import { errorText } from "@veritas/shared/api.ts";
import { api } from "../state.ts";

export function saveFile(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  // The browser has taken it by then; a longer life would only keep memory.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Fetch an export and hand it over; a failure is told. */
export async function saveExport(path: string, name: string): Promise<void> {
  try {
    saveFile(name, await api.download(path));
    toast(`${name} is in your downloads.`, "good");
  } catch (error) {
    toast(`The export did not come: ${errorText(error)}`, "critical");
  }
}

/** A title as a file's name. */
export function fileName(title: string, ending: string): string {
  const plain = title
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .replace(/[^\w]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return `${plain || "export"}.${ending}`.toLowerCase();
}
