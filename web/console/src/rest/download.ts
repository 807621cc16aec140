/** Saves a file on the user's machine: made in the page, or fetched with the session's token. */

import { errorText } from "@veritas/shared/api.ts";
import { toast } from "@veritas/shared/ui/index.ts";
import { api } from "../state.ts";
import { COMMON } from "../texts/shell.ts";

/** The browser has read the file by then; keeping it longer only uses memory. */
const REVOKE_AFTER_MS = 60_000;

export function saveFile(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), REVOKE_AFTER_MS);
}

/** Fetch an export and save it; show the user whether it worked. */
export async function saveExport(path: string, name: string): Promise<void> {
  try {
    saveFile(name, await api.download(path));
    toast(COMMON.downloaded(name), "good");
  } catch (error) {
    toast(COMMON.downloadFailed(errorText(error)), "critical");
  }
}

/** A title as a file name. */
export function fileName(title: string, ending: string): string {
  const plain = title
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .replace(/[^\w]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return `${plain || "export"}.${ending}`.toLowerCase();
}
