/** Types of the hub's REST responses: generated from the hub's structs, and narrowed where the schema is too general. */

import type {
  GradedItem as WireGraded,
  ItemView as WireItem,
  RuleInfo as WireRule,
  GradedAttemptView,
} from "@veritas/shared/wire/rest.ts";

export type {
  AccountView as UserRow,
  AnalysisRecord as BehaviorAnalysis,
  Analytics,
  AttemptSummary,
  AuditEntry as AuditRow,
  Bin,
  EndedSessions,
  Erased,
  ErasureReason,
  ExamLine as DashboardExam,
  ExamView,
  FlagSummary,
  FlagView,
  FlaggedStudent,
  Grantee as TeacherPermissions,
  HoldView,
  ItemKind,
  Monitoring,
  Permission,
  NewGrade,
  NewSecondFactor,
  RecoveryCodes,
  RosterEntry as RosterStudent,
  RosterPreview,
  SecondFactorView,
  SessionView,
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

/** One setting of a rule in JSON Schema. */
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

export type GradedItem = Omit<WireGraded, "answer_key"> & { answer_key: AnswerKey };

export type GradedAnswers = Omit<GradedAttemptView, "items"> & { items: GradedItem[] };
