/** REST responses for tests. It must never be part of a page. */

import type {
  Analytics,
  AttemptSummary,
  BehaviorAnalysis,
  ExamView,
  FlagView,
  GradedAnswers,
  Monitoring,
} from "../rest/types.ts";

export const EXAM: ExamView = {
  exam_id: "e",
  title: "Mechanics",
  subject: "Physics",
  topic: "",
  description: "",
  duration_minutes: 60,
  max_score: 12,
  passing_score: 6,
  opens_at: null,
  closes_at: null,
  is_published: true,
  enable_monitoring: true,
  enable_model: false,
  version: 1,
  items_version: 1,
  policy_version: 1,
  results_released_at: null,
  created_at: 0,
  permissions: ["can_view", "can_edit", "can_invigilate", "can_review", "can_view_analytics"],
  roster_size: 2,
  running_attempts: 0,
};

export const ATTEMPT: AttemptSummary = {
  attempt_id: "a",
  exam_id: "e",
  title: "Mechanics",
  student_id: "s",
  name: "Ada",
  ix: 1,
  status: "submitted",
  started_at: 0,
  completed_at: 60_000,
  score: 8,
  max_score: 12,
  percentage: 66.7,
  passed: true,
  grade_final: false,
  integrity: 0.6,
  coverage: 1,
  lmi: 70,
  dropout_label: "safe",
  flagged: true,
  open_flags: 1,
};

export const FLAG: FlagView = {
  flag_id: "f",
  attempt_id: "a",
  student: { student_id: "s", name: "Ada" },
  exam_id: "e",
  source: "rule",
  rule: "left_page",
  severity: "warning",
  confidence: 0.9,
  summary: "Left the page 3 times.",
  status: "open",
  raised_at: 0,
  reviewed_by: null,
  reason: null,
  rule_name: "left the page",
  rule_version: 2,
  policy_version: 1,
  numbers: { times: 3, within_s: 300 },
  evidence: {
    cited: [
      ["st", 1],
      ["st", 2],
    ],
    events: [{ stream_id: "st", seq: 1, type: "tab_hidden", at: 0, data: {} }],
  } as unknown as FlagView["evidence"],
  reviews: [],
  false_alarms: "A second monitor.",
};

export const ANALYSIS: BehaviorAnalysis = {
  state: "done",
  revision: 1,
  integrity_score: 0.6,
  coverage: 1,
  lmi_score: 70,
  improvement_trend: "up",
  dropout_label: "safe",
  dropout_confidence: 0.8,
  llm_summary: "Ada left the page three times.",
  llm_recommendations: [{ text: "Talk about focus.", cited: [1] }],
  originality_indicators: [],
  llm_model_version: "rules",
  model_state: "off",
  requires_instructor_attention: false,
  requires_recap: true,
  analysed_at: 0,
};

export const MONITORING: Monitoring = {
  attempt: ATTEMPT,
  total_events: 26,
  anomaly_events: 3,
  critical_events: 0,
  events_timeline: [],
  next: null,
  behavior_analysis: ANALYSIS,
  flags: [FLAG],
};

export const ANSWERS = {
  score: 2,
  max_score: 7,
  percentage: 28.6,
  passed: false,
  grade_final: false,
  items: [
    {
      item: "q1",
      kind: "choice",
      prompt: "Which is a vector?",
      points: 2,
      answer: { value: "velocity", revision: 1, saved_at: 0 },
      answer_key: "velocity",
      given: { points: 2, by: "key", comment: "" },
    },
    { item: "q2", kind: "text", prompt: "Why?", points: 5, answer: null, answer_key: null, given: null },
  ],
} as unknown as GradedAnswers;

export const ANALYTICS = {
  exam: { exam_id: "e", title: "Mechanics", max_score: 12, passing_score: 6 },
  analytics: {
    total_attempts: 3,
    flagged: 1,
    average_score: 66.7,
    pass_rate: 50,
    average_integrity: null,
    average_lmi: 70,
    high_risk_count: 1,
    as_of: 0,
  },
  students: [ATTEMPT],
  next: "more",
  risk_distribution: { safe: 1, no_interest: 0, incapable: 1, copy: 0, unknown: 1 },
  score_distribution: [{ from: 0, to: 50, count: 0 }],
  integrity_distribution: [{ from: 0, to: 0.5, count: 0 }],
  items: [{ item: "q1", prompt: "Which?", answered: 2, points: 2, average_points: 1.5 }],
  rules: [
    {
      rule: "left_page",
      name: "",
      raised: 4,
      confirmed: 2,
      dismissed: 1,
      open: 1,
      precision: 0.67,
      low: 0.2,
      high: 0.94,
    },
    { rule: "gaze_away", name: "", raised: 1, confirmed: 0, dismissed: 0, open: 1, precision: null, low: 0, high: 1 },
  ],
} as unknown as Analytics;

export const page = <T>(...items: T[]): { items: T[]; next: string | null } => ({ items, next: null });
