/** What the hub's REST answers, as this console reads it: written from the hub's own structs, narrowed where it is known more. */

import type { ItemKind, RuleInfo as WireRule, ItemView as WireItem } from "@veritas/shared/wire/rest.ts";

export type {
  AnalysisRecord as BehaviorAnalysis,
  Analytics,
  AttemptSummary,
  Bin as Bucket,
  ExamLine as DashboardExam,
  ExamView,
  FlagSummary,
  FlagView,
  FlaggedStudent,
  Grantee as TeacherPermissions,
  ItemKind,
  Monitoring,
  Permission,
  RosterEntry as RosterStudent,
  StudentCode,
  StudentRecord,
  TeacherDashboard as Dashboard,
  TimelineEvent,
} from "@veritas/shared/wire/rest.ts";

export interface Page<T> {
  items: T[];
  next: string | null;
}

export type AnswerKey = string | string[] | { value: number; tolerance: number } | null;

export type ItemView = Omit<WireItem, "answer_key"> & { answer_key?: AnswerKey };

export interface Items {
  version: number;
  items: ItemView[];
}

/** One setting of a rule, as JSON Schema says it. */
export interface SettingSchema {
  type?: string;
  description?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  default?: unknown;
}

type Properties = Record<string, SettingSchema>;

export type RuleInfo = Omit<WireRule, "settings_schema"> & {
  settings_schema: { properties?: Properties; $defs?: Record<string, { properties?: Properties }>; $ref?: string };
};

export interface Policy {
  preset: "browser" | "camera";
  rulebook: number;
  rules: Record<string, Record<string, unknown>>;
}

export interface PolicyView {
  version: number;
  policy: Policy;
  rules: RuleInfo[];
}

export interface GradedItem {
  item: string;
  kind: ItemKind;
  prompt: string;
  choices: string[];
  answer_key: AnswerKey;
  points: number;
  answer: { value: unknown; revision: number; saved_at: number } | null;
  given: { points: number; by: string; comment: string; graded_at: number } | null;
}

export interface GradedAnswers {
  items: GradedItem[];
  score: number | null;
  max_score: number;
  percentage: number | null;
  passed: boolean | null;
  grade_final: boolean;
}

export interface UserRow {
  user_id: string;
  username: string;
  name: string;
  email: string | null;
  role: "student" | "teacher" | "admin";
  is_active: boolean;
}

export interface AuditRow {
  audit_id?: string;
  at?: number;
  created_at?: number;
  actor?: string | null;
  actor_name?: string | null;
  action: string;
  resource: string;
  resource_id: string | null;
  details?: Record<string, unknown>;
}
