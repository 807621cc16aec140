import asyncio
import time
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import ExamAttempt, ExamEnrollment, Instruction, User
from db.notify import Notifier
from db.queries.console import instructions
from db.settings import DatabaseSettings
from hub.app import create_app
from hub.monitor import registry, session
from hub.monitor.admission import Admission
from hub.settings import HubSettings
from protocol import monitor
from protocol.codes import CloseCode
from protocol.limits import Window
from tests.hub.monitor.conftest import SeededAttempt, events, sit, still_works, until
from tests.hub.serving import serve


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "LOOK_S", 0.1)


async def ask(seeded: SeededAttempt, text: str) -> None:
    """A teacher's message, as any process of the deployment may write it."""
    async with seeded.engine.begin() as conn:
        await instructions.issue_instructions(
            conn,
            seeded.exam_id,
            [seeded.attempt_id],
            action="message",
            body={"text": text},
            actor_id=seeded.student_id,
            command_id=uuid4(),
        )


async def state_of(seeded: SeededAttempt, n: int) -> str:
    async with seeded.engine.connect() as conn:
        found = await conn.execute(select(Instruction.state).where(Instruction.n == n))
        return str(found.scalar_one())


async def until_state(seeded: SeededAttempt, n: int, state: str) -> None:
    async def is_so() -> bool:
        return await state_of(seeded, n) == state

    await until(is_so)


async def test_a_connection_taken_over_elsewhere_is_told_without_any_hint(seeded: SeededAttempt) -> None:
    peer, _ = await seeded.enter()
    async with seeded.engine.begin() as conn:
        await conn.execute(update(ExamAttempt).values(generation=ExamAttempt.generation + 1))
    assert await peer.closed() == CloseCode.SUPERSEDED


async def test_hints_for_others_do_not_keep_a_superseded_socket_waiting(
    seeded: SeededAttempt, database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "LOOK_S", 0.5)
    peer, _ = await seeded.enter()
    notifier = Notifier.connect(database.redis_url)

    async def hint_for_ever() -> None:
        while True:
            await notifier.notify("instructions", seeded.attempt_id)
            await asyncio.sleep(0.1)

    hinting = asyncio.create_task(hint_for_ever())
    async with seeded.engine.begin() as conn:
        await conn.execute(update(ExamAttempt).values(generation=ExamAttempt.generation + 1))
    assert await peer.closed() == CloseCode.SUPERSEDED
    hinting.cancel()
    await notifier.close()


async def test_an_instruction_arrives_without_any_hint_and_once(seeded: SeededAttempt) -> None:
    peer, _ = await seeded.enter()
    await ask(seeded, "ten minutes left")
    told = await peer.receive(monitor.Instruct)
    assert (told.id, told.action, told.body) == (1, "message", {"text": "ten minutes left"})
    await peer.send(events(1, 1))
    await peer.receive(monitor.Ack)
    await ask(seeded, "five minutes left")
    assert (await peer.receive(monitor.Instruct)).id == 2


async def test_an_instruction_without_an_answer_is_sent_again_after_a_while(
    seeded: SeededAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "REPEAT_MS", 300)
    await ask(seeded, "one")
    peer, _ = await seeded.enter()
    assert (await peer.receive(monitor.Instruct)).id == (await peer.receive(monitor.Instruct)).id == 1
    await peer.send(monitor.Done(1, ok=True))
    await until_state(seeded, 1, "done")
    monkeypatch.setattr(session, "REPEAT_MS", 30_000)
    await ask(seeded, "two")
    while (told := await peer.receive(monitor.Instruct)).id == 1:
        pass  # sent again before the answer was recorded
    assert told.id == 2


async def test_an_instruction_whose_time_is_over_is_not_sent(seeded: SeededAttempt) -> None:
    await ask(seeded, "one")
    async with seeded.engine.begin() as conn:
        await conn.execute(update(Instruction).values(valid_until=func.now()))
    peer, _ = await seeded.enter()
    await ask(seeded, "two")
    assert (await peer.receive(monitor.Instruct)).body == {"text": "two"}


