import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from uuid_utils.compat import uuid7

from db.engine import connect_writer
from db.queries.events.insert import InsertOutcome, copy_events, insert_missing_events, is_poison, read_heads
from db.segments import Segment, make_segment
from db.settings import DatabaseSettings
from protocol.codes import RejectCode
from protocol.events import Batch, Entry, lost_entry, tombstone
from protocol.monitor import Rejected

PATIENCE_S = 10


@pytest.fixture
async def writer(database: DatabaseSettings) -> AsyncIterator[asyncpg.Connection]:
    conn = await connect_writer(database)
    yield conn
    await conn.close()


@pytest.fixture
async def other(database: DatabaseSettings) -> AsyncIterator[asyncpg.Connection]:
    conn = await connect_writer(database)
    yield conn
    await conn.close()


def segment(stream_id: UUID, *seqs: int, payload: str = '{"chars":3}') -> Segment:
    entries = tuple(Entry(seq, "paste", 1_700_000_000_123, seq * 10, payload, "info") for seq in seqs)
    return Segment(stream_id, seqs[0], entries)


def lost(stream_id: UUID, first: int, last: int) -> Segment:
    return make_segment(stream_id, Batch(first, last, (lost_entry(first, last, "overflow"),), 1))


def poisoned(stream_id: UUID, seq: int, **changes: Any) -> Segment:
    """A bad event between good neighbors."""
    good = segment(stream_id, *range(seq - 2, seq + 3))
    bad = msgspec.structs.replace(good.entries[2], **changes)
    return Segment(stream_id, seq - 2, (*good.entries[:2], bad, *good.entries[3:]))


async def stored(writer: asyncpg.Connection, stream_id: UUID) -> list[tuple[int, str]]:
    rows = await writer.fetch(
        "SELECT seq, event_type FROM monitoring_events WHERE stream_id = $1 ORDER BY seq", stream_id
    )
    return [(row["seq"], row["event_type"]) for row in rows]


async def partition(writer: asyncpg.Connection) -> str:
    """Today's partition, where a test may add a constraint."""
    await copy_events(writer, [segment(uuid7(), 1)])
    return str(await writer.fetchval("SELECT tableoid::regclass FROM monitoring_events"))


async def waits(looker: asyncpg.Connection, waiter: asyncpg.Connection) -> None:
    """Wait until `waiter` waits for a lock of another transaction."""
    pid = waiter.get_server_pid()
    async with asyncio.timeout(PATIENCE_S):
        while not await looker.fetchval("SELECT cardinality(pg_blocking_pids($1)) FROM pg_sleep(0.01)", pid):
            pass


async def test_copied_events_are_stored_unchanged(writer: asyncpg.Connection) -> None:
    stream_id = uuid7()
    await copy_events(writer, [segment(stream_id, 1)])
    row = await writer.fetchrow("SELECT *, tableoid::regclass::text AS part FROM monitoring_events")
    assert row is not None
    assert (row["stream_id"], row["seq"], row["mono"], row["severity"]) == (stream_id, 1, 10, "info")
    assert row["data_payload"] == '{"chars": 3}'
    assert row["client_timestamp"].timestamp() == 1_700_000_000.123
    assert row["part"] != "monitoring_events_default"


async def test_a_copy_that_meets_a_duplicate_stores_nothing(writer: asyncpg.Connection) -> None:
    stream_id = uuid7()
    await copy_events(writer, [segment(stream_id, 1, 2)])
    with pytest.raises(asyncpg.UniqueViolationError):
        await copy_events(writer, [segment(stream_id, 2, 3)])
    assert await stored(writer, stream_id) == [(1, "paste"), (2, "paste")]


async def test_inserting_missing_events_may_be_repeated_and_returns_the_known_ones(writer: asyncpg.Connection) -> None:
    stream_id = uuid7()
    await copy_events(writer, [segment(stream_id, 1, 2)])
    assert await insert_missing_events(writer, [segment(stream_id, 2, 3)]) == InsertOutcome(
        known=(segment(stream_id, 2),)
    )
    assert await insert_missing_events(writer, [segment(stream_id, 2, 3)]) == InsertOutcome(
        known=(segment(stream_id, 2, 3),)
    )
    assert await stored(writer, stream_id) == [(1, "paste"), (2, "paste"), (3, "paste")]


async def test_stored_events_are_not_overwritten(writer: asyncpg.Connection) -> None:
    stream_id = uuid7()
    await copy_events(writer, [segment(stream_id, 1)])
    await insert_missing_events(writer, [segment(stream_id, 1, payload='{"chars":999}')])
    assert await writer.fetchval("SELECT data_payload FROM monitoring_events") == '{"chars": 3}'


