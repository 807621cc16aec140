"""Each check finds an error that a test makes, and reports none in correct data."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.clock import from_ms
from db.models import AnalysisCursor, AttemptAnswer, FeedHead, FeedRow, Flag, MonitoringEvent
from db.queries import verify
from tests.factories import make_attempt, make_stream, make_user, store_events
from tests.seeded_attempts import SeededAttempt, seed_attempt

PAST = (
    "UPDATE exam_attempts SET status = 'submitted', completed_at = now() - interval '90 days', "
    "events_deleted_at = now()"
)


@pytest.fixture
async def seeded(conn: AsyncConnection) -> SeededAttempt:
    attempt = await seed_attempt(conn, items=())
    await store_events(conn, attempt.stream_id, [("alive", {}, number) for number in range(1, 6)])
    return attempt


async def put(conn: AsyncConnection, stream_id: UUID, seq: int, kind: str = "alive", **data: Any) -> None:
    await conn.execute(
        insert(MonitoringEvent).values(
            stream_id=stream_id,
            seq=seq,
            mono=seq,
            client_timestamp=from_ms(0),
            event_type=kind,
            data_payload=data,
        )
    )


async def keep(conn: AsyncConnection, seeded: SeededAttempt, seq: int, value: Any, *, item: str = "q1") -> None:
    await conn.execute(
        insert(AttemptAnswer).values(
            stream_id=seeded.stream_id,
            seq=seq,
            attempt_id=seeded.attempt_id,
            item=item,
            value=value,
            occurred_at=from_ms(seq),
        )
    )


async def remove(conn: AsyncConnection, stream_id: UUID, *seqs: int) -> None:
    await conn.execute(
        delete(MonitoringEvent).where(MonitoringEvent.stream_id == stream_id, MonitoringEvent.seq.in_(seqs))
    )


async def test_a_complete_record_has_no_breaches(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await put(conn, seeded.stream_id, 9, "events_lost", **{"from": 6, "reason": "overflow"})
    await put(conn, seeded.stream_id, 10, "rejected", code="bad_type")
    await put(conn, seeded.stream_id, 11, "answered", item="q1", value=3)
    await keep(conn, seeded, 11, 3)
    for find in (
        verify.find_sequence_errors,
        verify.find_unkeyed_partitions,
        verify.find_orphaned_events,
        verify.find_feed_gaps,
        verify.find_cursor_errors,
        verify.find_events_outside_partitions,
        verify.find_malformed_markers,
        verify.find_answer_errors,
    ):
        assert await find(conn) == []


async def test_a_hole_is_named_by_its_numbers(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await remove(conn, seeded.stream_id, 2, 3)
    (breach,) = await verify.find_sequence_errors(conn)
    assert (breach.where, breach.what) == (f"stream {seeded.stream_id}", "2 to 3 are missing")


async def test_a_stream_that_does_not_begin_at_one_has_a_hole(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await remove(conn, seeded.stream_id, 1)
    assert [breach.what for breach in await verify.find_sequence_errors(conn)] == ["1 to 1 are missing"]


@pytest.mark.parametrize(
    ("first", "what"),
    [
        (7, "6 to 6 are missing"),
        (4, "4 to 5 are stored twice"),
        (None, "the lost span that ends at 9 has no valid first number"),
        (12, "the lost span that ends at 9 has no valid first number"),
    ],
)
async def test_a_lost_span_must_fit_its_neighbours(
    conn: AsyncConnection, seeded: SeededAttempt, first: int | None, what: str
) -> None:
    await put(conn, seeded.stream_id, 9, "events_lost", **({} if first is None else {"from": first}))
    assert [breach.what for breach in await verify.find_sequence_errors(conn)] == [what]


async def test_a_hole_in_a_system_stream_is_found_too(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await conn.execute(text("UPDATE monitoring_events SET seq = 3 WHERE event_type = 'attempt_started'"))
    assert [breach.what for breach in await verify.find_sequence_errors(conn)] == ["1 to 2 are missing"]


async def test_an_event_without_its_stream_is_found(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    foreign = uuid7()
    await put(conn, foreign, 1)
    await put(conn, foreign, 2)
    (breach,) = await verify.find_orphaned_events(conn)
    assert (breach.where, breach.what) == (f"stream {foreign}", "2 events, but no stream")


async def test_an_event_outside_every_day_is_found(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await put(conn, UUID("00000000-0001-7000-8000-000000000000"), 1)
    assert [breach.what for breach in await verify.find_events_outside_partitions(conn)] == [
        "1 events in the default partition"
    ]


async def test_a_partition_without_its_key_is_found(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await conn.execute(text("ALTER TABLE monitoring_events DROP CONSTRAINT pk_monitoring_events"))
    breaches = await verify.find_unkeyed_partitions(conn)
    assert "table monitoring_events_default" in [breach.where for breach in breaches]


async def test_a_gap_in_a_feed_is_found(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await conn.execute(insert(FeedRow), [{"exam_id": seeded.exam_id, "offset": 3, "kind": "x", "body": {}}])
    (breach,) = await verify.find_feed_gaps(conn)
    assert breach.where == f"exam {seeded.exam_id}"
    assert breach.what == "head 1, but 2 rows from 1 to 3"


async def test_a_feed_may_begin_late_but_not_miss_a_row(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    later = [{"exam_id": seeded.exam_id, "offset": offset, "kind": "x", "body": {}} for offset in range(2, 6)]
    await conn.execute(insert(FeedRow), later)
    await conn.execute(update(FeedHead).values(head=5))
    await conn.execute(delete(FeedRow).where(FeedRow.offset < 3))
    assert await verify.find_feed_gaps(conn) == []
    await conn.execute(delete(FeedRow).where(FeedRow.offset == 4))
    assert [breach.what for breach in await verify.find_feed_gaps(conn)] == ["head 5, but 2 rows from 3 to 5"]
    await conn.execute(delete(FeedRow))
    assert [breach.what for breach in await verify.find_feed_gaps(conn)] == ["head 5, but 0 rows from 0 to 0"]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("rejected", {}),
        ("rejected", {"code": "no_such_code"}),
        ("rejected", {"code": None}),
        ("events_lost", {"from": 6}),
        ("events_lost", {"from": "x", "reason": "overflow"}),
        ("events_lost", {"from": 1.5, "reason": "overflow"}),
        ("events_lost", {"reason": "overflow"}),
        ("events_lost", {"from": 6, "reason": 7}),
    ],
)
async def test_a_marker_with_incomplete_content_is_found(
    conn: AsyncConnection, seeded: SeededAttempt, kind: str, data: dict[str, Any]
) -> None:
    await put(conn, seeded.stream_id, 6, kind, **data)
    (breach,) = await verify.find_malformed_markers(conn)
    assert breach.where == f"stream {seeded.stream_id}"
    assert breach.what == f"{kind} at 6 is incomplete"
    await verify.find_sequence_errors(conn)  # no content makes a check fail


async def test_a_head_ahead_of_its_rows_is_found(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await conn.execute(update(FeedHead).values(head=7))
    assert [breach.what for breach in await verify.find_feed_gaps(conn)] == ["head 7, but 1 rows from 1 to 1"]


async def test_rows_without_a_head_are_found(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await conn.execute(insert(FeedRow), [{"exam_id": uuid4(), "offset": 1, "kind": "x", "body": {}}])
    assert [breach.what for breach in await verify.find_feed_gaps(conn)] == ["rows without a head"]


async def test_a_cursor_past_its_stream_is_found(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await conn.execute(update(AnalysisCursor).values(positions={str(seeded.stream_id): 5}))
    assert await verify.find_cursor_errors(conn) == []
    await conn.execute(update(AnalysisCursor).values(positions={str(seeded.stream_id): 6}))
    (breach,) = await verify.find_cursor_errors(conn)
    assert breach.where == f"attempt {seeded.attempt_id}"
    assert breach.what == f"folded up to 6 of stream {seeded.stream_id}, which ends at 5"


async def test_a_cursor_in_a_foreign_stream_is_found(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    foreign = uuid7()
    await conn.execute(update(AnalysisCursor).values(positions={str(foreign): 1}))
    (breach,) = await verify.find_cursor_errors(conn)
    assert breach.what == f"folded up to 1 of stream {foreign}, which is not its own"


async def test_only_the_first_breaches_are_returned(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    for number in range(verify.SHOWN + 5):
        await put(conn, seeded.stream_id, 10 + 2 * number)
    assert len(await verify.find_sequence_errors(conn)) == verify.SHOWN


async def test_every_number_of_a_client_stream_counts_as_stored(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    assert await verify.count_stored(conn, seeded.exam_id) == 5
    await put(conn, seeded.stream_id, 9, "events_lost", **{"from": 6})
    await put(conn, seeded.stream_id, 10, "rejected", code="bad_type")
    assert await verify.count_stored(conn, seeded.exam_id) == 10
    other = await make_stream(conn, seeded.attempt_id)
    await store_events(conn, other, [("alive", {}, 1)])
    assert await verify.count_stored(conn, seeded.exam_id) == 11
    assert await verify.count_stored(conn, uuid4()) == 0


async def test_flags_and_unfolded_streams_of_an_exam_are_counted(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    assert await verify.count_flags(conn, seeded.exam_id) == 0
    assert await verify.count_unfolded(conn, seeded.exam_id) == 2
    await conn.execute(update(AnalysisCursor).values(positions={str(seeded.stream_id): 4}))
    assert await verify.count_unfolded(conn, seeded.exam_id) == 2
    await conn.execute(update(AnalysisCursor).values(positions={str(seeded.stream_id): 5}))
    assert await verify.count_unfolded(conn, seeded.exam_id) == 1
    await conn.execute(
        insert(Flag).values(
            id=uuid7(),
            attempt_id=seeded.attempt_id,
            source="rule",
            rule="left_page",
            rule_version=1,
            policy_version=1,
            episode_key="k",
            severity="warning",
            confidence=0.8,
            summary="…",
            evidence={},
        )
    )
    assert await verify.count_flags(conn, seeded.exam_id) == 1


async def test_measuring_counts_everything(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    assert await verify.measure_extent(conn) == verify.Extent(streams=2, events=6, feeds=1, cursors=1)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("answered", {"item": "q1", "value": "a"}),
        ("answered", {"item": "q" * 200, "value": None}),
        ("draft_saved", {"item": "q1", "text": "a"}),
        ("answer_submitted", {"item": "q1", "value": ["a"]}),
    ],
)
async def test_an_event_whose_answer_is_missing_is_found(
    conn: AsyncConnection, seeded: SeededAttempt, kind: str, data: dict[str, Any]
) -> None:
    await put(conn, seeded.stream_id, 6, kind, **data)
    (breach,) = await verify.find_answer_errors(conn)
    assert (breach.where, breach.what) == (f"stream {seeded.stream_id}", "event 6 has no stored answer")


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("answered", {"item": "q1"}),
        ("answered", {"item": "q" * 201, "value": 1}),
        ("answered", {"item": "", "value": 1}),
        ("answered", {"item": 7, "value": 1}),
        ("draft_saved", {"item": "q1", "text": None}),
        ("draft_saved", {"item": "q1", "value": "x"}),
        ("typing", {"item": "q1", "value": "x"}),
    ],
)
async def test_an_event_that_gives_no_answer_has_none(
    conn: AsyncConnection, seeded: SeededAttempt, kind: str, data: dict[str, Any]
) -> None:
    await put(conn, seeded.stream_id, 6, kind, **data)
    assert await verify.find_answer_errors(conn) == []
    await keep(conn, seeded, 6, "a")
    assert [breach.what for breach in await verify.find_answer_errors(conn)] == [
        "an answer is stored for 6, which is not an answer"
    ]


async def test_an_answer_must_be_its_events_and_its_attempts(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await put(conn, seeded.stream_id, 6, "answered", item="q1", value=1)
    await keep(conn, seeded, 6, 2)
    await put(conn, seeded.stream_id, 7, "answered", item="q1", value=1)
    await keep(conn, seeded, 7, 1, item="q2")
    await put(conn, seeded.stream_id, 8, "answered", item="q1", value=1)
    await keep(conn, seeded, 8, 1)
    another = await make_attempt(conn, seeded.exam_id, await make_user(conn))
    await conn.execute(update(AttemptAnswer).where(AttemptAnswer.seq == 8).values(attempt_id=another))
    assert [breach.what for breach in await verify.find_answer_errors(conn)] == [
        f"the stored answer differs from event {seq}" for seq in (6, 7, 8)
    ]


async def test_an_answer_is_kept_after_its_events_are_deleted(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await keep(conn, seeded, 9, "a")
    assert len(await verify.find_answer_errors(conn)) == 1
    await remove(conn, seeded.stream_id, *range(1, 6))
    assert len(await verify.find_answer_errors(conn)) == 1, "events are missing before their time"
    await conn.execute(text(PAST))
    assert await verify.find_answer_errors(conn) == []


async def test_streams_past_retention_may_have_holes(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await remove(conn, seeded.stream_id, 2)
    assert len(await verify.find_sequence_errors(conn)) == 1
    await conn.execute(text(PAST))
    assert await verify.find_sequence_errors(conn) == []
    assert await verify.find_cursor_errors(conn) == []
    assert await verify.count_past_retention(conn) == 1


async def test_events_past_retention_must_be_gone(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await conn.execute(text(PAST))
    assert [breach.what for breach in await verify.find_undeleted_events(conn)] == ["has events past their time"]
    await conn.execute(text("UPDATE exam_attempts SET has_events_left = true"))
    assert await verify.find_undeleted_events(conn) == [], "they are being deleted"
