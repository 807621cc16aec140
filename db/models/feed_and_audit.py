"""The feed of each exam, commands, and the audit log.

Triggers refuse changes of the audit log.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Key


class FeedHead(Base):
    """The last offset of one exam's feed. Its row lock makes the order of commits and the order of offsets agree."""

    __tablename__ = "feed_heads"

    exam_id: Mapped[UUID] = mapped_column(ForeignKey("exams.id", ondelete="CASCADE"), primary_key=True)
    head: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class FeedRow(Base):
    """One change of one exam's board: `body` is the row of the type that `kind` names in `protocol.console.ROWS`."""

    __tablename__ = "exam_feed"

    exam_id: Mapped[UUID] = mapped_column(primary_key=True)
    offset: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[str]
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    appended_at: Mapped[CreatedAt]


class CommandRecord(Base):
    """One command with its result. The same id gets the same result."""

    __tablename__ = "commands"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    exam_id: Mapped[UUID] = mapped_column(ForeignKey("exams.id", ondelete="CASCADE"), index=True)
    actor_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    action: Mapped[str]
    result: Mapped[dict[str, Any]] = mapped_column(JSONB)
    given_at: Mapped[CreatedAt]


class AuditLog(Base):
    """One audited action. Rows are only added."""

    __tablename__ = "audit_logs"
    __table_args__ = (
        Index("ix_audit_logs_resource", "resource", "resource_id"),
        Index("ix_audit_logs_actor_id_id", "actor_id", "id"),
    )

    id: Mapped[Key]
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    action: Mapped[str]
    resource: Mapped[str]
    resource_id: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    ip: Mapped[str | None]
    user_agent: Mapped[str | None]
    at: Mapped[CreatedAt]
