/** What the hub's REST answers, as this console reads it. Types only; the schema is the hub's own at /docs/openapi.json. */

import type { FlagSource, FlagStatus, Severity } from "./live/wire.ts";

export interface Page<T> {
  items: T[];
  next: string | null;
}

export type Permission = "can_view" | "can_edit" | "can_invigilate" | "can_review" | "can_view_analytics";

export interface ExamView {
  exam_id: string;
  title: string;
  subject: string;
  topic: string;
  description: string;
  duration_minutes: number;
  max_score: number;
  passing_score: number;
  opens_at: number | null;
  closes_at: number | null;
  is_published: boolean;
  enable_monitoring: boolean;
  enable_integrity_analysis: boolean;
  enable_model: boolean;
  version: number;
  items_version: number;
  policy_version: number;
  results_released_at: number | null;
  created_at: number;
  permissions: Permission[];
  roster_size: number;
  running_attempts: number;
}

export type ItemKind = "choice" | "multiple" | "number" | "text";
export type AnswerKey = string | string[] | { value: number; tolerance: number } | null;

export interface ItemView {
  item: string;
  kind: ItemKind;
  prompt: string;
  choices: string[];
  points: number;
  answer_key?: AnswerKey;
}

export interface Items {
  version: number;
  items: ItemView[];
}

/** One setting of a rule, as JSON Schema says it. */
export interface SettingSchema {
  type?: string;
  title?: string;
  description?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  default?: unknown;
}

export interface RuleInfo {
  rule: string;
  name: string;
  summary: string;
  settings_schema: { properties?: Record<string, SettingSchema>; $defs?: Record<string, { properties?: Record<string, SettingSchema> }>; $ref?: string };
  defaults: Record<string, unknown>;
  camera: boolean;
}

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

export interface RosterStudent {
  student_id: string;
  username: string;
  name: string;
  email: string | null;
  on_roster: boolean;
  enrolled_at: number;
}

export interface StudentCode {
  student_id: string;
  username: string;
  name: string;
  code: string;
}

export interface TeacherPermissions extends Record<Permission, boolean> {
  teacher_id: string;
  username: string;
  name: string;
}

export interface DashboardExam {
  exam_id: string;
  title: string;
  subject: string;
  is_published: boolean;
  opens_at: number | null;
  closes_at: number | null;
  roster_size: number;
  attempts: number;
  running: number;
  awaiting_review: number;
  awaiting_grade: number;
  permissions: Permission[];
}

export interface Dashboard {
  exams: DashboardExam[];
  summary: { exams: number; running_attempts: number; open_flags: number; awaiting_grade: number };
  recent_flags: FlagSummary[];
}

export interface StudentRef {
  student_id: string;
  name: string;
}

export interface FlagSummary {
  flag_id: string;
  attempt_id: string;
  student: StudentRef | string;
  exam_id: string;
  source: FlagSource;
  rule: string;
  rule_name: string;
  severity: Severity;
  confidence: number;
  summary: string;
  status: FlagStatus;
  raised_at: number;
  reviewed_by: string | null;
  reason: string | null;
}

export interface CitedEvent {
  stream_id: string;
  seq: number;
  type: string;
  at: number;
  server_at: number;
  data: Record<string, unknown>;
}

export interface Review {
  by: string;
  at: number;
  from: FlagStatus;
  to: FlagStatus;
  reason: string;
}

export interface FlagView extends FlagSummary {
  rule_version: number | null;
  policy_version: number | null;
  numbers: Record<string, number>;
  evidence: { cited: unknown[]; events: CitedEvent[] };
  reviews: Review[];
  false_alarms: string;
  explanation?: string;
}

export interface AttemptSummary {
  attempt_id: string;
  exam_id: string;
  title: string;
  student_id: string;
  name: string;
  ix: number;
  status: string;
  started_at: number | null;
  completed_at: number | null;
  score: number | null;
  max_score: number;
  percentage: number | null;
  passed: boolean | null;
  grade_final: boolean;
  integrity: number | null;
  coverage: number | null;
  lmi: number | null;
  dropout_label: string | null;
  flagged: boolean;
  open_flags: number;
}

export interface TimelineEvent {
  stream_id: string;
  seq: number;
  event_type: string;
  kind: "client" | "system";
  at: number;
  server_at: number;
  rule_ms: number | null;
  severity: string | null;
  data: Record<string, unknown>;
  is_anomaly: boolean;
  flags: string[];
}

export interface BehaviorAnalysis {
  state: "pending" | "done" | "stale" | "failed";
  revision: number;
  integrity_score: number | null;
  coverage: number | null;
  lmi_score: number | null;
  improvement_trend: string | null;
  dropout_label: string | null;
  dropout_confidence: number | null;
  llm_summary: string | null;
  llm_recommendations: string[] | string | null;
  originality_indicators: unknown;
  llm_model_version: string | null;
  model_state: "off" | "pending" | "done" | "failed";
  requires_instructor_attention: boolean;
  requires_recap: boolean;
  analysed_at: number | null;
}

export interface Monitoring {
  attempt: AttemptSummary;
  total_events: number;
  anomaly_events: number;
  critical_events: number;
  events_timeline: TimelineEvent[];
  next: string | null;
  behavior_analysis: BehaviorAnalysis | null;
  flags: FlagView[];
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

export interface Bucket {
  from: number;
  to: number;
  count: number;
}

export interface AnalyticsStudent {
  student_id: string;
  name: string;
  attempt_id: string;
  status: string;
  score: number | null;
  percentage: number | null;
  passed: boolean | null;
  integrity: number | null;
  coverage: number | null;
  lmi: number | null;
  dropout_label: string | null;
  flagged: boolean;
  open_flags: number;
}

export interface Analytics {
  exam: { exam_id: string; title: string; subject: string; topic: string; max_score: number; passing_score: number };
  analytics: {
    total_attempts: number;
    average_score: number | null;
    pass_rate: number | null;
    high_risk_count: number;
    average_integrity: number | null;
    average_lmi: number | null;
    flagged: number;
    as_of: number | null;
  };
  students: AnalyticsStudent[];
  next?: string | null;
  risk_distribution: { safe: number; incapable: number; copy: number; no_interest: number; unknown: number };
  score_distribution: Bucket[];
  integrity_distribution: Bucket[];
  items: { item: string; prompt: string; answered: number; average_points: number | null; points: number }[];
  rules: {
    rule: string;
    name?: string;
    raised: number;
    confirmed: number;
    dismissed: number;
    open: number;
    precision: number | null;
    low: number;
    high: number;
  }[];
}

export interface FlaggedStudent {
  student_id: string;
  name: string;
  attempts: number;
  high_risk: number;
  current_risk_label: string | null;
  flagged_for_intervention: boolean;
  last_attempt_at: number | null;
}

export interface StudentView {
  profile: { user_id?: string; student_id?: string; name: string; username?: string; enrollment_id?: string | null; cohort?: string | null };
  attempts: AttemptSummary[];
  metrics: Record<string, unknown> | null;
  risk: { label: string | null; flagged: boolean };
}

export interface UserRow {
  user_id: string;
  username: string;
  name: string;
  email: string | null;
  role: "student" | "teacher" | "admin";
  is_active: boolean;
  can_create_exams?: boolean;
  created_at?: number;
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
