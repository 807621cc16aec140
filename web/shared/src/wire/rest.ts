// Written by `make docs` from the structs of hub/rest; a test holds it to the code.

/** The fields to change. After a deactivation, a new password or a new role, the user must sign in again. */
export interface AccountEdit {
  is_active?: boolean;
  name?: string;
  email?: string | null;
  role?: Role;
  /** 8 characters to 72 bytes */
  password?: string;
  can_create_exams?: boolean;
}

/** One account; times in ms since the epoch. Without a password one signs in by candidate codes alone. */
export interface AccountView {
  user_id: string;
  username: string;
  name: string;
  email: string | null;
  role: Role;
  is_active: boolean;
  can_create_exams: boolean;
  has_password: boolean;
  last_login: number | null;
  created_at: number;
}

/** What is concluded about one attempt that has ended; `analysed_at` in ms since the epoch. */
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

/** Progress of the analysis after the end of an attempt; `stale` means that its input has changed since. */
export type AnalysisState = "pending" | "done" | "stale" | "failed";

/** The figures of an exam. `students` is a page of its attempts; `next` is the `after` of the next page. */
export interface Analytics {
  exam: ExamHeading;
  analytics: Figures;
  students: AttemptSummary[];
  next: string | null;
  risk_distribution: Risks;
  score_distribution: Bin[];
  integrity_distribution: Bin[];
  items: ItemFigures[];
  rules: RuleRecord[];
}

/** One revision of the answer to one item. `stands` is whether this revision counts. */
export interface AnswerRevision {
  item: string;
  revision: number;
  value: unknown;
  saved_at: number;
  stands: boolean;
}

/** The attempt's status. `deadline` in ms since the epoch. */
export interface Attempt {
  status: AttemptStatus;
  deadline: number | null;
  paused: boolean;
}

/** One attempt. All times are in ms since the epoch. `record` is its result. It is null until the attempt has ended and was analysed, or for a minute if that takes long. */
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

/** The status of one student's attempt at an exam. */
export type AttemptStatus = "waiting" | "in_progress" | "paused" | "submitted" | "timed_out" | "ended" | "reopened" | "abandoned" | "declined";

/** One attempt in a line; times in ms since the epoch. `integrity` and `coverage` are 0..1, `lmi` and `percentage` 0..100, each null while nothing is known. `open_flags` counts the flags above a note that nobody has decided about. */
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

/** One thing that was done; `at` in ms since the epoch. Without an actor a server did it. */
export interface AuditEntry {
  entry_id: string;
  at: number;
  actor_id: string | null;
  actor: string | null;
  actor_name: string | null;
  action: string;
  resource: string;
  resource_id: string;
  details: Record<string, string>;
  ip: string | null;
  user_agent: string | null;
}

/** How many attempts lie from one value on up to the other; the last part holds its upper end too. */
export interface Bin {
  from: number;
  to: number;
  count: number;
}

/** A copy of one cited event: a flag is kept longer than the events. Times in ms since the epoch. */
export interface Citation {
  stream_id: string;
  seq: number;
  type: string;
  at: number;
  server_at: number;
  data: Record<string, unknown>;
}

/** The place of an event: its stream and its sequence number. */
export interface CitedEvent {
  stream_id: string;
  seq: number;
}

/** Name and version of the client program. */
export interface Client {
  name: string;
  version: string;
}

/** A sign-in by exam code. Spaces, dashes and case do not matter. */
export interface Code {
  code: string;
}

/** The dashboard of a student. `integrity` covers the attempts whose grade is final. */
export interface Dashboard {
  profile: Profile;
  exam_history: PastAttempt[];
  integrity: Integrity;
  dropout_risk: studentdashboardRisk;
  summary: Totals;
}

/** The label of an attempt, from integrity and LMI; for teachers only, after the exam (docs/scores.md). */
export type DropoutLabel = "safe" | "incapable" | "copy" | "no_interest";

/** What a student can do with an exam: wait, begin, go on, nothing any more, or read what came of it. */
export type EnrolmentState = "upcoming" | "open" | "running" | "closed" | "done";

/** One exam of a student, with its notice about recorded data and the attempt. Times are in ms since the epoch. */
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

