"""Streams, events, connections and hub leases.

`monitoring_events` is range-partitioned on `stream_id`: UUIDv7 bounds are times, so `(stream_id, seq)` is unique in all
partitions, and an old partition can be dropped as a whole. It has no foreign keys, which would cost 40 % of COPY;
`veritas verify` checks the references.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Key


class EventStream(Base):
    """One stream of events of one attempt. The rule time of its events is `time_base` + mono, in ms."""

    __tablename__ = "event_streams"
    __table_args__ = (
        CheckConstraint("kind IN ('client', 'system')", name="kind"),
        CheckConstraint("(kind = 'client') = (boot IS NOT NULL)", name="boot"),
        # Not unique: a client whose numbers were rolled back keeps its `boot` and gets a new stream.
        Index("ix_event_streams_attempt_id_boot", "attempt_id", "boot"),
        # Not unique: a system stream rotates after a day; events are appended to the newest one.
        Index("ix_event_streams_system", "attempt_id", "id", postgresql_where=text("kind = 'system'")),
    )

    id: Mapped[Key]
    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("exam_attempts.id"))
    kind: Mapped[str]
    boot: Mapped[UUID | None]
    time_base: Mapped[int] = mapped_column(BigInteger)
    opened_at: Mapped[CreatedAt]


class Connection(Base):
    """One connection of a client, from hello to close; `hub` is the lease of the process that holds it.

    `outage` is the cohort outage that its loss was part of, once that is recorded. `heard_at` is set for a connection
    over HTTP only: the time of its last request. `place` is the keyed hash of where it comes from, at monitored exams.
    """

    __tablename__ = "connections"
    __table_args__ = (
        Index("ix_connections_open", "hub", postgresql_where=text("closed_at IS NULL")),
        # For a hello, which closes the older connection of its attempt.
        Index("ix_connections_open_attempt", "attempt_id", postgresql_where=text("closed_at IS NULL")),
        # For the poll for lost connections, every two seconds.
        Index("ix_connections_closed_at", "closed_at", postgresql_where=text("closed_at IS NOT NULL")),
    )

    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("exam_attempts.id"), primary_key=True)
    generation: Mapped[int] = mapped_column(primary_key=True)
    stream_id: Mapped[UUID] = mapped_column(ForeignKey("event_streams.id"))
    hub: Mapped[UUID]
    opened_at: Mapped[CreatedAt]
    closed_at: Mapped[datetime | None]
    cause: Mapped[str | None]
    outage: Mapped[UUID | None]
    heard_at: Mapped[datetime | None]
    place: Mapped[str | None]


class HubLease(Base):
    """One hub process.

    It is alive while it renews its lease. Once `ended_at` is set, its connections are closed for good.
    """

    __tablename__ = "hub_leases"

    hub: Mapped[UUID] = mapped_column(primary_key=True)
    taken_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class MonitoringEvent(Base):
    """One stored event."""

    __tablename__ = "monitoring_events"
    __table_args__ = (
        Index("ix_monitoring_events_server_timestamp", "server_timestamp", postgresql_using="brin"),
        {"postgresql_partition_by": "RANGE (stream_id)"},
    )

    stream_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    # Columns of fixed width come first, so that no row needs padding.
    mono: Mapped[int] = mapped_column(BigInteger)
    client_timestamp: Mapped[datetime]
    server_timestamp: Mapped[datetime] = mapped_column(server_default=func.now())
    event_type: Mapped[str]
    severity: Mapped[str | None]
    data_payload: Mapped[dict[str, Any]] = mapped_column(JSONB)


class RejectedEvent(Base):
    """The raw bytes of a refused event; its tombstone is in `monitoring_events`."""

    __tablename__ = "rejected_events"

    stream_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    code: Mapped[str]
    raw: Mapped[bytes]
    rejected_at: Mapped[CreatedAt]
