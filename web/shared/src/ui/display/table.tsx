// A table that scrolls in its own box.
import type { ComponentChildren, JSX } from "preact";

/** Rows are plain <tr>; cells with numbers have data-align="end". */
export function Table({
  caption,
  head,
  children,
  hideCaption = false,
}: {
  caption: string;
  head: ComponentChildren;
  children: ComponentChildren;
  hideCaption?: boolean;
}): JSX.Element {
  return (
    <div class="v-table-box" role="region" aria-label={caption} tabIndex={0}>
      <table class="v-table">
        <caption class={hideCaption ? "v-hidden" : undefined}>{caption}</caption>
        <thead>{head}</thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
