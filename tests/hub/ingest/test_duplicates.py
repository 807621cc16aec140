import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from hub import metrics
from hub.ingest.duplicates import Duplicates
from protocol.codes import RejectCode
from protocol.events import Entry, tombstone
from tests.factories import TIME_BASE_MS, make_attempt, make_exam, make_stream, make_user, store_events

TIMEOUT_S = 10
SENT = [Entry(seq, "paste", TIME_BASE_MS + seq, seq, '{"chars":3}') for seq in (1, 2, 3)]
ALTERED = text("SELECT data_payload -> 'seqs' FROM monitoring_events WHERE event_type = 'altered_resend'")


class Attempt(msgspec.Struct):
    """An attempt whose stream has stored what was sent."""

    attempt_id: UUID
    stream_id: UUID


@pytest.fixture
async def attempt(engine: AsyncEngine) -> Attempt:
    async with engine.begin() as conn:
        exam_id = await make_exam(conn, await make_user(conn))
        attempt_id = await make_attempt(conn, exam_id, await make_user(conn))
        stream_id = await make_stream(conn, attempt_id)
        await store_events(conn, stream_id, [("paste", {"chars": 3}, entry.mono) for entry in SENT])
    return Attempt(attempt_id, stream_id)


@pytest.fixture
async def duplicates(engine: AsyncEngine) -> AsyncIterator[Duplicates]:
    async with Duplicates(engine, max_bytes=2_000) as duplicates:
        yield duplicates


def alter(*seqs: int) -> list[Entry]:
    return [msgspec.structs.replace(entry, payload='{"chars":400}') for entry in SENT if entry.seq in seqs]


async def altered_numbers(engine: AsyncEngine) -> list[int]:
    """The numbers that were recorded as altered, once there are any."""
    async with asyncio.timeout(TIMEOUT_S), engine.connect() as conn:
        while not (found := list((await conn.execute(ALTERED)).scalars())):
            await conn.execute(text("SELECT pg_sleep(0.01)"))
            await conn.rollback()
    return [seq for seqs in found for seq in seqs]


def dropped() -> float:
    return float(metrics.COMPARISONS_DROPPED._value.get())


async def test_changed_numbers_become_an_event_and_equal_ones_do_not(
    duplicates: Duplicates, engine: AsyncEngine, attempt: Attempt
) -> None:
    duplicates.put(attempt.attempt_id, attempt.stream_id, SENT)
    duplicates.put(attempt.attempt_id, attempt.stream_id, alter(2))
    assert await altered_numbers(engine) == [2]


async def test_events_over_the_bound_are_dropped_and_counted(
    duplicates: Duplicates, engine: AsyncEngine, attempt: Attempt
) -> None:
    before = dropped()
    large = msgspec.structs.replace(SENT[0], payload='{"chars":"' + "x" * 2_000 + '"}')
    duplicates.put(attempt.attempt_id, attempt.stream_id, [large, *SENT])
    assert dropped() == before + 4
    duplicates.put(attempt.attempt_id, attempt.stream_id, alter(1))
    assert await altered_numbers(engine) == [1]


async def test_refused_events_that_come_again_need_no_memory(
    duplicates: Duplicates, engine: AsyncEngine, attempt: Attempt
) -> None:
    before = dropped()
    for _ in range(1_000):
        duplicates.put(attempt.attempt_id, attempt.stream_id, [tombstone(2, RejectCode.BAD_UNICODE, b"x" * 60_000)])
    duplicates.put(attempt.attempt_id, attempt.stream_id, [tombstone(2, RejectCode.BAD_UNICODE, b""), *alter(1)])
    assert await altered_numbers(engine) == [1]
    assert dropped() == before


async def test_a_comparison_that_fails_is_counted_and_the_next_one_is_made(
    duplicates: Duplicates, engine: AsyncEngine, attempt: Attempt
) -> None:
    before = dropped()
    duplicates.put(attempt.attempt_id, attempt.stream_id, [msgspec.structs.replace(SENT[0], payload="no json")])
    # An unknown attempt has no system stream.
    duplicates.put(uuid7(), attempt.stream_id, alter(1))
    duplicates.put(attempt.attempt_id, attempt.stream_id, alter(3))
    assert await altered_numbers(engine) == [3]
    assert dropped() == before + 2
