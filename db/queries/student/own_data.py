"""Everything that is stored about a student, for the student: section by section, in bounded parts.

Findings, marks and what a model wrote are left out until the student may see them; `count_withheld` says how much that
is. Never reads an answer key, a label, a secret, or data of another person.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.queries.student.attempt_view import Owner

Values = dict[str, Any]
"""One row, ready for JSON: times are ISO 8601 in UTC."""

EVENTS_AT_ONCE: Final = 500


class Withheld(msgspec.Struct, frozen=True):
    """How many findings are not decided, and how many attempts have no released results."""

    findings: int
    attempts: int


_OWN: Final = """
    WITH own AS (
        SELECT attempt.id AS attempt_id, exam.results_released_at IS NOT NULL AS is_released
        FROM exam_attempts AS attempt JOIN exams AS exam ON exam.id = attempt.exam_id
        WHERE attempt.student_id = :student AND (CAST(:exam AS uuid) IS NULL OR attempt.exam_id = :exam)
    )
"""
"""The attempts of the student; after a sign-in with a code only those of its exam. Every statement begins with it."""

SECTIONS: Final[Mapping[str, str]] = {
    "account": """
        SELECT username, full_name AS name, email, role, is_active, users.created_at, last_login, last_login_ip,
               enrollment_id, cohort
        FROM users LEFT JOIN student_profiles ON user_id = users.id WHERE users.id = :student
    """,
    "sessions": """
        SELECT opened_at, last_used_at, ends_at, ended_at, agent AS browser, place FROM sessions
        WHERE user_id = :student ORDER BY opened_at
    """,
    "recorded_actions": """
        SELECT audit_logs.at, action, resource, resource_id, address, audit_sources.user_agent AS browser
        FROM audit_logs LEFT JOIN audit_sources ON audit_id = audit_logs.id
        WHERE actor_id = :student ORDER BY audit_logs.id
    """,
    "exams": """
        SELECT exam.id AS exam_id, exam.title, exam.subject, exam.kind, enrolled.created_at AS enrolled_at, removed_at,
               enrolled.name AS roster_name, enrolled.email AS roster_email,
               enrolled.enrollment_id AS roster_enrollment_id, enrolled.cohort AS roster_cohort
        FROM exam_enrollments AS enrolled JOIN exams AS exam ON exam.id = enrolled.exam_id
        WHERE student_id = :student AND (CAST(:exam AS uuid) IS NULL OR exam.id = :exam) ORDER BY exam.id
    """,
    "attempts": """
        SELECT attempt_id, exam_id, status, started_at, deadline, completed_at, grade_final_at, coverage, receipt,
               submission_data, notice AS notice_version, events_deleted_at, max_score,
               CASE WHEN is_released THEN score END AS score, CASE WHEN is_released THEN passed END AS passed,
               CASE WHEN is_released THEN integrity_score END AS integrity
        FROM exam_attempts JOIN own ON attempt_id = id ORDER BY id
    """,
    "answers": """
        SELECT attempt_id, item, value, occurred_at, stored_at FROM attempt_answers JOIN own USING (attempt_id)
        ORDER BY attempt_id, item, occurred_at
    """,
    "grades": """
        SELECT attempt_id, item, points, comment, graded_at FROM attempt_grades JOIN own USING (attempt_id)
        WHERE is_released ORDER BY attempt_id, item
    """,
    "connections": """
        SELECT attempt_id, generation, opened_at, closed_at, cause FROM connections JOIN own USING (attempt_id)
        ORDER BY attempt_id, generation
    """,
    # A flag of a rule is shown with the released results, any flag once it is decided (db/queries/student/record.py).
    "findings": """
        SELECT attempt_id, source, rule, severity, confidence, summary, status, raised_at, evidence,
               CASE WHEN is_released THEN ARRAY(
                   SELECT reason FROM flag_reviews WHERE flag_id = flags.id ORDER BY flag_reviews.id) END AS reasons
        FROM flags JOIN own USING (attempt_id)
        WHERE status IN ('confirmed', 'dismissed') OR (is_released AND source IN ('rule', 'teacher')) ORDER BY id
    """,
    "messages": """
        SELECT attempt_id, n, action, body, issued_at, answered_at, state FROM instructions JOIN own USING (attempt_id)
        ORDER BY attempt_id, n
    """,
    "summaries": """
        SELECT attempt_id, llm_summary AS summary, llm_recommendations AS recommendations,
               llm_model_version AS written_by, originality_indicators, lmi_score, analysed_at
        FROM behavior_analysis JOIN own USING (attempt_id) WHERE is_released ORDER BY attempt_id
    """,
    "model_runs": """
        SELECT attempt_id, model, ran_at, state, input, output FROM model_runs JOIN own USING (attempt_id)
        WHERE is_released ORDER BY id
    """,
    "holds": """
        SELECT attempt_id, reason, until, placed_at, released_at FROM attempt_holds JOIN own USING (attempt_id)
        ORDER BY id
    """,
    "figures": """
        SELECT total_exams, passed_exams, avg_score, subject_scores, strengths, weaknesses, avg_integrity_score,
               avg_lmi, last_attempt_date, updated_at
        FROM performance_metrics WHERE student_id = :student
    """,
    "notices": """
        SELECT version, body FROM notices
        WHERE version IN (SELECT notice FROM exam_attempts JOIN own ON attempt_id = id) ORDER BY version
    """,
}
"""The statement of each section except the events."""

_STREAMS: Final = "SELECT id FROM event_streams JOIN own USING (attempt_id) ORDER BY id"
_EVENTS: Final = text(
    """
    SELECT stream.attempt_id, event.stream_id, seq, event_type, client_timestamp, server_timestamp, data_payload,
           encode(raw, 'escape') AS refused_as
    FROM monitoring_events AS event JOIN event_streams AS stream ON stream.id = event.stream_id
    LEFT JOIN rejected_events USING (stream_id, seq)
    WHERE event.stream_id = :stream AND seq > :after ORDER BY seq LIMIT :most
    """
).bindparams(bindparam("stream", type_=Uuid), bindparam("after", type_=BigInteger))
_WITHHELD: Final = """
    SELECT (SELECT count(*) FROM flags JOIN own USING (attempt_id)
            WHERE status NOT IN ('confirmed', 'dismissed') AND NOT (is_released AND source IN ('rule', 'teacher'))
           ) AS findings,
           (SELECT count(*) FROM own WHERE NOT is_released) AS attempts