async def test_an_instruction_is_sent_again_on_reconnect_until_it_is_done(seeded: SeededAttempt) -> None:
    await ask(seeded, "one")
    first, _ = await seeded.enter()
    await first.receive(monitor.Instruct)
    await first.connection.close()
    second, _ = await seeded.enter()
    told = await second.receive(monitor.Instruct)
    await second.send(monitor.Done(told.id, ok=True))
    await until_state(seeded, told.id, "done")
    third, _ = await seeded.enter()
    await third.send(monitor.Ping(1))
    await third.receive(monitor.Pong)


async def test_a_hint_brings_an_instruction_sooner(
    seeded: SeededAttempt, database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer, _ = await seeded.enter()
    monkeypatch.setattr(registry, "LOOK_S", 60.0)
    await asyncio.sleep(0.2)  # the look that was already due goes by
    await ask(seeded, "hinted")
    notifier = Notifier.connect(database.redis_url)
    await notifier.notify("instructions", seeded.attempt_id)
    assert (await peer.receive(monitor.Instruct)).body == {"text": "hinted"}
    await notifier.close()


async def test_a_candidate_who_goes_on_at_another_hub_is_superseded_within_three_seconds_without_redis(
    settings: HubSettings, engine: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    dead = msgspec.structs.replace(settings, redis_url=f"unix://{tmp_path}/nobody")
    async with (
        serve(create_app(dead)) as here,
        serve(create_app(dead)) as there,
        sit(f"http://{here}", engine, settings) as seeded,
        sit(f"http://{here}", engine, settings) as neighbour,
    ):
        beside, _ = await neighbour.enter()
        older, _ = await seeded.enter()
        seeded.url = seeded.url.replace(here, there)
        newer, _ = await seeded.enter()
        began = time.monotonic()
        assert await older.closed() == CloseCode.SUPERSEDED
        assert time.monotonic() - began < 3
        await newer.send(events(1, 1))
        assert await newer.receive(monitor.Ack) == monitor.Ack(1)
        await still_works(beside)


async def test_a_sign_out_closes_the_socket(seeded: SeededAttempt, neighbour: SeededAttempt) -> None:
    beside, _ = await neighbour.enter()
    peer, _ = await seeded.enter()
    await seeded.revoke()
    assert await peer.closed() == CloseCode.UNAUTHENTICATED
    await still_works(beside)


async def test_a_user_who_may_not_come_in_any_more_is_closed(seeded: SeededAttempt, neighbour: SeededAttempt) -> None:
    beside, _ = await neighbour.enter()
    peer, _ = await seeded.enter()
    async with seeded.engine.begin() as conn:
        await conn.execute(update(User).where(User.id == seeded.student_id).values(is_active=False))
    assert await peer.closed() == CloseCode.UNAUTHENTICATED
    await still_works(beside)


async def test_removal_from_the_roster_closes_the_socket_and_keeps_it_out(
    seeded: SeededAttempt, neighbour: SeededAttempt
) -> None:
    beside, _ = await neighbour.enter()
    peer, _ = await seeded.enter()
    async with seeded.engine.begin() as conn:
        mine = ExamEnrollment.student_id == seeded.student_id
        await conn.execute(update(ExamEnrollment).where(mine).values(removed_at=func.now()))
    assert await peer.closed() == CloseCode.FORBIDDEN
    again = await seeded.connect()
    await again.send(await seeded.hello())
    assert await again.closed() == CloseCode.FORBIDDEN
    await still_works(beside)


async def test_an_access_token_that_runs_out_closes_nothing(seeded: SeededAttempt) -> None:
    peer, welcome = await seeded.enter(token=await seeded.token(left_ms=2_500))
    await asyncio.sleep((welcome.auth_until - welcome.server_at) / 1000 + 0.3)
    await still_works(peer)


async def test_windows_shrink_and_grow_with_the_load_of_the_process(
    seeded: SeededAttempt, admission: Admission, settings: HubSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "TICK_S", 0.02)
    peer, welcome = await seeded.enter()
    assert welcome.window == Window()
    load = settings.ingest_bytes * 3 // 4
    admission.budget.move(load)
    shrunk = await peer.receive(monitor.WindowChanged)
    assert 0 < shrunk.events < Window().events
    assert 0 < shrunk.bytes < Window().bytes
    await still_works(peer)
    latest, later = await seeded.enter()
    assert (later.window.events, later.window.bytes) == (shrunk.events, shrunk.bytes)
    admission.budget.move(-load)
    assert (await latest.receive(monitor.WindowChanged)).events == Window().events
