"""Users and their profiles.

Never stores a password, only its hash.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Key, one_of
from protocol.roles import Origin, Role


class User(Base):
    """One account. A student on a roster may have neither an e-mail address nor a password.

    Several accounts may have the same e-mail address, as siblings do: it is never used to sign in.
    """

    __tablename__ = "users"
    __table_args__ = (
        one_of("role", Role),
        one_of("origin", Origin),
        Index("ix_users_role_username", "role", "username"),
        # For the search of administrators, by any part of these.
        Index(
            "ix_users_search",
            "username",
            "full_name",
            "email",
            postgresql_using="gin",
            postgresql_ops={"username": "gin_trgm_ops", "full_name": "gin_trgm_ops", "email": "gin_trgm_ops"},
        ),
    )

    id: Mapped[Key]
    email: Mapped[str | None]
    username: Mapped[str] = mapped_column(unique=True)
    full_name: Mapped[str]
    password_hash: Mapped[str | None]
    role: Mapped[str]
    origin: Mapped[str] = mapped_column(server_default=text("'staff'"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    last_login: Mapped[datetime | None]
    last_login_ip: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    erased_at: Mapped[datetime | None]
    """When the data of this user were erased. The row stays, without a name."""


class StudentProfile(Base):
    """The fields of a student. All but the first two are computed from attempts whose review is final."""

    __tablename__ = "student_profiles"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    enrollment_id: Mapped[str | None] = mapped_column(unique=True)
    cohort: Mapped[str | None]
    cumulative_integrity_score: Mapped[float | None]
    cumulative_lmi: Mapped[float | None]
    total_exams_attempted: Mapped[int] = mapped_column(server_default=text("0"))
    total_exams_passed: Mapped[int] = mapped_column(server_default=text("0"))
    current_dropout_risk: Mapped[str | None]
    flagged_for_review: Mapped[bool] = mapped_column(server_default=text("false"))


class TeacherProfile(Base):
    """The fields of a teacher."""

    __tablename__ = "teacher_profiles"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    department: Mapped[str | None]
    subject_areas: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    credentials: Mapped[str | None]
    bio: Mapped[str | None]
    can_create_exams: Mapped[bool] = mapped_column(server_default=text("true"))
    can_view_analytics: Mapped[bool] = mapped_column(server_default=text("true"))
    can_manage_students: Mapped[bool] = mapped_column(server_default=text("true"))
