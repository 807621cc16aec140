/** A list that is fetched page by page: its rows, that more is loading, why it failed, or that it is empty. */

import type { ComponentChildren, JSX } from "preact";
import { Button, Spinner } from "@veritas/shared/ui/index.ts";
import type { Paged } from "../rest/load.ts";
import { COMMON } from "../texts/shell.ts";
import { LoadError } from "./load-error.tsx";

interface PagedListProps {
  list: Paged<unknown>;
  /** What is loading, as in "flags". */
  what: string;
  /** Shown when the list is empty. */
  empty: ComponentChildren;
  /** The rows so far. */
  children: ComponentChildren;
}

export function PagedList({ list, what, empty, children }: PagedListProps): JSX.Element {
  const hasItems = list.items.length > 0;
  return (
    <>
      {list.error !== null && <LoadError error={list.error} onRetry={list.reload} />}
      {hasItems && children}
      {list.loading && <Spinner label={COMMON.loading(what)} />}
      {!list.loading && list.error === null && !hasItems && <div class="v-card">{empty}</div>}
      {list.more !== null && !list.loading && (
        <div>
          <Button onClick={list.more}>{COMMON.showMore}</Button>
        </div>
      )}
    </>
  );
}
