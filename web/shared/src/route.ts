// The address of the page as signals. Links within a page change the address without a reload.
import { signal } from "@preact/signals";

export const path = signal(location.pathname);
/** The query of the address, with its question mark. */
export const search = signal(location.search);

addEventListener("popstate", sync);

function sync(): void {
  path.value = location.pathname;
  search.value = location.search;
}

export function go(to: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  sync();
  if (!replace) scrollTo(0, 0);
}

/** Return the named parts of a path, or null when it does not match, as in match("/console/exams/:exam", path.value). */
export function match(pattern: string, at: string): Record<string, string> | null {
  const [want, have] = [pattern, at].map((text) => text.split("/").filter((part) => part !== ""));
  if (want === undefined || have === undefined || want.length !== have.length) return null;
  const found: Record<string, string> = {};
  for (const [i, part] of want.entries()) {
    const given = have[i] as string;
    if (part.startsWith(":")) found[part.slice(1)] = decodeURIComponent(given);
    else if (part !== given) return null;
  }
  return found;
}

/** Return a click handler for the shell: plain clicks on links below `root` call `go`. */
export function followLinks(root: string): (event: MouseEvent) => void {
  return (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const link = (event.target as Element).closest("a");
    if (link === null || link.target !== "" || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.pathname !== root && !link.pathname.startsWith(`${root}/`)) return;
    if (link.hash !== "" && link.pathname === location.pathname) return;
    event.preventDefault();
    go(link.pathname + link.search);
  };
}
