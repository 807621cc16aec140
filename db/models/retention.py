"""Holds on attempts, acknowledged notices, runs of the retention job, and the settings of workers.

Contains nothing that a student wrote.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Key


class AttemptHold(Base):
    """A reason to keep the data of one attempt past their time: until it is released, or until `until`.

    `placed_by` is null when it was placed from the command line.
    """

    __tablename__ = "attempt_holds"

    id: Mapped[Key]
    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("exam_attempts.id"), index=True)
    placed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str]
    until: Mapped[datetime | None]
    placed_at: Mapped[CreatedAt]
    released_at: Mapped[datetime | None]
    released_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))


class AcknowledgedNotice(Base):
    """The text of one version of the notice, stored when a student first acknowledged it."""

    __tablename__ = "notices"

    version: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    first_acknowledged_at: Mapped[CreatedAt]


class WorkerSettingsRecord(Base):
    """What workers do with students' data, as their settings say; written by workers and read by hubs."""

    __tablename__ = "worker_settings"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]] = mapped_column(JSONB)
    written_at: Mapped[CreatedAt]


class RetentionRun(Base):
    """One run of the retention job: how much it deleted of each class of data."""

    __tablename__ = "retention_runs"

    id: Mapped[Key]
    started_at: Mapped[CreatedAt]
    finished_at: Mapped[datetime | None]
    deleted: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
