/** The frames of `/ws/console` as this console uses them: written from the hub's own structs. Types only. */

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
  Error as ErrorFrame,
} from "@veritas/shared/wire/console.ts";

export type AttemptRow = wire.AttemptRow & { completed_at?: number | null };
export type ScoreRow = wire.ScoreRow & { coverage?: number | null };

/** A change of any kind: newer hubs may know kinds that this console does not. */
export interface Delta {
  t: "delta";
  exam_id: string;
  offset: number;
  kind: string;
  body: unknown;
}

export type HubFrame = Exclude<wire.HubFrame, wire.Delta> | Delta;

export type Command = wire.Command;
