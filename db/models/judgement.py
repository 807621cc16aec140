"""Judgements: flags, what people decided about them, and how far each attempt has been folded."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Key, one_of
from protocol.flags import FlagSource, FlagStatus, Severity


class Flag(Base):
    """One judgement, with what it rests on; raised once per episode."""

    __tablename__ = "flags"
    __table_args__ = (
        UniqueConstraint("attempt_id", "rule", "rule_version", "episode_key"),
        one_of("source", FlagSource),
        one_of("status", FlagStatus),
        one_of("severity", Severity),
    )

    id: Mapped[Key]
    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("exam_attempts.id"))
    source: Mapped[str]
    rule: Mapped[str]
    rule_version: Mapped[int]
    policy_version: Mapped[int]
    episode_key: Mapped[str]
    severity: Mapped[str]
    confidence: Mapped[float]
    summary: Mapped[str]
    evidence: Mapped[dict[str, Any]] = mapped_column(JSONB)
    last_fact_at: Mapped[datetime | None]
    status: Mapped[str] = mapped_column(server_default=text("'open'"))
    raised_at: Mapped[CreatedAt]


class FlagReview(Base):
    """One decision of one person about one flag; `command_id` makes a repeated command harmless."""

    __tablename__ = "flag_reviews"

    id: Mapped[Key]
    flag_id: Mapped[UUID] = mapped_column(ForeignKey("flags.id"), index=True)
    reviewer_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    command_id: Mapped[UUID] = mapped_column(unique=True)
    from_status: Mapped[str]
    to_status: Mapped[str]
    reason: Mapped[str]
    reviewed_at: Mapped[CreatedAt]


class AnalysisCursor(Base):
    """How far one attempt is folded. Whoever rescores the attempt locks this row first.

    `positions` maps stream ids to the last folded number; `fold_order` lists runs `[stream, from, to]` in the order
    they were folded, which replay follows. `state` is a checkpoint: the engine's state after the first
    `checkpoint_facts` of those `facts` facts.
    """

    __tablename__ = "analysis_cursors"

    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("exam_attempts.id"), primary_key=True)
    positions: Mapped[dict[str, int]] = mapped_column(JSONB, server_default=text("'{}'"))
    fold_order: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    facts: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    checkpoint_facts: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    checkpointed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    folded_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # Last in the table too: most folds leave it as it is, and PostgreSQL's log leaves it out then.
    state: Mapped[bytes] = mapped_column(server_default=text("''"))
