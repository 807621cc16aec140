/** The frames of `/ws/console`: types that `make docs` generates from the hub's structs. */

import type * as wire from "@veritas/shared/wire/console.ts";

export type {
  Drain,
  ExamRow,
  FlagRow,
  FlagSource,
  FlagStatus,
  InstructionRow,
  InstructionState,
  Live,
  Outcome,
  Pong,
  Presence,
  Resync,
  Result,
  Severity,
  Since,
  Snapshot,
  StudentRow,
  Welcome,
  ConsoleError as ErrorFrame,
} from "@veritas/shared/wire/console.ts";

export type AttemptRow = wire.AttemptRow & { completed_at?: number | null };
export type ScoreRow = wire.ScoreRow & { coverage?: number | null };

/** A change of any kind: a newer hub may send kinds that this console does not know. */
export interface Delta {
  t: "delta";
  exam_id: string;
  offset: number;
  kind: string;
  body: unknown;
}

export type HubFrame = Exclude<wire.HubFrame, wire.Delta> | Delta;

export type Command = wire.Command;