/** A student for the roster. If there is no account with this username, it is created. */
export interface Entrant {
  /** Letters, digits and ._@+-; case does not matter */
  username: string;
  name: string;
  email?: string | null;
  enrollment_id?: string | null;
  cohort?: string | null;
}

/** How many events of a type were recorded, the first and the last of them stored when, in ms since the epoch. */
export interface EventCount {
  event_type: string;
  count: number;
  first_at: number;
  last_at: number;
}

/** The fields to change, and the version of the exam that you have seen. Fields that are left out stay the same. */
export interface ExamEdit {
  /** The version you have seen; 409 if it has changed since */
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
  enable_model?: boolean;
}

/** Which exam the figures are of. */
export interface ExamHeading {
  exam_id: string;
  title: string;
  subject: string;
  topic: string;
  max_score: number;
  passing_score: number;
}

/** One exam as it stands; times in ms since the epoch. `awaiting_review` counts attempts with a flag nobody has decided about, notes aside, `open_flags` those flags; `awaiting_grade` counts attempts that have ended without a final grade. */
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

/** One exam as its teachers see it, and what the one who asks may do with it; times in ms since the epoch. `version` counts its edits: who edits it names the one they saw. `max_score` and `passing_score` are in the points of its newest items. */
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

/** One invalid field of a request: its path (`$.students[3].name`, `query.limit`), and what is wrong with it. */
export interface Fault {
  path: string;
  message: string;
}

/** The attempts that have ended, taken together as of `as_of` (ms since the epoch); averages are null of none. `average_score` and `pass_rate` are percentages, `average_integrity` is 0..1, `average_lmi` 0..100. */
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

/** The place of every cited event, `[stream_id, seq]`, and copies of the first ones. */
export interface FlagEvidence {
  cited: [string, number][];
  events: Citation[];
}

/** Who raised a flag. */
export type FlagSource = "rule" | "llm" | "service" | "teacher";

/** The status of a flag's review. Only reviewers change it. */
export type FlagStatus = "open" | "confirmed" | "dismissed" | "escalated" | "withdrawn";

/** One flag, with the name of its rule. */
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

/** One flag with its evidence: the numbers of its summary, the events it cites, and all decisions about it. `false_alarms` describes honest behavior that looks the same. */
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
  evidence: FlagEvidence;
  reviews: ReviewRecord[];
  false_alarms: string;
}

/** One student to look after. `attempts` and `high_risk` count what has ended in the exams the reader may analyse. The risk and the flag for intervention are over all of the student's exams, and null and false to who may not see all of them. */
export interface FlaggedStudent {
  student_id: string;
  name: string;
  attempts: number;
  high_risk: number;
  current_risk_label: DropoutLabel | null;
  flagged_for_intervention: boolean;
  last_attempt_at: number | null;
}

/** A revision of one item's answer. */
export interface GivenAnswer {
  item: string;
  value: unknown;
}

/** The new key. It is not shown again. */
export interface GivenKey {
  key_id: string;
  name: string;
  scopes: Scope[];
  key: string;
}

/** One item with its key, the answer that counts, and its points. `by` is "key" or the name of a teacher. */
export interface GradedItem {
  item: string;
  kind: ItemKind;
  prompt: string;
  choices: string[];
  answer_key: unknown;
  points: number;
  answer: ReadAnswer | null;
  given: StoredGrade | null;
}

/** Points for some items. `final` makes the grade final; then every item needs points. */
export interface Grading {
  grades: NewGrade[];
  final?: boolean;
}

/** One teacher and what they are permitted. */
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

/** What one teacher is permitted; what is not said is not permitted. */
export interface Grants {
  can_view?: boolean;
  can_edit?: boolean;
  can_invigilate?: boolean;
  can_review?: boolean;
  can_view_analytics?: boolean;
}

/** The state of the hub and its services. Without Redis the hub is slower, but healthy. */
export interface Health {
  status: "healthy" | "unhealthy";
  database: "connected" | "disconnected";
  redis: "connected" | "disconnected";
  partitions_ahead: number | null;
  version: string;
}

/** An instruction of a user to the client. Numbered per attempt, sent again after a reconnect until `done`. */
export interface Instruct {
  id: number;
  action: string;
  issued_at: number;
  valid_until: number | null;
  body: Record<string, string>;
  t: "instruct";
}

