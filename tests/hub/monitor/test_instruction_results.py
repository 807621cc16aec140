from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from structlog.testing import capture_logs

from db.models import FeedHead
from db.notify import Notifier
from db.queries import feed
from db.queries.console import instructions
from db.settings import DatabaseSettings
from hub import metrics
from hub.monitor.instruction_results import WAITING_MAX, WAITING_PER_ATTEMPT, InstructionResults
from protocol.attempts import InstructionState
from protocol.console import InstructionRow
from protocol.monitor import Done
from protocol.roles import Role
from tests import factories
from tests.hub.monitor.conftest import until


@pytest.fixture
async def notifier(database: DatabaseSettings) -> AsyncIterator[Notifier]:
    notifier = Notifier.connect(database.redis_url)
    yield notifier
    await notifier.close()


async def issue(conn: AsyncConnection) -> tuple[UUID, UUID]:
    """An exam, and an attempt with one instruction."""
    teacher = await factories.make_user(conn, role=Role.TEACHER)
    exam_id = await factories.make_exam(conn, teacher)
    attempt_id = await factories.make_attempt(conn, exam_id, await factories.make_user(conn))
    body = {"text": "hello"}
    await instructions.issue_instructions(
        conn, exam_id, [attempt_id], action="message", body=body, actor_id=teacher, command_id=uuid4()
    )
    return exam_id, attempt_id


async def rows_in_feed(engine: AsyncEngine, exam_id: UUID) -> list[InstructionRow]:
    async with engine.connect() as conn:
        deltas = await feed.read_after(conn, exam_id, 0)
    return [msgspec.json.decode(delta.body, type=InstructionRow) for delta in deltas if delta.kind == "instruction"]


async def test_a_result_is_recorded_and_shown(engine: AsyncEngine, notifier: Notifier) -> None:
    async with engine.begin() as conn:
        exam_id, attempt_id = await issue(conn)
    async with InstructionResults(engine, notifier) as results:
        results.put(attempt_id, Done(1, ok=False, code="unsupported"))
    (row,) = await rows_in_feed(engine, exam_id)
    assert (row.state, row.code) == (InstructionState.FAILED, "unsupported")


async def test_a_result_that_waits_for_a_lock_is_tried_again(guarded_engine: AsyncEngine, notifier: Notifier) -> None:
    async with guarded_engine.begin() as conn:
        exam_id, attempt_id = await issue(conn)

    async def has_failed() -> bool:
        return any(line["event"] == "database is away" for line in logs)

    with capture_logs() as logs:
        async with InstructionResults(guarded_engine, notifier) as results, guarded_engine.begin() as holder:
            await holder.execute(select(FeedHead).with_for_update())
            results.put(attempt_id, Done(1, ok=True))
            await until(has_failed)  # when lock_timeout has passed
    assert [row.state for row in await rows_in_feed(guarded_engine, exam_id)] == [InstructionState.DONE]


async def test_a_result_without_an_instruction_changes_nothing(engine: AsyncEngine, notifier: Notifier) -> None:
    async with engine.begin() as conn:
        exam_id, attempt_id = await issue(conn)
    async with InstructionResults(engine, notifier) as results:
        results.put(attempt_id, Done(7, ok=True))
    assert await rows_in_feed(engine, exam_id) == []


async def test_a_dropped_result_is_counted(engine: AsyncEngine, notifier: Notifier) -> None:
    counter = metrics.RESULTS_DROPPED.labels(reason="full")
    before = counter._value.get()
    results = InstructionResults(engine, notifier, waiting_max=1)
    for _ in range(3):
        results.put(uuid4(), Done(1, ok=True))
    assert counter._value.get() == before + 2


async def test_results_of_unknown_instructions_do_not_displace_others(engine: AsyncEngine, notifier: Notifier) -> None:
    async with engine.begin() as conn:
        exam_id, attempt_id = await issue(conn)
    too_many, full = (metrics.RESULTS_DROPPED.labels(reason=reason) for reason in ("too_many", "full"))
    before, before_full = too_many._value.get(), full._value.get()
    stranger = uuid4()
    async with InstructionResults(engine, notifier) as results:
        for n in range(WAITING_MAX):
            results.put(stranger, Done(n + 1, ok=True))
        results.put(attempt_id, Done(1, ok=True))
    assert [row.state for row in await rows_in_feed(engine, exam_id)] == [InstructionState.DONE]
    assert too_many._value.get() == before + WAITING_MAX - WAITING_PER_ATTEMPT
    assert full._value.get() == before_full


async def test_an_attempt_has_room_again_once_its_results_are_recorded(engine: AsyncEngine, notifier: Notifier) -> None:
    async with engine.begin() as conn:
        _, attempt_id = await issue(conn)
    counter = metrics.RESULTS_DROPPED.labels(reason="too_many")
    before = counter._value.get()

    async def is_empty() -> bool:
        return len(results) == 0

    async with InstructionResults(engine, notifier) as results:
        for _ in range(2):
            for n in range(WAITING_PER_ATTEMPT):
                results.put(attempt_id, Done(n + 1, ok=True))
            await until(is_empty)
    assert counter._value.get() == before
