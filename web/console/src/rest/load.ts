/**
 * Fetching for a page: the data, whether it is loading, and why it failed. It never shows the response to an earlier
 * request after a later one was sent.
 */

import { type Signal, useSignal } from "@preact/signals";
import { useCallback, useEffect, useRef } from "preact/hooks";
import { api } from "../state.ts";
import type { Page } from "./types.ts";

export interface Loaded<T> {
  readonly data: T | null;
  readonly error: unknown;
  readonly loading: boolean;
}

export interface Loading<T> {
  readonly state: Signal<Loaded<T>>;
  /** Fetch again; the current data stays until the new data is here. */
  readonly reload: () => void;
  /** Replace the data by that of another response. */
  readonly put: (data: T) => void;
}

type Query = Record<string, string | number | boolean | null | undefined>;

/** GET `path`, and again whenever the path or the query changes. A path of null fetches nothing. */
export function useLoad<T>(path: string | null, query: Query = {}): Loading<T> {
  const state = useSignal<Loaded<T>>({ data: null, error: null, loading: path !== null });
  const requests = useRef(0);
  const key = JSON.stringify([path, query]);
  const fetchNow = useCallback(
    (keep: boolean) => {
      const request = ++requests.current;
      if (path === null) return;
      const kept = (): T | null => (keep ? state.peek().data : null);
      state.value = { data: kept(), error: null, loading: true };
      api.get<T>(path, query).then(
        (data) => {
          if (requests.current === request) state.value = { data, error: null, loading: false };
        },
        (error: unknown) => {
          if (requests.current === request) state.value = { data: kept(), error, loading: false };
        },
      );
    },
    [key],
  );
  useEffect(() => {
    fetchNow(false);
    return () => {
      requests.current += 1;
    };
  }, [key]);
  const reload = useCallback(() => fetchNow(true), [fetchNow]);
  const put = useCallback((data: T) => {
    requests.current += 1;
    state.value = { data, error: null, loading: false };
  }, []);
  return { state, reload, put };
}

export interface Paged<T> {
  readonly items: readonly T[];
  readonly error: unknown;
  readonly loading: boolean;
  /** Fetch the next page; null when there is none. */
  readonly more: (() => void) | null;
  readonly reload: () => void;
}

interface PagedState<T> {
  readonly items: readonly T[];
  readonly next: string | null;
  readonly error: unknown;
  readonly loading: boolean;
}

/** GET a list page by page. */
export function usePages<T>(path: string | null, query: Query = {}): Paged<T> {
  const start: PagedState<T> = { items: [], next: null, error: null, loading: path !== null };
  const state = useSignal<PagedState<T>>(start);
  const requests = useRef(0);
  const key = JSON.stringify([path, query]);
  const read = (after: string | null): void => {
    const request = ++requests.current;
    if (path === null) return;
    state.value = { ...state.peek(), loading: true, error: null };
    api.get<Page<T>>(path, { ...query, after }).then(
      (page) => {
        if (requests.current !== request) return;
        const before = after === null ? [] : state.peek().items;
        state.value = { items: [...before, ...page.items], next: page.next, error: null, loading: false };
      },
      (error: unknown) => {
        if (requests.current === request) state.value = { ...state.peek(), error, loading: false };
      },
    );
  };
  useEffect(() => {
    state.value = start;
    read(null);
    return () => {
      requests.current += 1;
    };
  }, [key]);
  const { items, next, error, loading } = state.value;
  return { items, error, loading, more: next === null ? null : () => read(next), reload: () => read(null) };
}
