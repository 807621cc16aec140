"""Sessions and credentials, each credential stored as a hash, and used or revoked in its own row.

Never stores a secret in plain text.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Key


class SessionEnd(StrEnum):
    """Why a session ended before its time."""

    SIGNED_OUT = "signed_out"
    ENDED_BY_USER = "ended_by_user"
    ENDED_BY_ADMIN = "ended_by_admin"
    REUSED = "reused"
    NEW_PASSWORD = "password_changed"  # noqa: S105 - a reason
    SECOND_FACTOR_CHANGED = "second_factor_changed"
    ACCOUNT_CHANGED = "account_changed"
    CODE_REPLACED = "code_replaced"
    LEFT_ROSTER = "left_roster"


class UserSession(Base):
    """One sign-in. Its id is in its access tokens and tickets, and is the `family` of its refresh tokens.

    It ends at `ends_at`, after `idle_s` without use, or at `ended_at`, whichever is first.
    """

    __tablename__ = "sessions"

    id: Mapped[Key]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    exam_id: Mapped[UUID | None] = mapped_column(ForeignKey("exams.id", ondelete="CASCADE"))
    """The only exam that a session from an exam code is valid for."""

    opened_at: Mapped[CreatedAt]
    last_used_at: Mapped[CreatedAt]
    ends_at: Mapped[datetime] = mapped_column(index=True)
    idle_s: Mapped[int | None]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None]
    agent: Mapped[str] = mapped_column(server_default=text("''"))
    """The browser and the system, such as "Firefox on Windows"; never the whole user agent."""

    place: Mapped[str] = mapped_column(server_default=text("''"))
    """A keyed hash of the network address."""


class RefreshToken(Base):
    """One opaque, single-use refresh token of a session. It is valid as long as its session."""

    __tablename__ = "refresh_tokens"

    id: Mapped[Key]
    hash: Mapped[bytes] = mapped_column(unique=True)
    family: Mapped[UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[CreatedAt]
    replaced_by: Mapped[UUID | None]
    replaced_at: Mapped[datetime | None]


class Device(Base):
    """One browser or program from which a user has signed in by password. It is recognized by its secret.

    A browser that several users share has one secret, and one row for each of them.
    """

    __tablename__ = "devices"

    hash: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)
    last_used_at: Mapped[CreatedAt] = mapped_column(index=True)


class SecondFactor(Base):
    """The TOTP secret of a user, encrypted with a key that the database does not have."""

    __tablename__ = "second_factors"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    sealed: Mapped[bytes]
    created_at: Mapped[CreatedAt]
    confirmed_at: Mapped[datetime | None]
    """When the user showed the first code. Before that, signing in needs no code."""

    last_counter: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """The 30-second step of the last code that was used. A code is valid once."""


class RecoveryCode(Base):
    """One code that replaces a TOTP code once."""

    __tablename__ = "recovery_codes"

    hash: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    used_at: Mapped[datetime | None]


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
