// Written by `make docs` from the structs of hub/rest; a test holds it to the code.

/** Where one student's sitting of an exam stands. */
export type AttemptStatus = "waiting" | "in_progress" | "paused" | "submitted" | "timed_out" | "ended" | "reopened" | "abandoned" | "declined";

export interface Code {
  code: string;
}

export interface Enrolment {
  exam_id: string;
  title: string;
  subject: string;
  description: string;
  duration_minutes: number;
  attempt: RunningAttempt | null;
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

export interface Readiness {
  ready: boolean;
  reason: string | null;
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

export interface RunningAttempt {
  attempt_id: string;
  status: AttemptStatus;
  deadline: number | null;
}

export interface SignedIn {
  access_token: string;
  expires_at: number;
  refresh_token: string | null;
  user: UserView;
  exam_id: string | null;
}

export interface Started {
  attempt_id: string;
  status: AttemptStatus;
  deadline: number | null;
}

export interface StudentCode {
  student_id: string;
  username: string;
  name: string;
  code: string;
}

export interface Ticket {
  ticket: string;
  expires_at: number;
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
