"""The simplest service: one event per POST, with one INSERT and one COMMIT, through an ORM session.

Never checks numbers, limits a client, resumes or authenticates.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import uvicorn
from litestar import Litestar, post
from litestar.datastructures import State
from litestar.params import JSONBody
from sqlalchemy import TIMESTAMP, BigInteger, Identity, Index, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class PeerBase(DeclarativeBase):
    """The peer's tables."""


class EventRow(PeerBase):
    """One row per event, with an index by attempt."""

    __tablename__ = "bench_posted"
    __table_args__ = (Index("ix_bench_posted_attempt_id", "attempt_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    attempt_id: Mapped[UUID]
    event_type: Mapped[str]
    severity: Mapped[str | None]
    client_timestamp: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True))
    server_timestamp: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True), server_default=func.now())
    data_payload: Mapped[dict[str, Any]] = mapped_column(JSONB)


class PostedEvent(msgspec.Struct, frozen=True):
    """The body of a request."""

    attempt_id: UUID
    event_type: str
    at: int
    severity: str | None = None
    data: dict[str, Any] = {}


class Posted(msgspec.Struct, frozen=True):
    """Answer to a request."""

    id: int


@post("/events")
async def post_event(data: JSONBody[PostedEvent], state: State) -> Posted:
    """Store one event."""
    event = EventRow(
        attempt_id=data.attempt_id,
        event_type=data.event_type,
        severity=data.severity,
        client_timestamp=datetime.fromtimestamp(data.at / 1000, UTC),
        data_payload=data.data,
    )
    async with state.sessions() as session:
        session.add(event)
        await session.commit()
    return Posted(event.id)


def create_app(url: str) -> Litestar:
    """Build the service around an engine with an ordinary pool."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"), pool_size=20)
        async with engine.begin() as conn:
            await conn.run_sync(PeerBase.metadata.drop_all)
            await conn.run_sync(PeerBase.metadata.create_all)
        app.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
        yield
        await engine.dispose()

    return Litestar([post_event], lifespan=[lifespan], openapi_config=None, logging_config=None)


if __name__ == "__main__":
    uvicorn.run(create_app(sys.argv[2]), port=int(sys.argv[1]), access_log=False, log_level="warning")
