"""The end of an attempt at a real hub: told to its client, its tail stored, and then its sockets closed with 4410."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import select

from db.models import EventStream, MonitoringEvent
from db.notify import Notifier
from db.settings import DatabaseSettings
from hub.auth import tokens
from hub.monitor import registry, session
from hub.sockets import now_ms
from protocol import monitor
from protocol.attempts import AttemptStatus
from protocol.codes import CloseCode
from protocol.limits import TAIL_MS
from tests.hub.monitor.conftest import SeededAttempt, events, still_works


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "LOOK_S", 0.1)
    monkeypatch.setattr(registry, "TICK_S", 0.02)
    monkeypatch.setattr(session, "QUIET_MS", 300)


async def stored(seeded: SeededAttempt, stream: UUID) -> list[int]:
    async with seeded.engine.connect() as conn:
        found = await conn.execute(
            select(MonitoringEvent.seq).where(MonitoringEvent.stream_id == stream).order_by(MonitoringEvent.seq)
        )
        return list(found.scalars())


async def test_a_change_is_told_without_any_hint_and_an_end_closes_once_all_is_stored(
    seeded: SeededAttempt, neighbour: SeededAttempt
) -> None:
    beside, _ = await neighbour.enter()
    peer, welcome = await seeded.enter()
    await seeded.stand(AttemptStatus.PAUSED)
    assert await peer.receive(monitor.AttemptChanged) == monitor.AttemptChanged(
        AttemptStatus.PAUSED, welcome.attempt.deadline, paused=True
    )
    await seeded.stand(AttemptStatus.ENDED)
    assert (await peer.receive(monitor.AttemptChanged)).status is AttemptStatus.ENDED
    await peer.send(events(1, 3))
    assert await peer.receive(monitor.Ack) == monitor.Ack(3)
    assert await peer.closed() == CloseCode.ENDED
    await still_works(beside)


async def test_a_hint_tells_it_sooner(
    seeded: SeededAttempt, database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer, _ = await seeded.enter()
    monkeypatch.setattr(registry, "LOOK_S", 60.0)
    await asyncio.sleep(0.2)  # the look that was already due goes by
    await seeded.stand(AttemptStatus.SUBMITTED)
    notifier = Notifier.connect(database.redis_url)
    await notifier.notify("attempt", seeded.attempt_id)
    assert (await peer.receive(monitor.AttemptChanged)).status is AttemptStatus.SUBMITTED
    await notifier.close()


async def test_the_tail_of_a_queue_is_taken_after_the_end(seeded: SeededAttempt) -> None:
    first, welcome = await seeded.enter()
    await first.send(events(1, 3))
    await first.receive(monitor.Ack)
    await first.connection.close()
    await seeded.stand(AttemptStatus.TIMED_OUT)
    again, late = await seeded.enter(stream=welcome.stream, acked=3, next_seq=6)
    assert (late.stream, late.committed, late.attempt.status) == (welcome.stream, 3, AttemptStatus.TIMED_OUT)
    await again.send(events(4, 5))
    assert await again.receive(monitor.Ack) == monitor.Ack(5)
    assert await again.closed() == CloseCode.ENDED
    assert await stored(seeded, welcome.stream) == [1, 2, 3, 4, 5]
    done, _ = await seeded.enter(stream=welcome.stream, acked=5, next_seq=6)
    assert await done.closed() == CloseCode.ENDED


async def test_a_day_after_the_end_nobody_is_let_in_any_more(seeded: SeededAttempt) -> None:
    staying, welcome = await seeded.enter()
    await seeded.stand(AttemptStatus.ENDED, ago_ms=TAIL_MS + 1_000)
    assert await staying.closed() == CloseCode.ENDED
    again = await seeded.connect()
    await again.send(await seeded.hello(stream=welcome.stream, acked=0, next_seq=3))
    assert await again.closed() == CloseCode.ENDED
    async with seeded.engine.connect() as conn:
        streams = (await conn.execute(select(EventStream.id).where(EventStream.kind == "client"))).scalars().all()
    assert streams == [welcome.stream]


async def test_the_welcome_brings_a_key_for_the_queue_and_a_token_that_only_delivers(seeded: SeededAttempt) -> None:
    _, welcome = await seeded.enter()
    _, again = await seeded.enter()
    assert welcome.queue_key == again.queue_key == tokens.derive_queue_key(seeded.attempt_id, seeded.secret)
    claims = tokens.verify_upload(welcome.upload_token, seeded.secret, now_ms=now_ms())
    assert (claims.attempt, claims.sub) == (seeded.attempt_id, seeded.student_id)
    assert welcome.attempt.deadline is not None
    assert claims.exp == (welcome.attempt.deadline + TAIL_MS) // 1000
