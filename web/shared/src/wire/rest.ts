// Written by `make docs` from the structs of hub/rest; a test holds it to the code.

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
  record: RecordView | null;
}

export interface Code {
  code: string;
}

export interface Dashboard {
  profile: Profile;
  exam_history: PastAttempt[];
  integrity: Integrity;
  dropout_risk: Risk;
  summary: Totals;
}

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

export interface EventCount {
  event_type: string;
  count: number;
  first_at: number;
  last_at: number;
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

/** What people have decided about it so far; only people close a flag. */
export type FlagStatus = "open" | "confirmed" | "dismissed" | "escalated" | "withdrawn";

export interface Given {
  points: number;
  by: string;
  comment: string;
  graded_at: number;
}

export interface GivenAnswer {
  item: string;
  value: unknown;
}

export interface GradedItem {
  item: string;
  kind: ItemKind;
  prompt: string;
  choices: string[];
  answer_key: unknown;
  points: number;
  answer: ReadAnswer | null;
  given: Given | null;
}

export interface Grading {
  grades: NewGrade[];
  final?: boolean;
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

export interface Health {
  status: "healthy" | "unhealthy";
  database: "connected" | "disconnected";
  redis: "connected" | "disconnected";
  partitions_ahead: number | null;
  version: string;
}

export interface Integrity {
  score: number | null;
  status: IntegrityStatus;
}

/** An integrity score in a word; `unknown` where too little was seen to have one. */
export type IntegrityStatus = "good" | "warning" | "critical" | "unknown";

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

export interface NewGrade {
  item: string;
  points: number;
  /** Any text without NUL */
  comment?: string;
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

export interface Page_db.queries.exams.ExamView_ {
  items: ExamView[];
  next: string | null;
}

export interface Page_db.queries.permissions.Grantee_ {
  items: Grantee[];
  next: string | null;
}

export interface Page_db.queries.rosters.RosterEntry_ {
  items: RosterEntry[];
  next: string | null;
}

export interface Page_hub.rest.student.attempts.AnswerRevision_ {
  items: AnswerRevision[];
  next: string | null;
}

export interface Page_hub.rest.student.exams.EnrolmentView_ {
  items: EnrolmentView[];
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

export interface PastAttempt {
  attempt_id: string;
  exam_id: string;
  title: string;
  subject: string;
  status: ShownStatus;
  started_at: number;
  completed_at: number | null;
  score: number | null;
  max_score: number | null;
  percentage: number | null;
  passed: boolean | null;
  grade_final: boolean;
  released: boolean;
  integrity: number | null;
  coverage: number | null;
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
}

export interface Profile {
  user_id: string;
  name: string;
  username: string;
  enrollment_id: string | null;
  cohort: string | null;
}

export interface ReadAnswer {
  value: unknown;
  revision: number;
  saved_at: number;
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

export interface RecordView {
  score: number | null;
  max_score: number | null;
  percentage: number | null;
  passed: boolean | null;
  grade_final: boolean;
  released: boolean;
  integrity: Integrity;
  coverage: number | null;
  summary: string;
  flags: RecordedFlag[];
  recorded: EventCount[];
}

export interface RecordedFlag {
  rule: string;
  name: string;
  severity: Severity;
  status: FlagStatus;
  summary: string;
  explanation: string;
  at: number;
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

export interface Risk {
  label: null;
  flagged: boolean;
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

export interface SavedAnswer {
  value: unknown;
  revision: number;
  saved_at: number;
}

export interface ScriptView {
  items: GradedItem[];
  score: number | null;
  max_score: number;
  percentage: number | null;
  passed: boolean | null;
  grade_final: boolean;
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

export interface StudentCode {
  student_id: string;
  username: string;
  name: string;
  code: string;
}

export interface Submission {
  stream?: string | null;
  last_seq?: number;
  answers?: GivenAnswer[];
}

export interface Ticket {
  ticket: string;
  expires_at: number;
}

export interface Totals {
  total_exams: number;
  passed: number;
  average_score: number | null;
}

export interface UserView {
  id: string;
  username: string;
  name: string;
  role: Role;
}

export interface WantTicket {
  purpose: "monitor" | "console";
}
