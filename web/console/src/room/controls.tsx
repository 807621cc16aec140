/** The controls above the students: filters, search, order and layout. `/` moves the focus to the search. */

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "@veritas/shared/ui/index.ts";
import { CONTROLS, FILTERS } from "../texts/room.ts";
import { type Layout, storeLayout } from "./layout-choice.ts";
import type { Filter, SortKey, Sorting } from "./rows/sorting.ts";

interface ControlsProps {
  filter: { value: Filter };
  counts: Record<Filter, number>;
  query: { value: string };
  sorting: { value: Sorting };
  layout: Layout;
  chosenLayout: { value: Layout | null };
}

export function Controls({ filter, counts, query, sorting, layout, chosenLayout }: ControlsProps): JSX.Element {
  return (
    <div class="c-controls">
      <FilterChips filter={filter} counts={counts} />
      <div class="c-tools">
        <Search query={query} />
        <SortSelect sorting={sorting} />
        <LayoutSwitch layout={layout} chosen={chosenLayout} />
      </div>
    </div>
  );
}

const FILTER_KEYS: readonly Filter[] = ["all", "attention", "in_progress", "offline", "not_started", "finished"];

function FilterChips({ filter, counts }: Pick<ControlsProps, "filter" | "counts">): JSX.Element {
  return (
    <div class="c-chips" role="group" aria-label={FILTERS.name}>
      {FILTER_KEYS.map((key) => (
        <button
          key={key}
          type="button"
          class="c-chip"
          data-filter={key}
          data-some={counts[key] > 0 ? "" : undefined}
          aria-pressed={filter.value === key}
          onClick={() => (filter.value = key)}
        >
          {key === "attention" && <Icon name="warning" size={14} />}
          {key === "offline" && <Icon name="offline" size={14} />}
          {FILTERS[key]} <span class="c-chip-count v-number">{counts[key]}</span>
        </button>
      ))}
    </div>
  );
}

function Search({ query }: Pick<ControlsProps, "query">): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const isTyping = (event.target as Element).closest("input, textarea, select, dialog") !== null;
      if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      field.current?.focus();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return (
    <label class="c-search">
      <Icon name="search" size={16} />
      <span class="v-hidden">{CONTROLS.search}</span>
      <input
        ref={field}
        class="v-input"
        type="search"
        placeholder={CONTROLS.searchPlaceholder}
        value={query.value}
        onInput={(event) => (query.value = event.currentTarget.value)}
      />
    </label>
  );
}

function SortSelect({ sorting }: Pick<ControlsProps, "sorting">): JSX.Element {
  const sortBy = (by: SortKey): void => {
    sorting.value = { by, descending: by === "attention" || by === "flags" };
  };
  return (
    <label class="c-labelled">
      <span class="v-soft v-small">{CONTROLS.sort}</span>
      <select
        class="v-input"
        value={sorting.value.by}
        onChange={(event) => sortBy(event.currentTarget.value as SortKey)}
      >
        {CONTROLS.sortings.map(([key, name]) => (
          <option key={key} value={key}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function LayoutSwitch({ layout, chosen }: { layout: Layout; chosen: { value: Layout | null } }): JSX.Element {
  return (
    <div class="c-switch" role="group" aria-label={CONTROLS.layout}>
      {(["tiles", "table"] as const).map((key) => (
        <button
          key={key}
          type="button"
          aria-pressed={layout === key}
          onClick={() => {
            chosen.value = key;
            storeLayout(key);
          }}
        >
          {CONTROLS[key]}
        </button>
      ))}
    </div>
  );
}
