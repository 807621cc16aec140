from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import TextClause, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import from_ms
from db.models import MonitoringEvent
from db.queries.review import timeline
from db.queries.review.timeline import EventFilter, StreamInfo
from tests.candidates import make_candidates
from tests.factories import TIME_BASE_MS, make_stream, store_events

EVERYTHING = EventFilter()


async def make_streams(conn: AsyncConnection, *stored_at: list[int]) -> tuple[UUID, list[StreamInfo]]:
    """An attempt with a stream for each list: an event for each second at which one was stored."""
    (candidate,) = await make_candidates(conn)
    for seconds in stored_at:
        stream_id = await make_stream(conn, candidate.attempt_id)
        if seconds:
            await store_events(conn, stream_id, [("alive", {}, 1_000 * number) for number in range(len(seconds))])
        for seq, second in enumerate(seconds, 1):
            await conn.execute(
                update(MonitoringEvent)
                .where(MonitoringEvent.stream_id == stream_id, MonitoringEvent.seq == seq)
                .values(server_timestamp=from_ms(TIME_BASE_MS + 1_000 * second))
            )
    streams = await timeline.read_streams(conn, candidate.attempt_id)
    return candidate.attempt_id, [stream for stream in streams if stream.kind == "client"]


async def read_pages(conn: AsyncConnection, streams: list[StreamInfo], limit: int) -> list[tuple[int, int]]:
    """Every event, as the number of its stream and its own."""
    numbers = {stream.stream_id: number for number, stream in enumerate(streams)}
    positions: dict[UUID, int] = {}
    seen = []
    while True:
        window = await timeline.read_page(conn, streams, positions=positions, wanted=EVERYTHING, limit=limit)
        assert len(window.events) <= limit
        seen += [(numbers[event.stream_id], event.seq) for event in window.events]
        if window.is_last:
            return seen
        positions = window.positions


async def test_streams_are_merged_by_the_time_of_storage(conn: AsyncConnection) -> None:
    _, streams = await make_streams(conn, [1, 4, 5], [2, 3, 6], [])
    for limit in (1, 2, 6):
        assert await read_pages(conn, streams, limit) == [(0, 1), (1, 1), (1, 2), (0, 2), (0, 3), (1, 3)]


seconds = st.lists(st.integers(0, 5), max_size=5)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(seconds, min_size=1, max_size=3), st.integers(1, 4))
async def test_all_pages_show_each_event_once_and_each_stream_in_order_with_any_clock(
    conn: AsyncConnection, stored_at: list[list[int]], limit: int
) -> None:
    _, streams = await make_streams(conn, *stored_at)
    seen = await read_pages(conn, streams, limit)
    for number, stored in enumerate(stored_at):
        assert [seq for stream, seq in seen if stream == number] == list(range(1, len(stored) + 1))
    if all(stored == sorted(stored) for stored in stored_at):
        shown = [stored_at[stream][seq - 1] for stream, seq in seen]
        assert shown == sorted(shown)


async def test_a_page_reads_its_streams_along_their_keys_and_only_their_partitions(conn: AsyncConnection) -> None:
    _, streams = await make_streams(conn, list(range(20)))
    await timeline.read_page(conn, streams, positions={}, wanted=EVERYTHING, limit=1)
    query = timeline.NEXT.element
    assert isinstance(query, TextClause)
    explained = text("EXPLAIN (ANALYZE, COSTS OFF) " + query.text).bindparams(*query._bindparams.values())
    found = await conn.execute(
        explained,
        {
            "streams": [stream.stream_id for stream in streams],
            "positions": [5],
            "type": None,
            "severity": None,
            "any": True,
            "cited_streams": [],
            "cited_seqs": [],
            "most": 3,
        },
    )
    plan = [str(row[0]) for row in found]
    scans = [line for line in plan if "Scan using" in line]
    assert all("_pkey" in line for line in scans)
    assert sum("never executed" not in line for line in scans) == 1
    assert not [line for line in plan if "Seq Scan on" in line]
    assert "Merge Append" in "".join(plan)


async def test_events_are_counted_over_all_streams(conn: AsyncConnection) -> None:
    attempt_id, streams = await make_streams(conn, [1, 2], [3])
    assert await timeline.count_events(conn, streams) == 3
    assert await timeline.count_events(conn, await timeline.read_streams(conn, attempt_id)) == 4
    assert await timeline.count_events(conn, []) == 0


async def test_a_running_attempt_has_no_analysis(conn: AsyncConnection) -> None:
    attempt_id, _ = await make_streams(conn)
    assert await timeline.read_analysis(conn, attempt_id) is None
