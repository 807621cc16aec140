import asyncio
import time
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import ExamAttempt, ExamEnrollment, Instruction, User
from db.notify import Notifier
from db.settings import DatabaseSettings
from hub.app import create_app
from hub.monitor.admission import Admission
from hub.monitor.times import SessionTimes
from hub.settings import HubSettings
from hub.timing import Timing
from protocol import monitor
from protocol.codes import CloseCode
from protocol.limits import Window
from tests.hub.monitor.conftest import (
    CandidateClient,
    ask,
    events,
    make_candidate,
    polled_twice,
    still_works,
    until,
    with_timing,
)
from tests.hub.serving import serve


@pytest.fixture
def timing() -> Timing:
    return Timing(poll_s=0.1)


async def state_of(candidate: CandidateClient, n: int) -> str:
    async with candidate.engine.connect() as conn:
        found = await conn.execute(select(Instruction.state).where(Instruction.n == n))
        return str(found.scalar_one())


async def until_state(candidate: CandidateClient, n: int, state: str) -> None:
    async def is_so() -> bool:
        return await state_of(candidate, n) == state

    await until(is_so)


async def test_a_connection_superseded_at_another_hub_is_closed_without_redis(candidate: CandidateClient) -> None:
    peer, _ = await candidate.enter()
    async with candidate.engine.begin() as conn:
        await conn.execute(update(ExamAttempt).values(generation=ExamAttempt.generation + 1))
    assert await peer.closed() == CloseCode.SUPERSEDED


@with_timing(poll_s=0.5)
async def test_notifications_for_others_do_not_keep_a_superseded_socket_waiting(
    candidate: CandidateClient, database: DatabaseSettings
) -> None:
    peer, _ = await candidate.enter()
    notifier = Notifier.connect(database.redis_url)

    async def notify_forever() -> None:
        while True:
            await notifier.notify("instructions", candidate.attempt_id)
            await asyncio.sleep(0.1)

    notifying = asyncio.create_task(notify_forever())
    async with candidate.engine.begin() as conn:
        await conn.execute(update(ExamAttempt).values(generation=ExamAttempt.generation + 1))
    assert await peer.closed() == CloseCode.SUPERSEDED
    notifying.cancel()
    await notifier.close()


async def test_an_instruction_arrives_once_without_redis(candidate: CandidateClient) -> None:
    peer, _ = await candidate.enter()
    await ask(candidate, "ten minutes left")
    received = await peer.receive(monitor.Instruct)
    assert (received.id, received.action, received.body) == (1, "message", {"text": "ten minutes left"})
    await peer.send(events(1, 1))
    await peer.receive(monitor.Ack)
    await ask(candidate, "five minutes left")
    assert (await peer.receive(monitor.Instruct)).id == 2


@with_timing(poll_s=0.1, session=SessionTimes(repeat_ms=300))
async def test_an_instruction_without_a_result_is_sent_again_after_a_while(candidate: CandidateClient) -> None:
    await ask(candidate, "one")
    peer, _ = await candidate.enter()
    assert (await peer.receive(monitor.Instruct)).id == (await peer.receive(monitor.Instruct)).id == 1
    await peer.send(monitor.Done(1, ok=True))
    await until_state(candidate, 1, "done")
    await ask(candidate, "two")
    while (received := await peer.receive(monitor.Instruct)).id == 1:
        pass  # sent again before its result was recorded
    assert received.id == 2


async def test_an_instruction_that_has_expired_is_not_sent(candidate: CandidateClient) -> None:
    await ask(candidate, "one")
    async with candidate.engine.begin() as conn:
        await conn.execute(update(Instruction).values(valid_until=func.now()))
    peer, _ = await candidate.enter()
    await ask(candidate, "two")
    assert (await peer.receive(monitor.Instruct)).body == {"text": "two"}


async def test_an_instruction_is_sent_again_on_reconnect_until_it_is_done(candidate: CandidateClient) -> None:
    await ask(candidate, "one")
    first, _ = await candidate.enter()
    await first.receive(monitor.Instruct)
    await first.connection.close()
    second, _ = await candidate.enter()
    received = await second.receive(monitor.Instruct)
    await second.send(monitor.Done(received.id, ok=True))
    await until_state(candidate, received.id, "done")
    third, _ = await candidate.enter()
    await third.send(monitor.Ping(1))
    await third.receive(monitor.Pong)