/** An integrity score, 0..1, and its label. Null and unknown if too little was recorded, or before a decision. */
export interface Integrity {
  score: number | null;
  status: IntegrityStatus;
}

/** The word for an integrity score; `unknown` when the attempt was connected for too short a time to score it. */
export type IntegrityStatus = "good" | "warning" | "critical" | "unknown";

/** How many of the attempts that have ended answered one item, and what those that were graded on it were given. */
export interface ItemFigures {
  item: string;
  prompt: string;
  points: number;
  answered: number;
  average_points: number | null;
}

/** How an item is answered. All kinds but `text` are graded from the answer key; a grader grades `text`. */
export type ItemKind = "choice" | "multiple" | "number" | "text";

/** One item, without `answer_key` for users who must not see it. */
export interface ItemView {
  item: string;
  kind: ItemKind;
  prompt: string;
  choices: string[];
  points: number;
  answer_key: unknown;
}

/** The newest version of an exam's items. Version 0 means that there are none yet. */
export interface ItemsView {
  version: number;
  items: ItemView[];
}

/** One key, which itself is shown nowhere any more; times in ms since the epoch. */
export interface KeyView {
  key_id: string;
  name: string;
  scopes: Scope[];
  created_at: number;
  last_used_at: number | null;
  revoked_at: number | null;
}

/** What a client may send, as published in `welcome`. Sizes in bytes. */
export interface Limits {
  frame_bytes: number;
  events_per_frame: number;
  event_bytes: number;
  draft_bytes: number;
  depth: number;
}

/** A sign-in by password. */
export interface Login {
  /** Letters, digits and ._@+-; case does not matter */
  username: string;
  password: string;
}

/** A student over all attempts whose review is final; times in ms since the epoch, null where none is. */
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

/** Progress of the language model's summary; `off` where the exam or the deployment uses no model. */
export type ModelState = "off" | "pending" | "done" | "failed";

/** One attempt for review. `events_timeline` is ordered by the time at which the hub stored each event, and each stream by its sequence numbers. `next` is the `after` of the next page. `anomaly_events` counts the events that are cited by flags which count and are more than a note, `critical_events` those cited by critical ones. Flags of rules count unless they were dismissed, all others only after they were confirmed. `behavior_analysis` is null until the attempt has ended. */
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

/** A new account. A student without a password signs in with exam codes; other roles need a password. */
export interface NewAccount {
  /** Letters, digits and ._@+-; case does not matter */
  username: string;
  name: string;
  role: Role;
  email?: string | null;
  /** 8 characters to 72 bytes */
  password?: string | null;
  can_create_exams?: boolean;
}

/** A new exam. It is a draft that no student sees, unless `is_published` is set. `preset` chooses its rules: for the events of a page only, or of a camera too. Students can start it between `opens_at` and `closes_at`. */
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
  enable_model?: boolean;
  is_published?: boolean;
}

/** Points for one item, from 0 to the maximum of the item. */
export interface NewGrade {
  item: string;
  points: number;
  /** Any text without NUL */
  comment?: string;
}

/** One item. `item` is its name in answers and events, and should stay the same in all versions. The `answer_key` depends on the kind: `choice` one of the choices, `multiple` a list of choices, `number` {value, tolerance}, `text` null, because a teacher grades it. */
export interface NewItem {
  item: string;
  kind: ItemKind;
  /** Any text without NUL */
  prompt: string;
  choices?: string[];
  points?: number;
  answer_key?: unknown;
}

/** All items of the next version, in order. `version`, if given, is the version you have seen. */
export interface NewItems {
  items: NewItem[];
  /** The version you have seen; 409 if it has changed since */
  version?: number | null;
}

/** A new key for the program of this name. Keys with the same name belong to one program. */
export interface NewKey {
  name: string;
  scopes: Scope[];
}

/** New settings of the rules. Settings that are left out are those of the `preset`. `version`, if given, is the version you have seen. */
export interface NewPolicy {
  policy: Record<string, unknown>;
  /** The version you have seen; 409 if it has changed since */
  version?: number | null;
}

/** The fields of a socket's `hello`, without the sign-in. */
export interface NewStream {
  attempt_id: string;
  boot: string;
  stream?: string | null;
  acked: number;
  next_seq: number;
  client: Client;
  mono: number;
  at: number;
}

