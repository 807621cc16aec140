"""The end of an attempt at a real hub: the client gets the status, delivers its queue, and is closed with 4410."""

from uuid import UUID

import pytest
from sqlalchemy import select

from db.models import EventStream, MonitoringEvent
from db.notify import Notifier
from db.settings import DatabaseSettings
from hub.auth import tokens
from hub.monitor.times import SessionTimes
from hub.sockets import now_ms
from hub.timing import Timing
from protocol import monitor
from protocol.attempts import AttemptStatus
from protocol.codes import CloseCode
from protocol.limits import TAIL_MS
from tests.hub.monitor.conftest import CandidateClient, events, still_works, with_timing


@pytest.fixture
def timing() -> Timing:
    return Timing(poll_s=0.1, tick_s=0.02, session=SessionTimes(quiet_ms=300))


async def stored(candidate: CandidateClient, stream: UUID) -> list[int]:
    async with candidate.engine.connect() as conn:
        found = await conn.execute(
            select(MonitoringEvent.seq).where(MonitoringEvent.stream_id == stream).order_by(MonitoringEvent.seq)
        )
        return list(found.scalars())


async def test_a_change_is_sent_without_redis_and_an_end_closes_once_everything_is_stored(
    candidate: CandidateClient, neighbor: CandidateClient
) -> None:
    beside, _ = await neighbor.enter()
    peer, welcome = await candidate.enter()
    await candidate.set_status(AttemptStatus.PAUSED)
    assert await peer.receive(monitor.AttemptChanged) == monitor.AttemptChanged(
        AttemptStatus.PAUSED, welcome.attempt.deadline, paused=True
    )
    await candidate.set_status(AttemptStatus.ENDED)
    assert (await peer.receive(monitor.AttemptChanged)).status is AttemptStatus.ENDED
    await peer.send(events(1, 3))
    assert await peer.receive(monitor.Ack) == monitor.Ack(3)
    assert await peer.closed() == CloseCode.ENDED
    await still_works(beside)


@with_timing(poll_s=60.0)
async def test_a_notification_makes_it_faster(candidate: CandidateClient, database: DatabaseSettings) -> None:
    peer, _ = await candidate.enter()
    await candidate.set_status(AttemptStatus.SUBMITTED)
    notifier = Notifier.connect(database.redis_url)
    await notifier.notify("attempt", candidate.attempt_id)
    assert (await peer.receive(monitor.AttemptChanged)).status is AttemptStatus.SUBMITTED
    await notifier.close()


async def test_the_rest_of_a_queue_is_stored_after_the_end(candidate: CandidateClient) -> None:
    first, welcome = await candidate.enter()
    await first.send(events(1, 3))
    await first.receive(monitor.Ack)
    await first.connection.close()
    await candidate.set_status(AttemptStatus.TIMED_OUT)
    again, late = await candidate.enter(stream=welcome.stream, acked=3, next_seq=6)
    assert (late.stream, late.committed, late.attempt.status) == (welcome.stream, 3, AttemptStatus.TIMED_OUT)
    await again.send(events(4, 5))
    assert await again.receive(monitor.Ack) == monitor.Ack(5)
    assert await again.closed() == CloseCode.ENDED
    assert await stored(candidate, welcome.stream) == [1, 2, 3, 4, 5]
    done, _ = await candidate.enter(stream=welcome.stream, acked=5, next_seq=6)
    assert await done.closed() == CloseCode.ENDED


async def test_a_day_after_the_end_no_connection_is_accepted(candidate: CandidateClient) -> None:
    staying, welcome = await candidate.enter()
    await candidate.set_status(AttemptStatus.ENDED, ago_ms=TAIL_MS + 1_000)
    assert await staying.closed() == CloseCode.ENDED
    again = await candidate.connect()
    await again.send(await candidate.hello(stream=welcome.stream, acked=0, next_seq=3))
    assert await again.closed() == CloseCode.ENDED
    async with candidate.engine.connect() as conn:
        streams = (await conn.execute(select(EventStream.id).where(EventStream.kind == "client"))).scalars().all()
    assert streams == [welcome.stream]


async def test_the_welcome_has_a_key_for_the_queue_and_a_token_for_uploads(candidate: CandidateClient) -> None:
    _, welcome = await candidate.enter()
    _, again = await candidate.enter()
    assert welcome.queue_key == again.queue_key == tokens.derive_queue_key(candidate.attempt_id, candidate.secret)
    claims = tokens.verify_upload(welcome.upload_token, candidate.keys, now_ms=now_ms())
    assert (claims.attempt, claims.sub) == (candidate.attempt_id, candidate.student_id)
    assert welcome.attempt.deadline is not None
    assert claims.exp == (welcome.attempt.deadline + TAIL_MS) // 1000
