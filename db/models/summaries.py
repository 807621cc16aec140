"""Figures that triggers and workers keep, so that no request adds up a whole exam.

Contains nothing that cannot be computed again from other tables.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt


class ExamCount(Base):
    """A part of the counts of one exam, written by triggers: the sum over all rows of an exam is its count.

    A change adds a row (`is_change`) and waits for no other; a worker replaces the rows of an exam by their sum.
    """

    __tablename__ = "exam_counts"
    __table_args__ = (Index("ix_exam_counts_changes", "exam_id", postgresql_where=text("is_change")),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    exam_id: Mapped[UUID] = mapped_column(index=True)
    roster: Mapped[int] = mapped_column(server_default=text("0"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    running: Mapped[int] = mapped_column(server_default=text("0"))
    ungraded: Mapped[int] = mapped_column(server_default=text("0"))
    """Ended attempts without a final grade."""

    is_change: Mapped[bool]


class SummaryChange(Base):
    """An ended attempt whose figures have changed since the summaries of its exam and its student; from a trigger."""

    __tablename__ = "summary_changes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    exam_id: Mapped[UUID] = mapped_column(index=True)
    student_id: Mapped[UUID]
    at: Mapped[CreatedAt]


class ExamPerformance(Base):
    """The ended attempts of one exam together, as of `as_of`."""

    __tablename__ = "exam_performance_summary"

    exam_id: Mapped[UUID] = mapped_column(primary_key=True)
    total_attempts: Mapped[int | None] = mapped_column(BigInteger)
    average_score: Mapped[float | None]
    pass_rate: Mapped[Decimal | None]
    high_risk_count: Mapped[int | None] = mapped_column(BigInteger)
    average_integrity: Mapped[float | None]
    average_lmi: Mapped[float | None]
    flagged: Mapped[int | None] = mapped_column(BigInteger)
    safe: Mapped[int | None] = mapped_column(BigInteger)
    incapable: Mapped[int | None] = mapped_column(BigInteger)
    copy: Mapped[int | None] = mapped_column(BigInteger)
    no_interest: Mapped[int | None] = mapped_column(BigInteger)
    unknown: Mapped[int | None] = mapped_column(BigInteger)
    as_of: Mapped[datetime | None]
    items: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    """How many answered each item, and the average points of those that were graded on it."""


class RiskSummary(Base):
    """The ended attempts of one student at real exams together, as of `as_of`."""

    __tablename__ = "student_risk_summary"
    __table_args__ = (
        Index("ix_student_risk_summary_risky", "student_id", postgresql_where=text("high_risk > 0 OR flagged > 0")),
    )

    student_id: Mapped[UUID] = mapped_column(primary_key=True)
    attempts: Mapped[int | None] = mapped_column(BigInteger)
    high_risk: Mapped[int | None] = mapped_column(BigInteger)
    flagged: Mapped[int | None] = mapped_column(BigInteger)
    average_score: Mapped[float | None]
    average_integrity: Mapped[float | None]
    average_lmi: Mapped[float | None]
    last_attempt_at: Mapped[datetime | None]
    as_of: Mapped[datetime | None]
