// Written by `make docs` from the structs of hub/rest; a test holds it to the code.

export interface AnalysisRecord {
  state: AnalysisState;
  revision: number;
  integrity_score: number | null;
  coverage: number | null;
  lmi_score: number | null;
  improvement_trend: Trend | null;
  dropout_label: DropoutLabel | null;
  dropout_confidence: number | null;
  llm_summary: string;
  llm_recommendations: unknown[];
  originality_indicators: unknown[];
  llm_model_version: string;
  model_state: ModelState;
  requires_instructor_attention: boolean;
  requires_recap: boolean;
  analysed_at: number | null;
}

/** How far the analysis after the end has come; `stale` means that something it rests on has changed since. */
export type AnalysisState = "pending" | "done" | "stale" | "failed";

export interface Analytics {
  exam: ExamHead;
  analytics: Figures;
  students: AttemptSummary[];
  next: string | null;
  risk_distribution: Risks;
  score_distribution: Bin[];
  integrity_distribution: Bin[];
  items: ItemFigures[];
  rules: RuleRecord[];
}

export interface AnswerRevision {
  item: string;
  revision: number;
  value: unknown;
  saved_at: number;
  stands: boolean;
}

export interface AttemptPaper {
  attempt_id: string;
  exam: PaperExam;
  status: ShownStatus;
  server_at: number;
  started_at: number;
  deadline: number | null;
  completed_at: number | null;
  items: PaperItem[];
  answers: Record<string, SavedAnswer>;
  receipt: Receipt | null;
}

/** Where one student's sitting of an exam stands. */
export type AttemptStatus = "waiting" | "in_progress" | "paused" | "submitted" | "timed_out" | "ended" | "reopened" | "abandoned" | "declined";

export interface AttemptSummary {
  attempt_id: string;
  exam_id: string;
  title: string;
  student_id: string;
  name: string;
  ix: number;
  status: AttemptStatus;
  started_at: number;
  completed_at: number | null;
  score: number | null;
  max_score: number | null;
  percentage: number | null;
  passed: boolean | null;
  grade_final: boolean;
  integrity: number | null;
  coverage: number | null;
  lmi: number | null;
  dropout_label: DropoutLabel | null;
  flagged: boolean;
  open_flags: number;
}

export interface Bin {
  from: number;
  to: number;
  count: number;
}

export interface Citation {
  stream_id: string;
  seq: number;
  type: string;
  at: number;
  server_at: number;
  data: Record<string, unknown>;
}

export interface Code {
  code: string;
}

/** The four words of JUDGEMENT §3; for teachers, after the exam. */
export type DropoutLabel = "safe" | "incapable" | "copy" | "no_interest";

/** What a student can do with an exam: wait, begin, go on, nothing any more, or read what came of it. */
export type EnrolmentState = "upcoming" | "open" | "running" | "closed" | "done";

export interface EnrolmentView {
  exam_id: string;
  title: string;
  subject: string;
  topic: string;
  description: string;
  duration_minutes: number;
  opens_at: number | null;
  closes_at: number | null;
  state: EnrolmentState;
  monitored: boolean;
  notice: Notice;
  attempt: OwnAttempt | null;
}

export interface Entrant {
  /** Letters, digits and ._@+-; case does not matter */
  username: string;
  name: string;
  email?: string | null;
  enrollment_id?: string | null;
  cohort?: string | null;
}

export interface ExamEdit {
  /** The version that was seen; another one by now is a 409 */
  version: number;
  title?: string;
  duration_minutes?: number;
  subject?: string;
  topic?: string;
  /** Any text without NUL */
  description?: string;
  passing_score?: number;
  /** ms since the epoch, UTC */
  opens_at?: number | null;
  /** ms since the epoch, UTC */
  closes_at?: number | null;
  enable_monitoring?: boolean;
  enable_integrity_analysis?: boolean;
  enable_model?: boolean;
}

export interface ExamHead {
  exam_id: string;
  title: string;
  subject: string;
  topic: string;
  max_score: number;
  passing_score: number;
}

export interface ExamLine {
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
  open_flags: number;
  permissions: Permission[];
}

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

export interface Fault {
  path: string;
  message: string;
}

export interface Figures {
  total_attempts: number;
  average_score: number | null;
  pass_rate: number | null;
  high_risk_count: number;
  average_integrity: number | null;
  average_lmi: number | null;
  flagged: number;
  as_of: number;
}

/** Who concluded it. */
export type FlagSource = "rule" | "llm" | "service" | "teacher";

/** What people have decided about it so far; only people close a flag. */
export type FlagStatus = "open" | "confirmed" | "dismissed" | "escalated" | "withdrawn";

export interface FlagSummary {
  flag_id: string;
  attempt_id: string;
  student: StudentName;
  exam_id: string;
  source: FlagSource;
  rule: string;
  severity: Severity;
  confidence: number;
  summary: string;
  status: FlagStatus;
  raised_at: number;
  reviewed_by: string | null;
  reason: string | null;
  rule_name: string;
}

