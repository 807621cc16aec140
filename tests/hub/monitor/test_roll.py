import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from db.hints import Hints
from db.models import ExamAttempt, Instruction
from db.queries import instructions
from db.settings import DatabaseSettings
from hub.monitor import roll
from protocol import monitor
from protocol.codes import CloseCode
from tests.hub.monitor.conftest import Sitting, events


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roll, "LOOK_S", 0.1)


async def ask(sitting: Sitting, text: str) -> None:
    """A teacher's message, as any process of the deployment may write it."""
    async with sitting.engine.begin() as conn:
        await instructions.issue(
            conn,
            sitting.exam_id,
            [sitting.attempt_id],
            action="message",
            body={"text": text},
            actor_id=sitting.student_id,
            command_id=uuid4(),
        )


async def state_of(sitting: Sitting, n: int) -> str:
    async with sitting.engine.connect() as conn:
        found = await conn.execute(select(Instruction.state).where(Instruction.n == n))
        return str(found.scalar_one())


async def test_a_connection_taken_over_elsewhere_is_told_without_any_hint(sitting: Sitting) -> None:
    peer, _ = await sitting.enter()
    async with sitting.engine.begin() as conn:
        await conn.execute(update(ExamAttempt).values(generation=ExamAttempt.generation + 1))
    assert await peer.closed() == CloseCode.SUPERSEDED


async def test_hints_for_others_do_not_keep_a_superseded_socket_waiting(
    sitting: Sitting, database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roll, "LOOK_S", 0.5)
    peer, _ = await sitting.enter()
    hints = Hints.connect(database.redis_url)

    async def hint_for_ever() -> None:
        while True:
            await hints.announce("instructions", sitting.attempt_id)
            await asyncio.sleep(0.1)

    hinting = asyncio.create_task(hint_for_ever())
    async with sitting.engine.begin() as conn:
        await conn.execute(update(ExamAttempt).values(generation=ExamAttempt.generation + 1))
    assert await peer.closed() == CloseCode.SUPERSEDED
    hinting.cancel()
    await hints.close()


async def test_an_instruction_arrives_without_any_hint_and_once(sitting: Sitting) -> None:
    peer, _ = await sitting.enter()
    await ask(sitting, "ten minutes left")
    told = await peer.receive(monitor.Instruct)
    assert (told.id, told.action, told.body) == (1, "message", {"text": "ten minutes left"})
    await peer.send(events(1, 1))
    await peer.receive(monitor.Ack)
    await ask(sitting, "five minutes left")
    assert (await peer.receive(monitor.Instruct)).id == 2


async def test_an_instruction_is_sent_again_on_reconnect_until_it_is_done(sitting: Sitting) -> None:
    await ask(sitting, "one")
    first, _ = await sitting.enter()
    await first.receive(monitor.Instruct)
    await first.connection.close()
    second, _ = await sitting.enter()
    told = await second.receive(monitor.Instruct)
    await second.send(monitor.Done(told.id, ok=True))
    async with asyncio.timeout(5):
        while await state_of(sitting, told.id) != "done":  # noqa: ASYNC110 - PostgreSQL tells nobody
            await asyncio.sleep(0.01)
    third, _ = await sitting.enter()
    await third.send(monitor.Ping(1))
    await third.receive(monitor.Pong)


async def test_a_hint_brings_an_instruction_sooner(
    sitting: Sitting, database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer, _ = await sitting.enter()
    monkeypatch.setattr(roll, "LOOK_S", 60.0)
    await asyncio.sleep(0.2)  # the look that was already due goes by
    await ask(sitting, "hinted")
    hints = Hints.connect(database.redis_url)
    await hints.announce("instructions", sitting.attempt_id)
    assert (await peer.receive(monitor.Instruct)).body == {"text": "hinted"}
    await hints.close()
