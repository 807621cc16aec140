"""Credentials, each stored as a hash, and used or revoked in its own row.

Never stores a secret in plain text.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Key


class RefreshToken(Base):
    """One opaque, single-use refresh token. `family` is its sign-in, and the session id of its access tokens."""

    __tablename__ = "refresh_tokens"

    id: Mapped[Key]
    hash: Mapped[bytes] = mapped_column(unique=True)
    family: Mapped[UUID] = mapped_column(index=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    exam_id: Mapped[UUID | None] = mapped_column(ForeignKey("exams.id", ondelete="CASCADE"))
    """The only exam that a session from an exam code is valid for."""

    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime]
    replaced_by: Mapped[UUID | None]
    replaced_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class WsTicket(Base):
    """One single-use ticket for a socket. It is used by deleting its row."""

    __tablename__ = "ws_tickets"

    hash: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    purpose: Mapped[str]
    session: Mapped[UUID]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class CandidateCode(Base):
    """One student's code for one exam: a sign-in without a password."""

    __tablename__ = "candidate_codes"

    hash: Mapped[bytes] = mapped_column(primary_key=True)
    exam_id: Mapped[UUID] = mapped_column(ForeignKey("exams.id", ondelete="CASCADE"))
    student_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[CreatedAt]
    revoked_at: Mapped[datetime | None]


class ServiceKey(Base):
    """One key of a service that calls Veritas with its account of role `service`."""

    __tablename__ = "service_keys"

    id: Mapped[Key]
    hash: Mapped[bytes] = mapped_column(unique=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    scopes: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    created_at: Mapped[CreatedAt]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
