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

PATIENCE_S = 10
SENT = [Entry(seq, "paste", TIME_BASE_MS + seq, seq, '{"chars":3}') for seq in (1, 2, 3)]
TOLD = text("SELECT data_payload -> 'seqs' FROM monitoring_events WHERE event_type = 'altered_resend'")


class Attempt(msgspec.Struct):
    """An attempt whose stream holds what was sent."""

    attempt_id: UUID
    stream_id: UUID


@pytest.fixture
async def seeded(engine: AsyncEngine) -> Attempt:
    async with engine.begin() as conn:
        exam_id = await make_exam(conn, await make_user(conn))
        attempt_id = await make_attempt(conn, exam_id, await make_user(conn))
        stream_id = await make_stream(conn, attempt_id)
        await store_events(conn, stream_id, [("paste", {"chars": 3}, entry.mono) for entry in SENT])
    return Attempt(attempt_id, stream_id)


@pytest.fixture
async def resends(engine: AsyncEngine) -> AsyncIterator[Duplicates]:
    async with Duplicates(engine, max_bytes=2_000) as resends:
        yield resends


def alter(*seqs: int) -> list[Entry]:
    return [msgspec.structs.replace(entry, payload='{"chars":400}') for entry in SENT if entry.seq in seqs]


async def told(engine: AsyncEngine) -> list[int]:
    """The numbers told as altered, once there are any."""
    async with asyncio.timeout(PATIENCE_S), engine.connect() as conn:
        while not (found := list((await conn.execute(TOLD)).scalars())):
            await conn.execute(text("SELECT pg_sleep(0.01)"))
            await conn.rollback()
    return [seq for seqs in found for seq in seqs]


def dropped() -> float:
    return metrics.COMPARISONS_DROPPED._value.get()


async def test_altered_numbers_become_a_fact_and_equal_ones_nothing(
    resends: Duplicates, engine: AsyncEngine, seeded: Attempt
) -> None:
    resends.put(seeded.attempt_id, seeded.stream_id, SENT)
    resends.put(seeded.attempt_id, seeded.stream_id, alter(2))
    assert await told(engine) == [2]


async def test_what_does_not_fit_is_dropped_and_counted(
    resends: Duplicates, engine: AsyncEngine, seeded: Attempt
) -> None:
    before = dropped()
    large = msgspec.structs.replace(SENT[0], payload='{"chars":"' + "x" * 2_000 + '"}')
    resends.put(seeded.attempt_id, seeded.stream_id, [large, *SENT])
    assert dropped() == before + 4
    resends.put(seeded.attempt_id, seeded.stream_id, alter(1))
    assert await told(engine) == [1]


async def test_refused_events_sent_again_take_no_place_and_none_of_their_bytes_is_kept(
    resends: Duplicates, engine: AsyncEngine, seeded: Attempt
) -> None:
    before = dropped()
    for _ in range(1_000):
        resends.put(seeded.attempt_id, seeded.stream_id, [tombstone(2, RejectCode.BAD_UNICODE, b"x" * 60_000)])
    resends.put(seeded.attempt_id, seeded.stream_id, [tombstone(2, RejectCode.BAD_UNICODE, b""), *alter(1)])
    assert await told(engine) == [1]
    assert dropped() == before


async def test_a_comparison_that_fails_is_counted_and_the_next_goes_on(
    resends: Duplicates, engine: AsyncEngine, seeded: Attempt
) -> None:
    before = dropped()
    resends.put(seeded.attempt_id, seeded.stream_id, [msgspec.structs.replace(SENT[0], payload="no json")])
    # An attempt nobody knows has no system stream to append to.
    resends.put(uuid7(), seeded.stream_id, alter(1))
    resends.put(seeded.attempt_id, seeded.stream_id, alter(3))
    assert await told(engine) == [3]
    assert dropped() == before + 2
