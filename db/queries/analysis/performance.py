"""Performance of students: their final attempts, and the figures computed from them.

Never computes a figure.
"""

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import from_ms, to_ms
from db.models import Exam, ExamAttempt, Flag, PerformanceMetric, StudentProfile
from db.queries.evaluation.cursors import is_among
from protocol.analysis import DropoutLabel, FinalAttempt, Performance
from protocol.attempts import ExamKind
from protocol.flags import UNDECIDED, Severity


async def lock_metrics(conn: AsyncConnection, student_ids: Collection[UUID]) -> None:
    """Lock the figures of these students until COMMIT, so that the next computation sees the results of this one."""
    ordered = sorted(student_ids)
    if not ordered:
        return
    new = [{"student_id": student_id} for student_id in ordered]
    await conn.execute(insert(PerformanceMetric).on_conflict_do_nothing(), new)
    await conn.execute(
        select(PerformanceMetric.student_id)
        .where(is_among(PerformanceMetric.student_id, ordered))
        .order_by(PerformanceMetric.student_id)
        .with_for_update(key_share=True)
    )


async def read_final_attempts(conn: AsyncConnection, student_ids: Collection[UUID]) -> dict[UUID, list[FinalAttempt]]:
    """Read each student's final attempts: ended, with a final grade, without an undecided flag above a note.

    Attempts of practice exams are left out.
    """
    undecided = select(Flag.id).where(
        Flag.attempt_id == ExamAttempt.id, Flag.severity != Severity.NORMAL, Flag.status.in_(UNDECIDED)
    )
    found = await conn.execute(
        select(
            ExamAttempt.student_id,
            ExamAttempt.completed_at,
            ExamAttempt.percentage,
            ExamAttempt.passed,
            ExamAttempt.integrity_score,
            ExamAttempt.lmi,
            ExamAttempt.dropout_label,
            Exam.subject,
        )
        .join(Exam, Exam.id == ExamAttempt.exam_id)
        .where(
            is_among(ExamAttempt.student_id, student_ids),
            Exam.kind == ExamKind.REAL,
            ExamAttempt.completed_at.is_not(None),
            ExamAttempt.grade_final_at.is_not(None),
            ~undecided.exists(),
        )
    )
    final: dict[UUID, list[FinalAttempt]] = {student_id: [] for student_id in student_ids}
    for row in found:
        final[row.student_id].append(
            FinalAttempt(
                subject=row.subject,
                ended_ms=to_ms(row.completed_at),
                percentage=row.percentage,
                passed=row.passed,
                integrity=row.integrity_score,
                lmi=row.lmi,
                label=None if row.dropout_label is None else DropoutLabel(row.dropout_label),
            )
        )
    return final


async def store_metrics(conn: AsyncConnection, figures: Mapping[UUID, Performance]) -> None:
    """Store the locked figures of students, also those in their profiles."""
    for student_id in sorted(figures):
        of_student = figures[student_id]
        await conn.execute(
            update(PerformanceMetric)
            .where(PerformanceMetric.student_id == student_id)
            .values(
                total_exams=of_student.total_exams,
                passed_exams=of_student.passed_exams,
                avg_score=of_student.avg_score,
                subject_scores=of_student.subject_scores,
                strengths=of_student.strengths,
                weaknesses=of_student.weaknesses,
                avg_integrity_score=of_student.avg_integrity,
                integrity_trend=of_student.integrity_trend,
                avg_lmi=of_student.avg_lmi,
                lmi_trend=of_student.lmi_trend,
                current_risk_label=of_student.current_risk,
                flagged_for_intervention=of_student.is_flagged,
                last_attempt_date=None if of_student.last_ended_ms is None else from_ms(of_student.last_ended_ms),
                updated_at=func.clock_timestamp(),
            )
        )
        await conn.execute(
            update(StudentProfile)
            .where(StudentProfile.user_id == student_id)
            .values(
                cumulative_integrity_score=of_student.avg_integrity,
                cumulative_lmi=of_student.avg_lmi,
                total_exams_attempted=of_student.total_exams,
                total_exams_passed=of_student.passed_exams,
                current_dropout_risk=of_student.current_risk,
                flagged_for_review=of_student.is_flagged,
            )
        )
