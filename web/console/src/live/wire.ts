/** The frames of `/ws/console` as this console uses them. Types only. */

export type FlagStatus = "open" | "confirmed" | "dismissed" | "escalated" | "withdrawn";
export type Severity = "normal" | "warning" | "critical";
export type InstructionState = "sent" | "done" | "failed" | "expired";
export interface ExamRow { exam_id: string; title: string; duration_minutes: number }
export interface StudentRow { student_id: string; name: string; on_roster?: boolean }
export interface AttemptRow { ix: number; attempt_id: string; student_id: string; status: string; deadline: number | null; completed_at?: number | null }
export interface ScoreRow { attempt_id: string; integrity: number | null; coverage?: number | null }
export interface FlagRow { flag_id: string; attempt_id: string; source: string; rule: string; severity: Severity; confidence: number; summary: string; status: FlagStatus; raised_at: number; last_fact_at: number | null; reviewed_by?: string | null; reason?: string | null }
export interface InstructionRow { attempt_id: string; n: number; action: string; text: string | null; state: InstructionState; code?: string | null }
export interface Since { epoch: string; offset: number }
export interface Snapshot { t: "snapshot"; exam_id: string; epoch: string; offset: number; part: number; parts: number; exam: ExamRow; students?: StudentRow[]; attempts?: AttemptRow[]; scores?: ScoreRow[]; flags?: FlagRow[]; instructions?: InstructionRow[] }
export interface Delta { t: "delta"; exam_id: string; offset: number; kind: string; body: unknown }
export type Presence = [ix: number, online: boolean, events: number, seen_at: number];
export interface Live { t: "live"; exam_id: string; attempts: Presence[]; since?: number | null }
export interface Resync { t: "resync"; exam_id: string; reason: string }
export interface Outcome { attempt_id: string; ok: boolean; code?: string | null; detail?: string | null; by?: string | null; at?: number | null }
export interface Result { t: "result"; id: string; outcomes: Outcome[]; code?: string | null; detail?: string | null }
export interface Welcome { t: "welcome"; user_id: string; name: string; server_at: number; heartbeat_ms: number; auth_until: number }
export interface Pong { t: "pong"; at: number; server_at: number }
export interface Drain { t: "drain"; in_ms: number }
export interface ErrorFrame { t: "error"; code: string; detail: string; retry_ms?: number | null }
export type HubFrame = Welcome | Snapshot | Delta | Live | Resync | Result | Pong | Drain | ErrorFrame;
export interface Command { t: "command"; id: string; exam_id: string; action: string; to?: "all" | string[]; text?: string; flag_id?: string; decision?: FlagStatus; seen?: FlagStatus; reason?: string }
