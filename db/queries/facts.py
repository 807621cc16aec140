"""Facts of servers: appended to an attempt's system stream by whichever process has something to state."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.clock import to_ms
from db.models import EventStream, MonitoringEvent


class ServerFact(msgspec.Struct, frozen=True):
    """One statement of a server about an attempt."""

    type: str
    data: dict[str, Any] = {}


async def open_stream(conn: AsyncConnection, attempt_id: UUID) -> UUID:
    """Give a new attempt its system stream; rule time there is server time, so its base is 0."""
    stream_id = uuid7()
    await conn.execute(insert(EventStream).values(id=stream_id, attempt_id=attempt_id, kind="system", time_base=0))
    return stream_id


async def append(conn: AsyncConnection, attempt_id: UUID, facts: Sequence[ServerFact]) -> int:
    """Append facts in order and return the last number; the stream's row stays locked until COMMIT."""
    stream_id = (
        await conn.execute(
            select(EventStream.id)
            .where(EventStream.attempt_id == attempt_id, EventStream.kind == "system")
            .with_for_update(key_share=True)
        )
    ).scalar_one()
    last: int = (
        await conn.execute(
            select(func.coalesce(func.max(MonitoringEvent.seq), 0)).where(MonitoringEvent.stream_id == stream_id)
        )
    ).scalar_one()
    # The lock may have been waited for: the fact happened now, not when the transaction began.
    now = (await conn.execute(text("SELECT clock_timestamp()"))).scalar_one()
    rows = [
        {
            "stream_id": stream_id,
            "seq": seq,
            "mono": to_ms(now),
            "client_timestamp": now,
            "server_timestamp": now,
            "event_type": fact.type,
            "data_payload": fact.data,
        }
        for seq, fact in enumerate(facts, last + 1)
    ]
    await conn.execute(insert(MonitoringEvent), rows)
    return last + len(rows)
