from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from db.queries.analysis.drafts import read_drafts, read_pastes
from protocol.analysis import Draft, PastedText
from tests.factories import TIME_BASE_MS, make_stream, store_events
from tests.seeded_attempts import seed_attempt


async def test_drafts_and_pastes_come_in_the_order_of_rule_time_over_all_streams(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    later = await make_stream(conn, seeded.attempt_id, time_base=TIME_BASE_MS + 10_000)
    await store_events(conn, later, [("draft_saved", {"item": "d", "text": "third"}, 0), ("paste", {"chars": 7}, 5)])
    first: list[tuple[str, dict[str, Any], int]] = [
        ("draft_saved", {"item": "d", "text": "first"}, 1_000),
        ("alive", {}, 1_500),
        ("paste", {"chars": 20, "item": "d", "more": True}, 2_000),
        ("draft_saved", {"item": "d", "text": "second", "restored": False}, 3_000),
    ]
    await store_events(conn, seeded.stream_id, first)
    at = TIME_BASE_MS
    assert await read_drafts(conn, seeded.attempt_id) == [
        Draft("d", "first", at + 1_000),
        Draft("d", "second", at + 3_000),
        Draft("d", "third", at + 10_000),
    ]
    assert await read_pastes(conn, seeded.attempt_id) == [
        PastedText("d", 20, at + 2_000),
        PastedText(None, 7, at + 10_005),
    ]


async def test_the_last_ones_are_kept(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    await store_events(conn, seeded.stream_id, [("draft_saved", {"item": "d", "text": str(n)}, n) for n in range(5)])
    assert [draft.text for draft in await read_drafts(conn, seeded.attempt_id, most=2)] == ["3", "4"]


async def test_payloads_of_another_shape_are_left_out(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    broken: list[tuple[str, dict[str, Any], int]] = [
        ("draft_saved", {}, 1),
        ("draft_saved", {"item": "d", "text": ["a"]}, 2),
        ("draft_saved", {"item": 7, "text": "a"}, 3),
        ("paste", {"chars": "many"}, 4),
        ("paste", {"item": "d"}, 5),
    ]
    await store_events(conn, seeded.stream_id, broken)
    assert await read_drafts(conn, seeded.attempt_id) == []
    assert await read_pastes(conn, seeded.attempt_id) == []
