from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from db.engine import connect_writer
from db.queries import events
from db.queries.events import Place
from db.settings import DatabaseSettings
from protocol.codes import RejectCode
from protocol.events import Entry, tombstone


@pytest.fixture
async def writer(database: DatabaseSettings) -> AsyncIterator[asyncpg.Connection]:
    conn = await connect_writer(database)
    yield conn
    await conn.close()


def places(stream_id: UUID, *seqs: int, payload: str = '{"chars":3}') -> list[Place]:
    return [Place(stream_id, Entry(seq, "paste", 1_700_000_000_123, seq * 10, payload, "info")) for seq in seqs]


async def stored(writer: asyncpg.Connection, stream_id: UUID) -> list[tuple[int, str]]:
    rows = await writer.fetch(
        "SELECT seq, event_type FROM monitoring_events WHERE stream_id = $1 ORDER BY seq", stream_id
    )
    return [(row["seq"], row["event_type"]) for row in rows]


async def test_copied_places_are_stored_as_they_are(writer: asyncpg.Connection) -> None:
    stream_id = uuid7()
    await events.copy(writer, places(stream_id, 1))
    row = await writer.fetchrow("SELECT *, tableoid::regclass::text AS part FROM monitoring_events")
    assert row is not None
    assert (row["stream_id"], row["seq"], row["mono"], row["severity"]) == (stream_id, 1, 10, "info")
    assert row["data_payload"] == '{"chars": 3}'
    assert row["client_timestamp"].timestamp() == 1_700_000_000.123
    assert row["part"] != "monitoring_events_default"


async def test_a_copy_that_meets_a_duplicate_stores_nothing(writer: asyncpg.Connection) -> None:
    stream_id = uuid7()
    await events.copy(writer, places(stream_id, 1, 2))
    with pytest.raises(asyncpg.UniqueViolationError):
        await events.copy(writer, places(stream_id, 2, 3))
    assert await stored(writer, stream_id) == [(1, "paste"), (2, "paste")]


async def test_inserting_what_is_missing_may_be_repeated(writer: asyncpg.Connection) -> None:
    stream_id = uuid7()
    await events.copy(writer, places(stream_id, 1, 2))
    for _ in range(2):
        assert await events.insert_missing(writer, places(stream_id, 2, 3)) == []
    assert await stored(writer, stream_id) == [(1, "paste"), (2, "paste"), (3, "paste")]


async def test_what_stands_already_is_not_overwritten(writer: asyncpg.Connection) -> None:
    stream_id = uuid7()
    await events.copy(writer, places(stream_id, 1))
    await events.insert_missing(writer, places(stream_id, 1, payload='{"chars":999}'))
    assert await writer.fetchval("SELECT data_payload FROM monitoring_events") == '{"chars": 3}'


async def test_poison_becomes_a_tombstone_and_its_neighbours_are_stored(writer: asyncpg.Connection) -> None:
    stream_id = uuid7()
    batch = places(stream_id, 1, 2) + places(stream_id, 3, payload='{"x":"\\u0000"}') + places(stream_id, 4, 5)
    refused = await events.insert_missing(writer, batch)
    assert [(place.entry.seq, place.entry.reject) for place in refused] == [(3, RejectCode.BAD_SHAPE)]
    assert [seq for seq, _ in await stored(writer, stream_id)] == [1, 2, 3, 4, 5]
    assert (3, "rejected") in await stored(writer, stream_id)
    assert await writer.fetchval("SELECT raw FROM rejected_events WHERE seq = 3") == b'{"x":"\\u0000"}'


@pytest.mark.parametrize("way", ["copy", "insert_missing"])
async def test_the_bytes_of_a_rejected_event_are_kept_aside(writer: asyncpg.Connection, way: str) -> None:
    stream_id = uuid7()
    stone = Place(stream_id, tombstone(1, RejectCode.TOO_DEEP, b"[[[["))
    await getattr(events, way)(writer, [stone])
    row = await writer.fetchrow("SELECT code, raw FROM rejected_events WHERE stream_id = $1", stream_id)
    assert row is not None
    assert tuple(row) == ("too_deep", b"[[[[")
    assert await stored(writer, stream_id) == [(1, "rejected")]
