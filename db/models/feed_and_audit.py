"""The feed of each exam, commands, idempotency keys, and the audit log with its hash chain.

Triggers refuse changes of the audit log and of its chain.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, func, text
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


class IdempotencyKey(Base):
    """One REST write that was carried out with an `Idempotency-Key`, and how it was answered; never with a secret.

    `hash` is a keyed hash of user, route and key, `digest` one of the request's content.
    """

    __tablename__ = "idempotency_keys"

    hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    digest: Mapped[str]
    status: Mapped[int]
    response: Mapped[str]
    created_at: Mapped[CreatedAt] = mapped_column(index=True)


class AuditLog(Base):
    """One audited action. Rows are only added, so they contain no value that must be deleted later.

    `ip` is a keyed hash of the address. `user_agent` is empty since the address and the program have their own table.
    """

    __tablename__ = "audit_logs"
    __table_args__ = (
        Index("ix_audit_logs_resource", "resource", "resource_id"),
        Index("ix_audit_logs_action_id", "action", "id"),
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


class AuditSource(Base):
    """The readable address and program behind one audited action; deleted when their time is over."""

    __tablename__ = "audit_sources"

    audit_id: Mapped[UUID] = mapped_column(ForeignKey("audit_logs.id"), primary_key=True)
    address: Mapped[str | None]
    user_agent: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class AuditLink(Base):
    """One link of the hash chain over the audit log. Rows are only added (`db.audit_chain`)."""

    __tablename__ = "audit_chain"

    n: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    audit_id: Mapped[UUID] = mapped_column(ForeignKey("audit_logs.id"), unique=True)
    hash: Mapped[bytes]
    sealed_at: Mapped[CreatedAt]


class AuditAnchor(Base):
    """The newest link of the chain on one UTC day; also written to the log of the worker."""

    __tablename__ = "audit_anchors"

    day: Mapped[date] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]
    anchored_at: Mapped[CreatedAt]
