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
}

export interface ExamPage {
  exams: ExamRecord[];
  next: string | null;
}

export interface ExamRecord {
  exam_id: string;
  title: string;
  subject: string;
  description: string;
  duration_minutes: number;
  is_published: boolean;
  created_at: number;
}

export interface Fault {
  path: string;
  message: string;
}

export interface Health {
  status: "healthy" | "unhealthy";
  database: "connected" | "disconnected";
  redis: "connected" | "disconnected";
  partitions_ahead: number | null;
  version: string;
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
  /** Any text without NUL */
  description?: string;
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