async def test_heads_are_read_for_many_streams_at_once(writer: asyncpg.Connection) -> None:
    streams = sorted((uuid7() for _ in range(3)), key=lambda stream: stream.int)
    await copy_events(writer, [segment(streams[0], 1, 2), segment(streams[1], 1)])
    assert await read_heads(writer, streams) == dict(zip(streams, (2, 1, 0), strict=True))


DEEP = '{"a":' * 70_000 + "1" + "}" * 70_000
POISON = [
    pytest.param({"payload": '{"x":"\\u0000"}'}, "22P05", id="22P05-nul-in-jsonb"),
    pytest.param({"payload": '{"x":1e200000}'}, "22003", id="22003-number-out-of-range"),
    pytest.param({"payload": '{"x":'}, "22P02", id="22P02-no-json"),
    pytest.param({"payload": '{"x":"\\ud800"}'}, "22P02", id="22P02-lone-surrogate-escape"),
    pytest.param({"severity": "\0"}, "22021", id="22021-nul-in-text"),
    pytest.param({"type": "forbidden"}, "23514", id="23514-check"),
    pytest.param({"mono": 10}, "23505", id="23505-another-unique-key"),
    pytest.param({"payload": DEEP}, "54001", id="54001-too-deep"),
    pytest.param({"severity": "".join(map(chr, range(0x4E00, 0x4E00 + 4_000)))}, "54000", id="54000-index-row"),
]


async def constrain(writer: asyncpg.Connection) -> None:
    """Make PostgreSQL refuse what the schema accepts: a check, a second unique key, a narrow index."""
    part = await partition(writer)
    await writer.execute(f"DELETE FROM {part}")
    await writer.execute(f"ALTER TABLE {part} ADD CHECK (event_type <> 'forbidden')")
    await writer.execute(f"CREATE UNIQUE INDEX ON {part} (stream_id, mono)")
    await writer.execute(f"CREATE INDEX ON {part} (severity)")


@pytest.mark.parametrize(("changes", "sqlstate"), POISON)
async def test_refused_rows_of_every_class_become_tombstones_and_their_neighbors_are_stored(
    writer: asyncpg.Connection, changes: dict[str, Any], sqlstate: str
) -> None:
    await constrain(writer)
    stream_id, neighbour = sorted((uuid7(), uuid7()), key=lambda stream: stream.int)
    batch = [poisoned(stream_id, 3, **changes), segment(neighbour, 1, 2, 3)]
    with pytest.raises(asyncpg.PostgresError) as caught:
        await copy_events(writer, batch)
    assert caught.value.sqlstate == sqlstate
    assert is_poison(caught.value)
    outcome = await insert_missing_events(writer, batch)
    assert outcome == InsertOutcome({stream_id: (Rejected(3, RejectCode.BAD_SHAPE),)})
    expected = [(1, "paste"), (2, "paste"), (3, "rejected"), (4, "paste"), (5, "paste")]
    assert await stored(writer, stream_id) == expected
    assert await stored(writer, neighbour) == [*expected[:2], (3, "paste")]
    raw = await writer.fetchval("SELECT raw FROM rejected_events WHERE stream_id = $1 AND seq = 3", stream_id)
    assert raw == batch[0].entries[2].payload.encode()


@pytest.mark.parametrize(
    "changes",
    [{"payload": '{"x":"\ud800"}'}, {"mono": 2**63}, {"at": 2**60}, {"type": "\udfff"}],
    ids=["surrogate-in-payload", "mono-over-int64", "at-over-int64", "surrogate-in-type"],
)
async def test_a_row_that_cannot_be_encoded_is_poison_too(writer: asyncpg.Connection, changes: dict[str, Any]) -> None:
    stream_id = uuid7()
    batch = [poisoned(stream_id, 3, **changes)]
    with pytest.raises(Exception) as caught:
        await copy_events(writer, batch)
    assert is_poison(caught.value)
    outcome = await insert_missing_events(writer, batch)
    assert outcome.refused == {stream_id: (Rejected(3, RejectCode.BAD_SHAPE),)}
    assert [seq for seq, _ in await stored(writer, stream_id)] == [1, 2, 3, 4, 5]