export interface FlagView {
  flag_id: string;
  attempt_id: string;
  student: StudentName;
  exam_id: string;
  source: FlagSource;
  rule: string;
  severity: Severity;
  confidence: number;
  summary: string;
  status: FlagStatus;
  raised_at: number;
  reviewed_by: string | null;
  reason: string | null;
  rule_name: string;
  rule_version: number;
  policy_version: number;
  numbers: Record<string, number>;
  evidence: Ground;
  reviews: ReviewRecord[];
  false_alarms: string;
}

export interface FlaggedStudent {
  student_id: string;
  name: string;
  attempts: number;
  high_risk: number;
  current_risk_label: DropoutLabel | null;
  flagged_for_intervention: boolean;
  last_attempt_at: number | null;
}

export interface GivenAnswer {
  item: string;
  value: unknown;
}

export interface Grantee {
  can_view: boolean;
  can_edit: boolean;
  can_invigilate: boolean;
  can_review: boolean;
  can_view_analytics: boolean;
  teacher_id: string;
  username: string;
  name: string;
}

export interface Grants {
  can_view?: boolean;
  can_edit?: boolean;
  can_invigilate?: boolean;
  can_review?: boolean;
  can_view_analytics?: boolean;
}

export interface Ground {
  cited: [string, number][];
  events: Citation[];
}

export interface Health {
  status: "healthy" | "unhealthy";
  database: "connected" | "disconnected";
  redis: "connected" | "disconnected";
  partitions_ahead: number | null;
  version: string;
}

export interface ItemFigures {
  item: string;
  prompt: string;
  points: number;
  answered: number;
  average_points: number | null;
}

/** How an item is answered. All but `text` are graded from the answer key; `text` by a person. */
export type ItemKind = "choice" | "multiple" | "number" | "text";

export interface ItemView {
  item: string;
  kind: ItemKind;
  prompt: string;
  choices: string[];
  points: number;
  answer_key: unknown;
}

export interface ItemsView {
  version: number;
  items: ItemView[];
}

export interface Login {
  /** Letters, digits and ._@+-; case does not matter */
  username: string;
  password: string;
}

export interface Metrics {
  total_exams: number;
  passed_exams: number;
  avg_score: number | null;
  subject_scores: Record<string, unknown>;
  strengths: unknown[];
  weaknesses: unknown[];
  avg_integrity_score: number | null;
  integrity_trend: Trend | null;
  avg_lmi: number | null;
  lmi_trend: Trend | null;
  current_risk_label: DropoutLabel | null;
  flagged_for_intervention: boolean;
  last_attempt_date: number | null;
}

/** How far the model's summary has come; `off` where the exam or the deployment has none. */
export type ModelState = "off" | "pending" | "done" | "failed";

export interface Monitoring {
  attempt: AttemptSummary;
  total_events: number;
  anomaly_events: number;
  critical_events: number;
  events_timeline: TimelineEvent[];
  next: string | null;
  behavior_analysis: AnalysisRecord | null;
  flags: FlagView[];
}

export interface NewExam {
  title: string;
  duration_minutes: number;
  preset?: Preset;
  subject?: string;
  topic?: string;
  /** Any text without NUL */
  description?: string;
  passing_score?: number;
  /** ms since the epoch, UTC */
  opens_at?: number | null;
  /** ms since the epoch, UTC */
  closes_at?: number | null;
  enable_monitoring?: boolean;
  enable_integrity_analysis?: boolean;
  enable_model?: boolean;
  is_published?: boolean;
}

export interface NewItem {
  item: string;
  kind: ItemKind;
  /** Any text without NUL */
  prompt: string;
  choices?: string[];
  points?: number;
  answer_key?: unknown;
}

export interface NewItems {
  items: NewItem[];
  /** The version that was seen; another one by now is a 409 */
  version?: number | null;
}

export interface NewPolicy {
  policy: Record<string, unknown>;
  /** The version that was seen; another one by now is a 409 */
  version?: number | null;
}

export interface Notice {
  version: number;
  recorded: string[];
  who_sees: string;
  kept_days: number;
}

export interface OwnAttempt {
  attempt_id: string;
  status: ShownStatus;
  deadline: number | null;
}

export interface PExamView {
  items: ExamView[];
  next: string | null;
}

export interface PGrantee {
  items: Grantee[];
  next: string | null;
}

export interface PRosterEntry {
  items: RosterEntry[];
  next: string | null;
}

export interface PFlaggedStudent {
  items: FlaggedStudent[];
  next: string | null;
}

export interface PAttemptSummary {
  items: AttemptSummary[];
  next: string | null;
}

export interface PAnswerRevision {
  items: AnswerRevision[];
  next: string | null;
}

export interface PEnrolmentView {
  items: EnrolmentView[];
  next: string | null;
}