"""


async def read_section(conn: AsyncConnection, name: str, owner: Owner) -> list[Values]:
    """Read one section about a student."""
    found = await conn.execute(text(_OWN + SECTIONS[name]), _parameters(owner))
    return [_plain(dict(row)) for row in found.mappings()]


async def list_streams(conn: AsyncConnection, owner: Owner) -> list[UUID]:
    """List the streams of all attempts of a student."""
    return list((await conn.execute(text(_OWN + _STREAMS), _parameters(owner))).scalars())


async def read_events(conn: AsyncConnection, stream_id: UUID, after: int, limit: int = EVENTS_AT_ONCE) -> list[Values]:
    """Read the next events of a stream after this number."""
    found = await conn.execute(_EVENTS, {"stream": stream_id, "after": after, "most": limit})
    return [_plain(dict(row)) for row in found.mappings()]


async def count_withheld(conn: AsyncConnection, owner: Owner) -> Withheld:
    """Count what the student may not see yet."""
    row = (await conn.execute(text(_OWN + _WITHHELD), _parameters(owner))).one()
    return Withheld(row.findings, row.attempts)


def _parameters(owner: Owner) -> dict[str, object]:
    return {"student": owner.student_id, "exam": owner.only_exam}


def _plain(row: Values) -> Values:
    return {name: _plain_value(value) for name, value in row.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
