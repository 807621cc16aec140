/** A list that comes page by page: why it did not come, what there is, that more is on its way, that there is nothing. */

import type { ComponentChildren, JSX } from "preact";
import { Button, Spinner } from "@veritas/shared/ui/index.ts";
import type { Paged } from "../rest/load.ts";
import { Failed } from "./page.tsx";

interface ListedProps {
  list: Paged<unknown>;
  /** What is being fetched, as in "flags". */
  what: string;
  /** What stands there when there is nothing. */
  empty: ComponentChildren;
  /** The rows that have come. */
  children: ComponentChildren;
}

export function Listed({ list, what, empty, children }: ListedProps): JSX.Element {
  const isThere = list.items.length > 0;
  return (
    <>
      {list.error !== null && <Failed error={list.error} onRetry={list.reload} />}
      {isThere && children}
      {list.loading && <Spinner label={`Fetching ${what}…`} />}
      {!list.loading && list.error === null && !isThere && <div class="v-card">{empty}</div>}
      {list.more !== null && !list.loading && (
        <div>
          <Button onClick={list.more}>Show more</Button>
        </div>
      )}
    </>
  );
}
