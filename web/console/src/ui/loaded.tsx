/** Shows fetched data; before that, that it is loading, or why it failed. */

import type { ComponentChildren, JSX } from "preact";
import { Spinner } from "@veritas/shared/ui/index.ts";
import type { Loading } from "../rest/load.ts";
import { COMMON } from "../texts/shell.ts";
import { LoadError } from "./load-error.tsx";

interface LoadedProps<T> {
  from: Loading<T>;
  /** What is loading, as in "the exam". */
  what: string;
  children: (data: T) => ComponentChildren;
}

export function Loaded<T>({ from, what, children }: LoadedProps<T>): JSX.Element {
  const { data, error } = from.state.value;
  return (
    <>
      {error !== null && <LoadError error={error} onRetry={from.reload} />}
      {data !== null ? children(data) : error === null && <Spinner label={COMMON.loading(what)} />}
    </>
  );
}