/** What an exam records, who sees it, and for how many days it is kept after the grade is final. */
export interface Notice {
  version: number;
  recorded: string[];
  who_sees: string;
  kept_days: number;
}

/** A student's attempt; `deadline` in ms since the epoch. */
export interface OwnAttempt {
  attempt_id: string;
  status: ShownStatus;
  deadline: number | null;
}

/** Some rows of a list; `next` is the `after` of the page that follows, null on the last. */
export interface PageAccountView {
  items: AccountView[];
  next: string | null;
}

/** Some rows of a list; `next` is the `after` of the page that follows, null on the last. */
export interface PageKeyView {
  items: KeyView[];
  next: string | null;
}

/** Some rows of a list; `next` is the `after` of the page that follows, null on the last. */
export interface PageAuditEntry {
  items: AuditEntry[];
  next: string | null;
}

/** Some rows of a list; `next` is the `after` of the page that follows, null on the last. */
export interface PageExamView {
  items: ExamView[];
  next: string | null;
}

/** Some rows of a list; `next` is the `after` of the page that follows, null on the last. */
export interface PageGrantee {
  items: Grantee[];
  next: string | null;
}

/** Some rows of a list; `next` is the `after` of the page that follows, null on the last. */
export interface PageRosterEntry {
  items: RosterEntry[];
  next: string | null;
}

/** Some rows of a list; `next` is the `after` of the page that follows, null on the last. */
export interface PageAttemptSummary {
  items: AttemptSummary[];
  next: string | null;
}

/** Some rows of a list; `next` is the `after` of the page that follows, null on the last. */
export interface PageFlaggedStudent {
  items: FlaggedStudent[];
  next: string | null;
}

/** Some rows of a list; `next` is the `after` of the page that follows, null on the last. */
export interface PageAnswerRevision {
  items: AnswerRevision[];
  next: string | null;
}

/** Some rows of a list; `next` is the `after` of the page that follows, null on the last. */
export interface PageEnrolmentView {
  items: EnrolmentView[];
  next: string | null;
}

/** Some rows of a list; `next` is the `after` of the page that follows, null on the last. */
export interface PageFlagSummary {
  items: FlagSummary[];
  next: string | null;
}

/** The exam of an attempt, as its student sees it. */
export interface PaperExam {
  exam_id: string;
  title: string;
  subject: string;
  topic: string;
  description: string;
  duration_minutes: number;
  monitored: boolean;
}

/** One item as it is put to a student. */
export interface PaperItem {
  item: string;
  kind: ItemKind;
  prompt: string;
  choices: string[];
  points: number;
}

/** One attempt in a line; times in ms since the epoch. Score, percentage, passed and integrity once released. */
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

/** What a teacher who does not own an exam may do with it. */
export type Permission = "can_view" | "can_edit" | "can_invigilate" | "can_review" | "can_view_analytics";

/** The newest version of an exam's policy with all settings, and a description and schema of every rule. */
export interface PolicyView {
  version: number;
  policy: Record<string, unknown>;
  rules: RuleInfo[];
}

/** The base of a policy: what a page can see, or also what a client with a camera reports. */
export type Preset = "browser" | "camera";

/** The stream that the client named and that is not continued. It is stored up to `committed`. */
export interface Previous {
  stream: string;
  committed: number;
}

/** An RFC 9457 problem: `code` and `type` name the error, `title` describes it, `detail` is about this case. A conflict with an earlier change names its author in `by`, and its time in ms since the epoch in `at`. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  errors?: Fault[];
  by?: string | null;
  at?: number | null;
  committed?: number | null;
}

/** Who a student is. */
export interface Profile {
  user_id: string;
  name: string;
  username: string;
  enrollment_id: string | null;
  cohort: string | null;
}

/** The answer that counts. `saved_at` is when it was stored, in ms since the epoch. */
export interface ReadAnswer {
  value: unknown;
  revision: number;
  saved_at: number;
}

/** Whether a load balancer should send traffic here, and if not, the reason. */
export interface Readiness {
  ready: boolean;
  reason: string | null;
}

/** What a student holds in hand: how many answers stood, how many events of how many streams, and a hash of both. `streams` are the last numbers stored of the client's streams, and `events` their sum. `hash` is the SHA-256 of `{"answers": {item: value}, "streams": {stream: last}}` as JSON with sorted keys and no spaces. */
export interface Receipt {
  attempt_id: string;
  status: ShownStatus;
  submitted_at: number;
  answers: number;
  events: number;
  streams: Record<string, number>;
  hash: string;
}