async def test_many_poisoned_rows_in_a_large_flush_are_found_in_one_transaction(writer: asyncpg.Connection) -> None:
    streams = sorted((uuid7() for _ in range(250)), key=lambda stream: stream.int)
    batch = [
        poisoned(stream, 3, payload='{"x":"\\u0000"}') if index % 5 == 0 else segment(stream, *range(1, 21))
        for index, stream in enumerate(streams)
    ]
    outcome = await insert_missing_events(writer, batch)
    assert set(outcome.refused) == set(streams[::5])
    moments = await writer.fetchrow("SELECT count(*), count(DISTINCT server_timestamp) FROM monitoring_events")
    assert moments is not None
    assert tuple(moments) == (50 * 5 + 200 * 20, 1)


async def test_a_number_refused_by_a_try_with_unknown_result_is_returned_by_the_next(
    writer: asyncpg.Connection,
) -> None:
    stream_id = uuid7()
    batch = [poisoned(stream_id, 3, payload='{"x":"\\u0000"}')]
    first = await insert_missing_events(writer, batch)
    again = await insert_missing_events(writer, batch)
    assert again.refused == first.refused == {stream_id: (Rejected(3, RejectCode.BAD_SHAPE),)}
    assert again.known == tuple(batch)


async def test_a_stream_with_refused_tombstones_is_returned_and_others_are_stored(
    writer: asyncpg.Connection,
) -> None:
    part = await partition(writer)
    stuck, neighbour = sorted((uuid7(), uuid7()), key=lambda stream: stream.int)
    await writer.execute(f"ALTER TABLE {part} ADD CHECK (stream_id <> '{stuck}')")
    outcome = await insert_missing_events(writer, [segment(stuck, 1, 2), segment(neighbour, 1, 2)])
    assert outcome == InsertOutcome(returned={stuck: "unstorable"})
    assert await stored(writer, stuck) == []
    assert await stored(writer, neighbour) == [(1, "paste"), (2, "paste")]


async def test_a_segment_that_would_leave_a_hole_is_returned_and_others_are_stored(writer: asyncpg.Connection) -> None:
    torn, neighbour = sorted((uuid7(), uuid7()), key=lambda stream: stream.int)
    await copy_events(writer, [segment(torn, 1, 2)])
    outcome = await insert_missing_events(writer, [segment(torn, 4, 5), segment(neighbour, 1)])
    assert outcome == InsertOutcome(returned={torn: "hole"})
    assert await stored(writer, torn) == [(1, "paste"), (2, "paste")]
    assert await stored(writer, neighbour) == [(1, "paste")]


async def test_a_late_copy_of_numbers_a_newer_session_called_lost_is_stopped_by_the_key(
    writer: asyncpg.Connection,
) -> None:
    stream_id = uuid7()
    await copy_events(writer, [segment(stream_id, 1, 2)])
    await copy_events(writer, [lost(stream_id, 3, 20)])
    late = [segment(stream_id, 3, 4, 5)]
    with pytest.raises(asyncpg.UniqueViolationError):
        await copy_events(writer, late)
    assert await insert_missing_events(writer, late) == InsertOutcome(returned={stream_id: "overtaken"})
    assert [seq for seq, _ in await stored(writer, stream_id)] == [1, 2, 3, 20]


@pytest.mark.parametrize("last", [3, 4, 18, 20, 22])
async def test_numbers_another_session_called_lost_are_not_acknowledged_wherever_a_late_batch_ends(
    writer: asyncpg.Connection, last: int
) -> None:
    stream_id = uuid7()
    await copy_events(writer, [segment(stream_id, 1, 2)])
    await copy_events(writer, [lost(stream_id, 3, 20)])
    # With the result "stored" it would send the next number by COPY too, and the span has no row that would stop it.
    outcome = await insert_missing_events(writer, [segment(stream_id, *range(3, last + 1))])
    assert outcome == InsertOutcome(returned={stream_id: "overtaken"})
    assert (await stored(writer, stream_id))[-1][0] == 20


async def test_a_late_batch_that_ends_before_a_lost_span_is_known_and_acknowledged(writer: asyncpg.Connection) -> None:
    stream_id = uuid7()
    await copy_events(writer, [segment(stream_id, 1, 2)])
    await copy_events(writer, [lost(stream_id, 3, 20)])
    late = segment(stream_id, 1, 2)
    assert await insert_missing_events(writer, [late]) == InsertOutcome(known=(late,))


async def test_a_span_of_a_try_with_unknown_result_is_known_when_it_is_repeated(writer: asyncpg.Connection) -> None:
    stream_id = uuid7()
    await copy_events(writer, [segment(stream_id, 1, 2, 3)])
    for _ in range(2):
        assert (await insert_missing_events(writer, [lost(stream_id, 2, 9)])).returned == {}
    assert [seq for seq, _ in await stored(writer, stream_id)] == [1, 2, 3, 4, 9]


