"""All tables by class of data: what they hold about a person, for how long, and what an erasure does with it.

The table in docs/privacy.md is compared with it, and a test checks that every table is in it. It deletes nothing.
"""

from typing import Final

import msgspec


class TableClass(msgspec.Struct, frozen=True, kw_only=True):
    """Tables whose data are kept equally long. `kept` and `erasure` are texts for docs/privacy.md."""

    what: str
    tables: tuple[str, ...]
    kept: str
    erasure: str


AFTER_GRADE: Final = "after the final grade, or after the end if it is never graded"
WITH_ACCOUNT: Final = "until the person is erased"
NOT_PERSONAL: Final = "as long as the exam"

CLASSES: Final[tuple[TableClass, ...]] = (
    TableClass(
        what="events of the exam, with typed drafts, and refused events",
        tables=("monitoring_events", "rejected_events"),
        kept=f"`VERITAS_RETENTION_DAYS` (90) days {AFTER_GRADE}",
        erasure="deleted",
    ),
    TableClass(
        what="streams, connections and cursors: ids, numbers, times and places; the state of the rules",
        tables=("event_streams", "connections", "analysis_cursors"),
        kept=f"{WITH_ACCOUNT}; the state of the rules as long as the events",
        erasure="deleted",
    ),
    TableClass(
        what="flags with copies of the cited events, decisions and reasons, analyses and summaries, messages, "
        "input and output of the model",
        tables=("flags", "flag_reviews", "behavior_analysis", "model_runs", "instructions"),
        kept=f"texts, copies and model runs `VERITAS_RETENTION_REVIEWS_DAYS` (180) days {AFTER_GRADE}; rule, severity, "
        f"decision and figures {WITH_ACCOUNT}",
        erasure="deleted",
    ),
    TableClass(
        what="answers and comments on them",
        tables=("attempt_answers", "attempt_grades"),
        kept="earlier drafts as long as the events; answers, also those that arrived after the end, "
        "and comments `VERITAS_RETENTION_ANSWERS_DAYS` (365) days "
        f"{AFTER_GRADE}; points {WITH_ACCOUNT}",
        erasure="deleted",
    ),
    TableClass(
        what="attempts: status, times, marks, receipt, integrity score, label",
        tables=("exam_attempts",),
        kept=f"{WITH_ACCOUNT}; of a practice exam 7 days after the end, with everything above",
        erasure="blanked: times and marks stay, without the person",
    ),
    TableClass(
        what="holds on attempts, with their reasons",
        tables=("attempt_holds",),
        kept="as long as the attempt",
        erasure="deleted",
    ),
    TableClass(
        what="account and profile: name, username, e-mail, enrollment id, cohort; figures over all exams",
        tables=("users", "student_profiles", "teacher_profiles", "performance_metrics"),
        kept=f"{WITH_ACCOUNT}; the address of the last sign-in `VERITAS_RETENTION_ADDRESS_DAYS` (90) days",
        erasure="deleted; the user's row stays without a name, for the audit log",
    ),
    TableClass(
        what="sign-ins: sessions with the browser, known devices, second factors; hashes of tokens, codes and keys",
        tables=(
            *("sessions", "devices", "second_factors", "recovery_codes"),
            *("refresh_tokens", "ws_tickets", "candidate_codes", "service_keys"),
        ),
        kept="sessions and tokens a day after their end, tickets until they expire, the others as long as the account",
        erasure="deleted",
    ),
    TableClass(
        what="rosters and permissions",
        tables=("exam_enrollments", "teacher_exam_permissions"),
        kept=NOT_PERSONAL,
        erasure="the place on a roster stays, without the person",
    ),
    TableClass(
        what="changes for open consoles: names, flags, messages",
        tables=("exam_feed", "feed_heads"),
        kept="48 hours, the last row of an exam longer",
        erasure="texts and names blanked",
    ),
    TableClass(
        what="results of repeated commands",
        tables=("commands",),
        kept="`VERITAS_RETENTION_DAYS` (90) days",
        erasure="deleted for the exams of the person",
    ),
    TableClass(
        what="answers to writes that a program or a page may repeat, without secrets",
        tables=("idempotency_keys",),
        kept="24 hours",
        erasure="deleted where they name the person",
    ),
    TableClass(
        what="audit log: who did what, when, and the chain that seals it",
        tables=("audit_logs", "audit_chain", "audit_anchors"),
        kept="not deleted",
        erasure="rows stay with ids only, so that the log can be checked",
    ),
    TableClass(
        what="address and browser of sign-ins and of other audited actions",
        tables=("audit_sources",),
        kept="`VERITAS_RETENTION_ADDRESS_DAYS` (90) days",
        erasure="deleted",
    ),
    TableClass(
        what="figures of a student over ended attempts, which dashboards read",
        tables=("student_risk_summary",),
        kept=WITH_ACCOUNT,
        erasure="added up again from what stays",
    ),
    TableClass(
        what="changes that wait to be added to figures: ids",
        tables=("summary_changes",),
        kept="seconds",
        erasure="used up",
    ),
    TableClass(
        what="exams, questions and rules, their counts and figures; acknowledged notices; processes and settings",
        tables=(
            *("exams", "exam_items", "exam_policies", "notices", "exam_counts", "exam_performance_summary"),
            *("hub_leases", "worker_settings", "retention_runs"),
        ),
        kept="until an exam is deleted; nothing about a student",
        erasure="no data about a student",
    ),
)
"""Every table is in exactly one class."""
