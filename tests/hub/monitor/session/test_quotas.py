"""Candidates over their quota at a real hub: they are slowed down, lose nothing, and harm no one else."""

import asyncio

import httpx
import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import EventStream, MonitoringEvent
from hub.ingest.quotas import QuotaLimits
from hub.monitor.admission import Admission
from hub.sockets import steady_ms
from protocol import monitor
from protocol.codes import CloseCode, ErrorCode
from protocol.limits import QUOTA_EVENTS_PER_S, Window
from tests.candidates import system_events
from tests.hub.monitor.conftest import CandidateClient, events, still_works, until, with_timing
from tests.hub.monitor.test_http_session import Poster
from tests.hub.monitor.test_socket import stored

SLOW = QuotaLimits(events=100, events_per_s=20, bytes=10**6, bytes_per_s=1_000)
FLOOD_S = 3.0
FRAME = 50
WAIT_S = 5


def use_up(admission: Admission, candidate: CandidateClient) -> None:
    """Use up the quota of an attempt, so that its next events must wait a few seconds."""
    while admission.quotas.wait_ms(candidate.attempt_id, steady_ms()) < 1000 * (WAIT_S - 1):
        admission.quotas.spend(candidate.attempt_id, QUOTA_EVENTS_PER_S // 2, 0, steady_ms())


async def count_events(candidate: CandidateClient) -> int:
    rows = (
        select(func.count())
        .select_from(MonitoringEvent)
        .join(EventStream, EventStream.id == MonitoringEvent.stream_id)
        .where(EventStream.attempt_id == candidate.attempt_id, EventStream.kind != "system")
    )
    async with candidate.engine.connect() as conn:
        return (await conn.execute(rows)).scalar_one()


async def count_noted(engine: AsyncEngine, candidate: CandidateClient) -> int:
    async with engine.connect() as conn:
        return [kind for kind, _ in await system_events(conn, candidate.attempt_id)].count("quota_reached")


@with_timing(quotas=SLOW)
async def test_a_flood_is_stored_no_faster_than_the_quota_and_a_neighbor_is_unharmed(
    candidate: CandidateClient, neighbor: CandidateClient
) -> None:
    peer, _ = await candidate.enter()
    other, _ = await neighbor.enter()
    until_s = asyncio.get_running_loop().time() + FLOOD_S
    first, acked = 1, 0
    while (left_s := until_s - asyncio.get_running_loop().time()) > 0:
        if first - 1 - acked < 900:
            await peer.send(events(first, first + FRAME - 1))
            first += FRAME
            continue
        try:
            frame = await asyncio.wait_for(peer.receive(msgspec.Struct), left_s)
        except TimeoutError:
            break
        if isinstance(frame, monitor.Ack):
            acked = frame.seq
    await still_works(other)
    # One batch may overdraw the allowance.
    assert await count_events(candidate) <= 100 + 20 * (FLOOD_S + 5) + 1_000
    assert first > 900


async def test_a_client_over_its_quota_waits_and_loses_nothing(
    candidate: CandidateClient, admission: Admission
) -> None:
    peer, _ = await candidate.enter()
    use_up(admission, candidate)
    await peer.send(events(1, 10))
    error = await peer.receive(monitor.Error)
    assert error.code == ErrorCode.QUOTA
    assert error.retry_ms is not None
    assert 0 < error.retry_ms <= WAIT_S * 1000
    assert await peer.receive(monitor.WindowChanged) == monitor.WindowChanged(0, 0, error.retry_ms)
    assert await peer.receive(monitor.Ack) == monitor.Ack(10)
    assert await peer.receive(monitor.WindowChanged) == monitor.WindowChanged(Window().events, Window().bytes)
    assert [seq for seq, _ in await stored(candidate)] == list(range(1, 11))


async def test_reaching_the_quota_becomes_one_event_of_the_attempt(
    candidate: CandidateClient, admission: Admission, engine: AsyncEngine
) -> None:
    peer, _ = await candidate.enter()
    for last in (1, 2):
        use_up(admission, candidate)
        await peer.send(events(last, last))
        assert (await peer.receive(monitor.Error)).code == ErrorCode.QUOTA
        while await peer.receive(msgspec.Struct) != monitor.Ack(last):
            pass
        await peer.receive(monitor.WindowChanged)

    async def is_recorded() -> bool:
        return await count_noted(engine, candidate) > 0

    await until(is_recorded)
    assert await count_noted(engine, candidate) == 1


@with_timing(quotas=QuotaLimits(hellos=1, hellos_per_s=0.01))
async def test_a_student_who_connects_too_often_is_refused_for_a_while(
    candidate: CandidateClient, neighbor: CandidateClient
) -> None:
    await candidate.enter()
    peer = await candidate.connect()
    await peer.send(await candidate.hello())
    error = await peer.receive(monitor.Error)
    assert error.code == ErrorCode.QUOTA
    assert error.retry_ms is not None
    assert 0 < error.retry_ms <= 100_001
    assert await peer.closed() == CloseCode.TOO_FAST
    await neighbor.enter()


@with_timing(quotas=QuotaLimits(hellos=1, hellos_per_s=0.01))
async def test_hellos_without_a_valid_ticket_do_not_count_for_anyone(candidate: CandidateClient) -> None:
    for _ in range(3):
        peer = await candidate.connect()
        await peer.send(await candidate.hello(ticket="not a ticket"))
        assert await peer.closed() == CloseCode.UNAUTHENTICATED
    await candidate.enter()


async def test_requests_over_the_quota_are_refused_with_a_time_and_store_nothing(
    http: httpx.AsyncClient, candidate: CandidateClient, admission: Admission
) -> None:
    poster = Poster(http, candidate, await candidate.token())
    assert (await poster.open()).is_success
    use_up(admission, candidate)
    refused = await poster.deliver(1, 2)
    assert (refused.status_code, refused.json()["code"]) == (429, "quota")
    assert await count_events(candidate) == 0
    await asyncio.sleep(int(refused.headers["retry-after"]))
    assert (await poster.deliver(1, 2)).json()["seq"] == 2