/** The ids of a report's flags, in order, and of its note. */
export interface Received {
  id: string;
  attempt_id: string;
  flags: string[];
  note: string | null;
}

/** The result of an attempt and what was recorded. Marks and integrity are null until results are released. */
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

/** One flag with a decision, or of released results: what was recorded, and what its rule is for. */
export interface RecordedFlag {
  rule: string;
  name: string;
  severity: Severity;
  status: FlagStatus;
  summary: string;
  explanation: string;
  at: number;
}

/** A refresh token. It can be used once. A page of the hub leaves it out and sends its cookie. */
export interface Refresh {
  refresh_token?: string | null;
}

/** The registration of a student. */
export interface Register {
  /** Letters, digits and ._@+-; case does not matter */
  username: string;
  /** 8 characters to 72 bytes */
  password: string;
  name: string;
  email?: string | null;
}

/** Why one event was rejected while its neighbors were accepted. A tombstone takes its sequence number. */
export type RejectCode = "bad_shape" | "bad_type" | "bad_time" | "bad_unicode" | "bad_number" | "too_deep" | "too_large";

/** The sequence number of a rejected event, and why it was rejected. */
export interface Rejected {
  seq: number;
  code: RejectCode;
}

/** A report about one attempt. Sending the same `id` again does nothing and has the same answer. `text` and `indicators` become a note with the severity `normal`. If the attempt has an analysis, the indicators are added to it. */
export interface Report {
  id: string;
  attempt_id: string;
  /** Plain words, without NUL */
  text?: string | null;
  indicators?: string[];
  flags?: ReportedFlag[];
}

/** A flag for a reviewer: a summary, its severity and confidence, and the events it cites. */
export interface ReportedFlag {
  /** Plain words, without NUL */
  summary: string;
  severity: Severity;
  confidence: number;
  cited: CitedEvent[];
}

/** A decision about a flag. `seen` is the status that you have seen. Sending the same `id` again decides once. */
export interface Review {
  id: string;
  decision: FlagStatus;
  seen: FlagStatus;
  /** The reason, in words that the student can read */
  reason: string;
}

/** One decision about a flag: by whom, when, and from which status to which. */
export interface ReviewRecord {
  by: string;
  at: number;
  from: FlagStatus;
  to: FlagStatus;
  reason: string;
}

/** How many attempts bear which dropout label; `unknown` bear none. */
export interface Risks {
  safe: number;
  incapable: number;
  copy: number;
  no_interest: number;
  unknown: number;
}

/** The role of a user. */
export type Role = "student" | "teacher" | "admin" | "service";

/** Students to add to the roster. Students who are already on it get new codes. */
export interface Roster {
  students: Entrant[];
}

/** One student of an exam; one taken off the roster stays listed as such. `enrolled_at` in ms since the epoch. */
export interface RosterEntry {
  student_id: string;
  username: string;
  name: string;
  email: string | null;
  on_roster: boolean;
  enrolled_at: number;
}

/** One rule in plain words. `summary` says what it reports, with the numbers that are set. `settings_schema` is the JSON Schema of its settings, `defaults` has their default values. `camera` rules use what a camera or microphone reported, and are off unless an exam turns them on. */
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

/** The decisions about the flags of one rule in this exam. `precision` is the share of confirmed flags, null before any decision. `low` and `high` are its 95 % Wilson interval, which is wide for few decisions. */
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

/** The answer to one item that counts. `saved_at` is when it was stored, in ms since the epoch. */
export interface SavedAnswer {
  value: unknown;
  revision: number;
  saved_at: number;
}

/** What a service key allows: to send reports about attempts, which affect no score. */
export type Scope = "analysis";

/** An attempt with its points. The sum is null while an item has no points. */
export interface ScriptView {
  items: GradedItem[];
  score: number | null;
  max_score: number;
  percentage: number | null;
  passed: boolean | null;
  grade_final: boolean;
}

/** How urgently a flag needs review. `normal` is a note and needs none. */
export type Severity = "normal" | "warning" | "critical";