async def test_nothing_is_stored_after_the_end_of_a_closed_stream(writer: asyncpg.Connection) -> None:
    closed, open_one = sorted((uuid7(), uuid7()), key=lambda stream_id: stream_id.int)
    await copy_events(writer, [segment(closed, 1, 2)])
    end = Entry(3, "stream_closed", 0, 20, "{}")
    await copy_events(writer, [Segment(closed, 3, (end,))])
    late = [segment(closed, 3, 4, 5), segment(open_one, 1, 2)]
    with pytest.raises(asyncpg.UniqueViolationError):
        await copy_events(writer, late)
    assert (await insert_missing_events(writer, late)).returned == {closed: "overtaken"}
    assert await stored(writer, closed) == [(1, "paste"), (2, "paste"), (3, "stream_closed")]
    assert len(await stored(writer, open_one)) == 2


async def test_a_lost_span_does_not_reach_over_the_end_of_a_closed_stream(writer: asyncpg.Connection) -> None:
    stream_id = uuid7()
    end = Entry(4, "stream_closed", 0, 20, "{}")
    await copy_events(writer, [segment(stream_id, 1, 2, 3), Segment(stream_id, 4, (end,))])
    late = [lost(stream_id, 2, 9)]
    assert await insert_missing_events(writer, late) == InsertOutcome(returned={stream_id: "overtaken"})
    assert [seq for seq, _ in await stored(writer, stream_id)] == [1, 2, 3, 4]


async def test_a_span_does_not_claim_what_an_older_session_has_stored_after_all(writer: asyncpg.Connection) -> None:
    stream_id = uuid7()
    await copy_events(writer, [segment(stream_id, 1, 2, 3, 4, 5)])
    await insert_missing_events(writer, [lost(stream_id, 3, 20)])
    assert [seq for seq, _ in await stored(writer, stream_id)] == [1, 2, 3, 4, 5, 6, 20]
    payloads = await writer.fetch("SELECT data_payload FROM monitoring_events WHERE seq >= 6 ORDER BY seq")
    assert [json.loads(row["data_payload"])["from"] for row in payloads] == [6, 7]


async def test_a_client_that_reported_one_lost_number_cannot_continue_within_a_longer_span(
    writer: asyncpg.Connection,
) -> None:
    stream_id = uuid7()
    await copy_events(writer, [lost(stream_id, 1, 6)])
    assert (await insert_missing_events(writer, [lost(stream_id, 1, 1)])).returned == {stream_id: "overtaken"}
    assert (await insert_missing_events(writer, [lost(stream_id, 1, 6)])).returned == {}


@pytest.mark.parametrize("first", ["events", "span"])
async def test_numbers_sent_and_reported_lost_at_once_are_stored_without_overlap(
    writer: asyncpg.Connection, other: asyncpg.Connection, first: str
) -> None:
    stream_id = uuid7()
    both = [[segment(stream_id, 1, 2, 3)], [lost(stream_id, 1, 9)]]
    early, late = both if first == "events" else both[::-1]
    transaction = other.transaction()
    await transaction.start()
    await copy_events(other, early)
    inserting = asyncio.ensure_future(insert_missing_events(writer, late))
    await waits(other, writer)
    await transaction.commit()
    await asyncio.wait_for(inserting, PATIENCE_S)
    rows = await writer.fetch("SELECT seq, event_type, data_payload FROM monitoring_events ORDER BY seq")
    covered: list[int] = []
    for row in rows:
        start = json.loads(row["data_payload"])["from"] if row["event_type"] == "events_lost" else row["seq"]
        covered += range(start, row["seq"] + 1)
    assert covered == list(range(1, 10))


@pytest.mark.parametrize("way", [copy_events, insert_missing_events], ids=["copy", "insert"])
async def test_the_bytes_of_a_rejected_event_are_kept_aside(
    writer: asyncpg.Connection, way: Callable[[asyncpg.Connection, Sequence[Segment]], Any]
) -> None:
    stream_id = uuid7()
    await way(writer, [Segment(stream_id, 1, (tombstone(1, RejectCode.TOO_DEEP, b"[[[["),))])
    row = await writer.fetchrow("SELECT code, raw FROM rejected_events WHERE stream_id = $1", stream_id)
    assert row is not None
    assert tuple(row) == ("too_deep", b"[[[[")
    assert await stored(writer, stream_id) == [(1, "rejected")]
