import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.models import FeedHead
from db.notify import Notifier
from db.queries import feed
from db.queries.console import instructions
from db.settings import DatabaseSettings
from hub import metrics
from hub.monitor import instruction_results
from hub.monitor.instruction_results import InstructionResults
from protocol.attempts import InstructionState
from protocol.console import InstructionRow
from protocol.monitor import Done
from protocol.roles import Role
from tests import factories


@pytest.fixture
async def notifier(database: DatabaseSettings) -> AsyncIterator[Notifier]:
    notifier = Notifier.connect(database.redis_url)
    yield notifier
    await notifier.close()


async def asked(conn: AsyncConnection) -> tuple[UUID, UUID]:
    """An exam and an attempt whose client has been asked something."""
    teacher = await factories.make_user(conn, role=Role.TEACHER)
    exam_id = await factories.make_exam(conn, teacher)
    attempt_id = await factories.make_attempt(conn, exam_id, await factories.make_user(conn))
    body = {"text": "hello"}
    await instructions.issue_instructions(
        conn, exam_id, [attempt_id], action="message", body=body, actor_id=teacher, command_id=uuid4()
    )
    return exam_id, attempt_id


async def shown(engine: AsyncEngine, exam_id: UUID) -> list[InstructionRow]:
    async with engine.connect() as conn:
        deltas = await feed.read_after(conn, exam_id, 0)
    return [msgspec.json.decode(delta.body, type=InstructionRow) for delta in deltas if delta.kind == "instruction"]


async def test_an_answer_is_recorded_and_shown(engine: AsyncEngine, notifier: Notifier) -> None:
    async with engine.begin() as conn:
        exam_id, attempt_id = await asked(conn)
    async with InstructionResults(engine, notifier) as recorder:
        recorder.put(attempt_id, Done(1, ok=False, code="unsupported"))
    (row,) = await shown(engine, exam_id)
    assert (row.state, row.code) == (InstructionState.FAILED, "unsupported")


async def test_an_answer_that_meets_a_lock_is_tried_again(engine: AsyncEngine, notifier: Notifier) -> None:
    async with engine.begin() as conn:
        exam_id, attempt_id = await asked(conn)
    async with InstructionResults(engine, notifier) as recorder, engine.begin() as holder:
        await holder.execute(select(FeedHead).with_for_update())
        recorder.put(attempt_id, Done(1, ok=True))
        await asyncio.sleep(1.3)  # longer than lock_timeout: the first try fails
    assert [row.state for row in await shown(engine, exam_id)] == [InstructionState.DONE]


async def test_an_answer_to_nothing_changes_nothing(engine: AsyncEngine, notifier: Notifier) -> None:
    async with engine.begin() as conn:
        exam_id, attempt_id = await asked(conn)
    async with InstructionResults(engine, notifier) as recorder:
        recorder.put(attempt_id, Done(7, ok=True))
    assert await shown(engine, exam_id) == []


async def test_a_dropped_answer_is_counted(
    engine: AsyncEngine, notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instruction_results, "WAITING_MAX", 1)
    counter = metrics.ANSWERS_DROPPED.labels(reason="full")
    before = counter._value.get()
    recorder = InstructionResults(engine, notifier)
    for _ in range(3):
        recorder.put(uuid4(), Done(1, ok=True))
    assert counter._value.get() == before + 2


async def test_answers_nobody_asked_for_do_not_crowd_out_the_others(engine: AsyncEngine, notifier: Notifier) -> None:
    async with engine.begin() as conn:
        exam_id, attempt_id = await asked(conn)
    too_many, full = (metrics.ANSWERS_DROPPED.labels(reason=reason) for reason in ("too_many", "full"))
    before, before_full = too_many._value.get(), full._value.get()
    liar = uuid4()
    async with InstructionResults(engine, notifier) as recorder:
        for n in range(instruction_results.WAITING_MAX):
            recorder.put(liar, Done(n + 1, ok=True))
        recorder.put(attempt_id, Done(1, ok=True))
    assert [row.state for row in await shown(engine, exam_id)] == [InstructionState.DONE]
    assert too_many._value.get() == before + instruction_results.WAITING_MAX - instruction_results.WAITING_PER_ATTEMPT
    assert full._value.get() == before_full


async def test_an_attempt_may_answer_again_once_its_answers_are_recorded(
    engine: AsyncEngine, notifier: Notifier
) -> None:
    async with engine.begin() as conn:
        _, attempt_id = await asked(conn)
    counter = metrics.ANSWERS_DROPPED.labels(reason="too_many")
    before = counter._value.get()
    async with InstructionResults(engine, notifier) as recorder:
        for _ in range(2):
            for n in range(instruction_results.WAITING_PER_ATTEMPT):
                recorder.put(attempt_id, Done(n + 1, ok=True))
            await recorder._waiting.join()
    assert counter._value.get() == before