/** The status as students and other systems see it: `submitted` is shown as `completed`. */
export type ShownStatus = "waiting" | "in_progress" | "paused" | "completed" | "timed_out" | "ended" | "reopened" | "abandoned" | "declined";

/** An access token, valid until `expires_at` (ms since the epoch), and the refresh token for the next one. A page of the hub gets the refresh token in its cookie, and null here. After a sign-in by exam code, `exam_id` is the only exam for which the session is valid. */
export interface SignedIn {
  access_token: string;
  expires_at: number;
  refresh_token: string | null;
  user: UserView;
  exam_id: string | null;
}

/** `notice` is the version of the notice that the student has read and acknowledged. */
export interface Start {
  notice?: number | null;
}

/** The running attempt, with its deadline and the server's time in ms since the epoch. */
export interface Started {
  attempt_id: string;
  status: ShownStatus;
  deadline: number | null;
  server_at: number;
}

/** What one item was given: `by` the "key", or a person of this name; `graded_at` in ms since the epoch. */
export interface StoredGrade {
  points: number;
  by: string;
  comment: string;
  graded_at: number;
}

/** The fields of a socket's `welcome`, and the pending instructions. */
export interface StreamOpened {
  stream: string;
  committed: number;
  rejected: Rejected[];
  previous: Previous | null;
  window: Window;
  limits: Limits;
  heartbeat_ms: number;
  server_at: number;
  attempt: Attempt;
  queue_key: string;
  upload_token: string;
  instructions: Instruct[];
}

/** Who a student is. */
export interface StudentCard {
  user_id: string;
  username: string;
  name: string;
  enrollment_id: string | null;
  cohort: string | null;
}

/** A student on the roster with a sign-in code. The code is not shown again. */
export interface StudentCode {
  student_id: string;
  username: string;
  name: string;
  code: string;
}

/** Who an attempt is of. */
export interface StudentName {
  student_id: string;
  name: string;
}

/** A student with the attempts at exams that you can see, newest first, and the figures of all attempts. `metrics` covers all attempts whose grade is final. It is null if there are none, or if you cannot see all exams of the student. */
export interface StudentRecord {
  profile: StudentCard;
  attempts: AttemptSummary[];
  metrics: Metrics | null;
  risk: teacherstudentsRisk;
}

/** The last sequence number of the client, for which to wait, and answers that its socket did not deliver. */
export interface Submission {
  stream?: string | null;
  last_seq?: number;
  answers?: GivenAnswer[];
}

/** What became of a delivery: all up to `seq` of its stream is stored, and what is to be done next. */
export interface Taken {
  seq: number;
  rejected: Rejected[];
  window: Window;
  instructions: Instruct[];
  attempt: Attempt;
}

/** The newest 100 exams for which you have a permission, and the newest flags without a decision. */
export interface TeacherDashboard {
  exams: ExamLine[];
  summary: TeacherSummary;
  recent_flags: FlagSummary[];
}

/** The number of all your exams, and of running and open things in the exams on the dashboard. */
export interface TeacherSummary {
  exams: number;
  running_attempts: number;
  open_flags: number;
  awaiting_grade: number;
}

/** A ticket for the first frame of one socket. It can be used once, until `expires_at` (ms since the epoch). */
export interface Ticket {
  ticket: string;
  expires_at: number;
}

/** The socket that the ticket opens: `monitor` for students, `console` for teachers. */
export interface TicketRequest {
  purpose: "monitor" | "console";
}

/** One event with the flags that cite it. It is an anomaly if one of them counts and is more than a note. */
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

/** How many exams were sat to their end; of those that are released how many passed, and the average percentage. */
export interface Totals {
  total_exams: number;
  passed: number;
  average_score: number | null;
}

/** The direction in which a figure changes over time. */
export type Trend = "up" | "steady" | "down";

/** The user who signed in. */
export interface UserView {
  id: string;
  username: string;
  name: string;
  role: Role;
}

/** How much a client may have unacknowledged at once: number of events, and bytes of their frames. */
export interface Window {
  events: number;
  bytes: number;
}

/** Risk labels are for teachers. Here they are always null and false. */
export interface studentdashboardRisk {
  label: null;
  flagged: boolean;
}

/** The risk of a student; null and false if you cannot see it. */
export interface teacherstudentsRisk {
  label: DropoutLabel | null;
  flagged: boolean;
}
