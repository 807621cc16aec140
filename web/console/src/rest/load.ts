/** Fetching for a page: what came, that it is on its way, or why it did not come. Later answers of earlier questions are dropped. */

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
  /** Fetch again; what is there stays until the new has come. */
  readonly reload: () => void;
  /** Put what another answer said in its place. */
  readonly put: (data: T) => void;
}

type Query = Record<string, string | number | boolean | null | undefined>;

/** GET `path`, again whenever it or the query changes; null fetches nothing. */
export function useLoad<T>(path: string | null, query: Query = {}): Loading<T> {
  const state = useSignal<Loaded<T>>({ data: null, error: null, loading: path !== null });
  const asked = useRef(0);
  const key = JSON.stringify([path, query]);
  const fetchNow = useCallback(
    (keep: boolean) => {
      const turn = ++asked.current;
      if (path === null) return;
      state.value = { data: keep ? state.peek().data : null, error: null, loading: true };
      api.get<T>(path, query).then(
        (data) => {
          if (asked.current === turn) state.value = { data, error: null, loading: false };
        },
        (error: unknown) => {
          if (asked.current === turn) state.value = { data: keep ? state.peek().data : null, error, loading: false };
        },
      );
    },
    [key],
  );
  useEffect(() => {
    fetchNow(false);
    return () => {
      asked.current += 1;
    };
  }, [key]);
  const reload = useCallback(() => fetchNow(true), [fetchNow]);
  const put = useCallback((data: T) => {
    asked.current += 1;
    state.value = { data, error: null, loading: false };
  }, []);
  return { state, reload, put };
}

export interface Paged<T> {
  readonly items: readonly T[];
  readonly error: unknown;
  readonly loading: boolean;
  readonly more: (() => void) | null;
  readonly reload: () => void;
}

/** A list, page by page. */
export function usePages<T>(path: string | null, query: Query = {}): Paged<T> {
  const state = useSignal<{ items: readonly T[]; next: string | null; error: unknown; loading: boolean }>({
    items: [],
    next: null,
    error: null,
    loading: path !== null,
  });
  const asked = useRef(0);
  const key = JSON.stringify([path, query]);
  const read = (after: string | null): void => {
    const turn = ++asked.current;
    if (path === null) return;
    state.value = { ...state.peek(), loading: true, error: null };
    api.get<Page<T>>(path, { ...query, after }).then(
      (page) => {
        if (asked.current !== turn) return;
        const before = after === null ? [] : state.peek().items;
        state.value = { items: [...before, ...page.items], next: page.next, error: null, loading: false };
      },
      (error: unknown) => {
        if (asked.current === turn) state.value = { ...state.peek(), error, loading: false };
      },
    );
  };
  useEffect(() => {
    state.value = { items: [], next: null, error: null, loading: path !== null };
    read(null);
    return () => {
      asked.current += 1;
    };
  }, [key]);
  const { items, next, error, loading } = state.value;
  return { items, error, loading, more: next === null ? null : () => read(next), reload: () => read(null) };
}