@with_timing(poll_s=60.0)
async def test_a_notification_brings_an_instruction_sooner(
    candidate: CandidateClient, database: DatabaseSettings
) -> None:
    peer, _ = await candidate.enter()
    await ask(candidate, "notified")
    notifier = Notifier.connect(database.redis_url)
    await notifier.notify("instructions", candidate.attempt_id)
    assert (await peer.receive(monitor.Instruct)).body == {"text": "notified"}
    await notifier.close()


async def test_a_candidate_that_connects_to_another_hub_is_superseded_within_three_seconds_without_redis(
    settings: HubSettings, engine: AsyncEngine, tmp_path: Path
) -> None:
    dead = msgspec.structs.replace(settings, redis_url=f"unix://{tmp_path}/missing")
    async with (
        serve(create_app(dead)) as here,
        serve(create_app(dead)) as there,
        make_candidate(f"http://{here}", engine, settings) as candidate,
        make_candidate(f"http://{here}", engine, settings) as neighbor,
    ):
        beside, _ = await neighbor.enter()
        older, _ = await candidate.enter()
        candidate.url = candidate.url.replace(here, there)
        newer, _ = await candidate.enter()
        began = time.monotonic()
        assert await older.closed() == CloseCode.SUPERSEDED
        assert time.monotonic() - began < 3
        await newer.send(events(1, 1))
        assert await newer.receive(monitor.Ack) == monitor.Ack(1)
        await still_works(beside)


async def test_a_sign_out_closes_the_socket(candidate: CandidateClient, neighbor: CandidateClient) -> None:
    beside, _ = await neighbor.enter()
    peer, _ = await candidate.enter()
    await candidate.revoke()
    assert await peer.closed() == CloseCode.UNAUTHENTICATED
    await still_works(beside)


async def test_the_socket_of_a_deactivated_user_is_closed(
    candidate: CandidateClient, neighbor: CandidateClient
) -> None:
    beside, _ = await neighbor.enter()
    peer, _ = await candidate.enter()
    async with candidate.engine.begin() as conn:
        await conn.execute(update(User).where(User.id == candidate.student_id).values(is_active=False))
    assert await peer.closed() == CloseCode.UNAUTHENTICATED
    await still_works(beside)


async def test_removal_from_the_roster_closes_the_socket_and_keeps_it_out(
    candidate: CandidateClient, neighbor: CandidateClient
) -> None:
    beside, _ = await neighbor.enter()
    peer, _ = await candidate.enter()
    async with candidate.engine.begin() as conn:
        mine = ExamEnrollment.student_id == candidate.student_id
        await conn.execute(update(ExamEnrollment).where(mine).values(removed_at=func.now()))
    assert await peer.closed() == CloseCode.FORBIDDEN
    again = await candidate.connect()
    await again.send(await candidate.hello())
    assert await again.closed() == CloseCode.FORBIDDEN
    await still_works(beside)


async def test_an_access_token_that_expires_closes_nothing(candidate: CandidateClient) -> None:
    peer, welcome = await candidate.enter(token=await candidate.token(left_ms=2_500))
    await asyncio.sleep((welcome.auth_until - welcome.server_at) / 1000)
    await polled_twice(candidate, peer)
    await still_works(peer)


@with_timing(tick_s=0.02)
async def test_windows_shrink_and_grow_with_the_load_of_the_process(
    candidate: CandidateClient, admission: Admission, settings: HubSettings
) -> None:
    peer, welcome = await candidate.enter()
    assert welcome.window == Window()
    load = settings.ingest_bytes * 3 // 4
    admission.budget.move(load)
    shrunk = await peer.receive(monitor.WindowChanged)
    assert 0 < shrunk.events < Window().events
    assert 0 < shrunk.bytes < Window().bytes
    await still_works(peer)
    latest, later = await candidate.enter()
    assert (later.window.events, later.window.bytes) == (shrunk.events, shrunk.bytes)
    admission.budget.move(-load)
    assert (await latest.receive(monitor.WindowChanged)).events == Window().events