export interface PFlagSummary {
  items: FlagSummary[];
  next: string | null;
}

export interface PaperExam {
  exam_id: string;
  title: string;
  subject: string;
  topic: string;
  description: string;
  duration_minutes: number;
  monitored: boolean;
}

export interface PaperItem {
  item: string;
  kind: ItemKind;
  prompt: string;
  choices: string[];
  points: number;
}

/** What a teacher who did not make an exam may be let do with it. */
export type Permission = "can_view" | "can_edit" | "can_invigilate" | "can_review" | "can_view_analytics";

export interface PolicyView {
  version: number;
  policy: Record<string, unknown>;
  rules: RuleInfo[];
}

/** What a policy starts from: what a page can see, or that and what a camera concludes. */
export type Preset = "browser" | "camera";

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  errors?: Fault[];
  by?: string | null;
  at?: number | null;
}

export interface Readiness {
  ready: boolean;
  reason: string | null;
}

export interface Receipt {
  attempt_id: string;
  status: ShownStatus;
  submitted_at: number;
  answers: number;
  events: number;
  streams: Record<string, number>;
  hash: string;
}

export interface Refresh {
  refresh_token?: string | null;
}

export interface Register {
  /** Letters, digits and ._@+-; case does not matter */
  username: string;
  /** 8 characters to 72 bytes */
  password: string;
  name: string;
  email?: string | null;
}

export interface Review {
  id: string;
  decision: FlagStatus;
  seen: FlagStatus;
  /** Why, in words that can be shown to the student */
  reason: string;
}

export interface ReviewRecord {
  by: string;
  at: number;
  from: FlagStatus;
  to: FlagStatus;
  reason: string;
}

export interface Risk {
  label: DropoutLabel | null;
  flagged: boolean;
}

export interface Risks {
  safe: number;
  incapable: number;
  copy: number;
  no_interest: number;
  unknown: number;
}

/** What a user may be. */
export type Role = "student" | "teacher" | "admin" | "service";

export interface Roster {
  students: Entrant[];
}

export interface RosterEntry {
  student_id: string;
  username: string;
  name: string;
  email: string | null;
  on_roster: boolean;
  enrolled_at: number;
}

export interface RuleInfo {
  rule: string;
  version: number;
  name: string;
  severity: string;
  summary: string;
  false_alarms: string;
  camera: boolean;
  settings_schema: Record<string, unknown>;
  defaults: Record<string, unknown>;
}

export interface RuleRecord {
  rule: string;
  name: string;
  raised: number;
  confirmed: number;
  dismissed: number;
  open: number;
  precision: number | null;
  low: number;
  high: number;
}

export interface SavedAnswer {
  value: unknown;
  revision: number;
  saved_at: number;
}

/** How much a flag asks for a person's eye; `normal` is a note and never a reason for review alone. */
export type Severity = "normal" | "warning" | "critical";

/** The same as students and the world outside are told it: who has submitted has completed the exam. */
export type ShownStatus = "waiting" | "in_progress" | "paused" | "completed" | "timed_out" | "ended" | "reopened" | "abandoned" | "declined";

export interface SignedIn {
  access_token: string;
  expires_at: number;
  refresh_token: string | null;
  user: UserView;
  exam_id: string | null;
}

export interface Start {
  notice?: number | null;
}

export interface Started {
  attempt_id: string;
  status: ShownStatus;
  deadline: number | null;
  server_at: number;
}

export interface StudentCard {
  user_id: string;
  username: string;
  name: string;
  enrollment_id: string | null;
  cohort: string | null;
}

export interface StudentCode {
  student_id: string;
  username: string;
  name: string;
  code: string;
}

export interface StudentName {
  student_id: string;
  name: string;
}

export interface StudentRecord {
  profile: StudentCard;
  attempts: AttemptSummary[];
  metrics: Metrics | null;
  risk: Risk;
}

export interface Submission {
  stream?: string | null;
  last_seq?: number;
  answers?: GivenAnswer[];
}

export interface TeacherDashboard {
  exams: ExamLine[];
  summary: TeacherSummary;
  recent_flags: FlagSummary[];
}

export interface TeacherSummary {
  exams: number;
  running_attempts: number;
  open_flags: number;
  awaiting_grade: number;
}

export interface Ticket {
  ticket: string;
  expires_at: number;
}

export interface TimelineEvent {
  stream_id: string;
  seq: number;
  event_type: string;
  kind: "client" | "system";
  at: number | null;
  server_at: number;
  rule_ms: number | null;
  severity: string | null;
  data: Record<string, unknown>;
  is_anomaly: boolean;
  flags: string[];
}

/** Which way a student's figure has gone. */
export type Trend = "up" | "steady" | "down";

export interface UserView {
  id: string;
  username: string;
  name: string;
  role: Role;
}

export interface WantTicket {
  purpose: "monitor" | "console";
}
