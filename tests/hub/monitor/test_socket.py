import asyncio
import contextlib
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from websockets.exceptions import InvalidStatus

from db.models import Connection, EventStream, ExamAttempt, MonitoringEvent, RejectedEvent
from db.queries.connections import hub_leases
from hub import metrics
from hub.app import create_app
from hub.monitor.ack_proof import AckProof
from hub.monitor.admission import Admission
from hub.monitor.socket import CandidateSocket
from hub.monitor.times import SessionTimes
from hub.settings import HubSettings
from protocol import limits, monitor
from protocol.codec import Encoding
from protocol.codes import CloseCode, RejectCode
from protocol.roles import Role
from tests import factories
from tests.hub.monitor.conftest import (
    CandidateClient,
    events,
    make_candidate,
    polled_twice,
    still_works,
    until,
    with_timing,
)
from tests.hub.serving import serve
from tests.locks import until_blocked


async def stored(candidate: CandidateClient, kind: str = "client") -> list[tuple[int, str]]:
    async with candidate.engine.connect() as conn:
        found = await conn.execute(
            select(MonitoringEvent.seq, MonitoringEvent.event_type)
            .join(EventStream, EventStream.id == MonitoringEvent.stream_id)
            .where(EventStream.attempt_id == candidate.attempt_id, EventStream.kind == kind)
            .order_by(MonitoringEvent.stream_id, MonitoringEvent.seq)
        )
        return [(row.seq, row.event_type) for row in found]


@pytest.mark.parametrize("encoding", list(Encoding))
async def test_what_is_acknowledged_is_stored(candidate: CandidateClient, encoding: Encoding) -> None:
    peer, welcome = await candidate.enter(encoding)
    assert (welcome.committed, welcome.window.events) == (0, limits.WINDOW_EVENTS)
    await peer.send(events(1, 3))
    assert await peer.receive(monitor.Ack) == monitor.Ack(3)
    assert await stored(candidate) == [(1, "copy"), (2, "copy"), (3, "copy")]


async def test_no_subprotocol_means_json(candidate: CandidateClient) -> None:
    peer = await candidate.connect(subprotocols=None)
    await peer.send(await candidate.hello())
    await peer.receive(monitor.Welcome)


async def test_a_client_continues_at_the_end_of_its_stream(candidate: CandidateClient) -> None:
    first, before = await candidate.enter()
    await first.send(events(1, 5))
    await first.receive(monitor.Ack)
    await first.connection.close()
    second, after = await candidate.enter(acked=3, next_seq=8)
    assert (after.stream, after.committed) == (before.stream, 5)
    await second.send(events(4, 7))
    assert await second.receive(monitor.Ack) == monitor.Ack(7)
    assert [seq for seq, _ in await stored(candidate)] == [1, 2, 3, 4, 5, 6, 7]


async def test_one_bad_event_does_not_affect_others_and_its_bytes_are_kept(candidate: CandidateClient) -> None:
    peer, _ = await candidate.enter()
    await peer.send_raw('{"t":"events","first_seq":1,"events":[{"type":"copy","at":1,"mono":1},{"type":7}]}')
    assert await peer.receive(monitor.Ack) == monitor.Ack(2, [monitor.Rejected(2, RejectCode.BAD_SHAPE)])
    assert await stored(candidate) == [(1, "copy"), (2, "rejected")]
    async with candidate.engine.connect() as conn:
        assert (await conn.execute(select(RejectedEvent.raw))).scalar_one() == b'{"type":7}'


async def test_a_rejected_number_is_repeated_to_a_client_that_missed_it(candidate: CandidateClient) -> None:
    peer, _ = await candidate.enter()
    await peer.send_raw('{"t":"events","first_seq":1,"events":[{"type":7}]}')
    await peer.receive(monitor.Ack)
    _, welcome = await candidate.enter(next_seq=2)
    assert welcome.rejected == [monitor.Rejected(1, RejectCode.BAD_SHAPE)]


async def test_lost_numbers_are_stored_as_their_first_and_the_rest(candidate: CandidateClient) -> None:
    peer, _ = await candidate.enter()
    await peer.send(monitor.Lost(10, "queue_full"))
    assert await peer.receive(monitor.Ack) == monitor.Ack(10)
    assert await stored(candidate) == [(1, "events_lost"), (10, "events_lost")]


async def test_a_gap_closes_and_stores_nothing(candidate: CandidateClient) -> None:
    peer, _ = await candidate.enter()
    await peer.send(events(2, 3))
    assert await peer.closed() == CloseCode.GAP
    assert await stored(candidate) == []


async def test_bye_is_answered_with_the_last_ack_and_a_normal_close(candidate: CandidateClient) -> None:
    peer, _ = await candidate.enter()
    await peer.send(events(1, 4))
    await peer.send(monitor.Bye())
    assert await peer.receive(monitor.Ack) == monitor.Ack(4)
    assert await peer.closed() == CloseCode.NORMAL


async def test_the_newer_connection_of_an_attempt_wins(candidate: CandidateClient) -> None:
    older, _ = await candidate.enter()
    newer, _ = await candidate.enter(boot=uuid4())
    assert await older.closed() == CloseCode.SUPERSEDED
    await newer.send(events(1, 1))
    await newer.receive(monitor.Ack)


async def test_opening_and_closing_a_connection_are_events(candidate: CandidateClient) -> None:
    peer, _ = await candidate.enter()
    await peer.send(monitor.Bye())
    await peer.closed()
    async with asyncio.timeout(5):
        while "connection_lost" not in [kind for _, kind in await stored(candidate, "system")]:  # noqa: ASYNC110 - PostgreSQL sends no event
            await asyncio.sleep(0.01)
    assert [kind for _, kind in await stored(candidate, "system")] == [
        "attempt_started",
        "connection_opened",
        "connection_lost",
    ]


async def test_a_ticket_opens_one_socket_only(candidate: CandidateClient) -> None:
    ticket = await candidate.ticket()
    await candidate.enter(ticket=ticket)
    peer = await candidate.connect()
    await peer.send(await candidate.hello(ticket=ticket))
    assert await peer.closed() == CloseCode.UNAUTHENTICATED


async def test_a_consoles_ticket_does_not_open_it(candidate: CandidateClient) -> None:
    peer = await candidate.connect()
    await peer.send(await candidate.hello(ticket=await candidate.ticket(purpose="console")))
    assert await peer.closed() == CloseCode.UNAUTHENTICATED


async def test_a_sign_in_by_code_opens_no_attempt_of_another_exam(candidate: CandidateClient) -> None:
    async with candidate.engine.begin() as conn:
        other = await factories.make_exam(conn, await factories.make_user(conn, role=Role.TEACHER))
    peer = await candidate.connect()
    await peer.send(await candidate.hello(ticket=await candidate.ticket(exam_id=other)))
    assert await peer.closed() == CloseCode.FORBIDDEN


async def test_a_foreign_origin_is_refused_before_the_handshake(candidate: CandidateClient) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await candidate.connect(origin="http://evil.example")
    assert refused.value.response.status_code == 403


async def test_ping_is_answered(candidate: CandidateClient) -> None:
    peer, _ = await candidate.enter()
    await peer.send(monitor.Ping(5))
    assert (await peer.receive(monitor.Pong)).at == 5


@with_timing(open_s=0.5)
async def test_a_hello_that_takes_too_long_leaves_no_connection_open(candidate: CandidateClient) -> None:
    peer = await candidate.connect()
    hello = await candidate.hello()
    async with candidate.engine.begin() as holder:
        await holder.execute(select(ExamAttempt.id).with_for_update())
        await peer.send(hello)
        assert await peer.closed() == CloseCode.OVERLOADED
    await candidate.enter()
    assert await opened(candidate) == [(1, None)]


async def test_a_late_hello_of_a_client_that_has_left_opens_no_connection(
    candidate: CandidateClient, admission: Admission
) -> None:
    peer = await candidate.connect()
    hello = await candidate.hello()
    async with candidate.engine.begin() as holder:
        await holder.execute(select(ExamAttempt.id).with_for_update())
        await peer.send(hello)
        await until_blocked(candidate.engine)
        peer.connection.transport.abort()
        (socket,) = admission.registry.candidates()
        assert isinstance(socket, CandidateSocket)
        async with asyncio.timeout(5):
            while socket._is_wanted():  # noqa: ASYNC110 - the server sends no event for it
                await asyncio.sleep(0.01)
    await candidate.enter()
    assert await opened(candidate) == [(1, None)]


async def opened(candidate: CandidateClient) -> list[tuple[int, str | None]]:
    """The generation of each connection, and why it was closed."""
    async with candidate.engine.connect() as conn:
        found = await conn.execute(select(Connection.generation, Connection.cause).order_by(Connection.generation))
        return [(row.generation, row.cause) for row in found]


@with_timing(poll_s=0.1)
async def test_a_new_token_on_the_socket_replaces_the_sign_in(candidate: CandidateClient, admission: Admission) -> None:
    peer, _ = await candidate.enter()
    before = candidate.session
    await peer.send(monitor.Auth(await candidate.token()))
    await peer.send(monitor.Ping(1))
    await peer.receive(monitor.Pong)
    (socket,) = admission.registry.candidates()
    async with asyncio.timeout(5):
        while socket.socket_key.session != candidate.session:  # noqa: ASYNC110 - the client gets no reply
            await asyncio.sleep(0.01)
    await candidate.revoke(before)
    await polled_twice(candidate, peer)
    await still_works(peer)
    await candidate.revoke()
    assert await peer.closed() == CloseCode.UNAUTHENTICATED


async def test_an_invalid_token_on_the_socket_is_refused(candidate: CandidateClient, neighbor: CandidateClient) -> None:
    beside, _ = await neighbor.enter()
    peer, _ = await candidate.enter()
    await peer.send(monitor.Auth("e30.e30.e30"))
    assert (await peer.receive(monitor.Error)).code == "unauthenticated"
    assert await peer.closed() == CloseCode.UNAUTHENTICATED
    await still_works(beside)


async def test_an_expired_token_on_the_socket_must_be_renewed(candidate: CandidateClient) -> None:
    peer, _ = await candidate.enter()
    await peer.send(monitor.Auth(await candidate.token(left_ms=-2_000)))
    assert (await peer.receive(monitor.Error)).code == "unauthenticated"
    assert await peer.closed() == CloseCode.TOKEN_EXPIRED


async def test_the_token_of_another_user_on_the_socket_is_forbidden(
    candidate: CandidateClient, neighbor: CandidateClient
) -> None:
    beside, _ = await neighbor.enter()
    peer, _ = await candidate.enter()
    await peer.send(monitor.Auth(await neighbor.token()))
    assert (await peer.receive(monitor.Error)).code == "forbidden"
    assert await peer.closed() == CloseCode.FORBIDDEN
    await still_works(beside)


async def test_events_the_server_has_lost_become_an_event_and_the_client_continues(candidate: CandidateClient) -> None:
    first, welcome = await candidate.enter()
    await first.send(events(1, 3))
    await first.receive(monitor.Ack)
    await first.connection.close()
    lost = metrics.SERVER_LOST._value.get()
    proof = AckProof(candidate.attempt_id, candidate.secret).make(welcome.stream, 5)
    second, again = await candidate.enter(stream=welcome.stream, acked=5, acked_mac=proof, next_seq=8)
    assert (again.stream, again.committed) == (welcome.stream, 5)
    assert metrics.SERVER_LOST._value.get() == lost + 2
    await second.send(events(6, 7))
    assert await second.receive(monitor.Ack) == monitor.Ack(7)
    kinds = [kind for _, kind in await stored(candidate)]
    assert (kinds[:3], set(kinds[3:-2]), kinds[-2:]) == (["copy"] * 3, {"events_lost"}, ["copy"] * 2)


async def test_an_ack_proves_its_number_and_the_welcome_what_it_names(candidate: CandidateClient) -> None:
    proof = AckProof(candidate.attempt_id, candidate.secret)
    peer, welcome = await candidate.enter()
    assert proof.is_valid(welcome.stream, 0, welcome.mac)
    await peer.send(events(1, 3))
    assert await peer.receive(monitor.Ack) == monitor.Ack(3)
    assert proof.is_valid(welcome.stream, 3, peer.acked_mac)
    _, again = await candidate.enter(stream=welcome.stream, acked=1, next_seq=4)
    assert proof.is_valid(welcome.stream, 3, again.mac)
    assert again.last == monitor.Mark(3, 1_700_000_000_000, 30)


@pytest.mark.parametrize("mac", ["", "AAAAAAAAAAAAAAAAAAAAAA", "of the number before"])
async def test_a_claim_of_acknowledgements_without_a_proof_is_the_clients_loss(
    candidate: CandidateClient, mac: str
) -> None:
    first, welcome = await candidate.enter()
    await first.send(events(1, 3))
    await first.receive(monitor.Ack)
    await first.connection.close()
    lost = metrics.SERVER_LOST._value.get()
    claim = first.acked_mac if mac.startswith("of") else mac
    _, again = await candidate.enter(stream=welcome.stream, acked=9_000_000, acked_mac=claim, next_seq=9_000_001)
    assert (again.stream, again.committed) == (welcome.stream, 9_000_000)
    assert metrics.SERVER_LOST._value.get() == lost
    async with candidate.engine.connect() as conn:
        reason = MonitoringEvent.data_payload["reason"].astext
        found = await conn.execute(select(reason).where(MonitoringEvent.event_type == "events_lost"))
        assert set(found.scalars()) == {"unproven_ack"}


async def test_a_queue_that_was_set_back_gets_a_new_stream_by_its_marks(candidate: CandidateClient) -> None:
    first, welcome = await candidate.enter()
    await first.send(events(1, 3))
    await first.receive(monitor.Ack)
    marks = [monitor.Mark(2, 1_700_000_000_000, 21)]
    _, again = await candidate.enter(stream=welcome.stream, acked=1, next_seq=9, pending=marks)
    assert again.previous == monitor.Previous(welcome.stream, 1)
    assert again.stream != welcome.stream


@pytest.mark.parametrize(
    "wrong",
    [
        {"pending": [monitor.Mark(4, 0, 0)] * 9},
        {"pending": [monitor.Mark(1, 0, 0)]},
        {"pending": [monitor.Mark(9, 0, 0)]},
        {"pending": [monitor.Mark(4, -1, 0)]},
        {"acked_mac": "x" * 65},
    ],
    ids=str,
)
async def test_marks_and_proofs_have_limits(candidate: CandidateClient, wrong: dict[str, Any]) -> None:
    peer = await candidate.connect()
    await peer.send(await candidate.hello(acked=2, next_seq=9, **wrong))
    assert (await peer.receive(monitor.Error)).code == "malformed"
    assert await peer.closed() == CloseCode.MALFORMED


async def test_another_queue_gets_its_own_stream_and_learns_what_the_old_one_has_stored(
    candidate: CandidateClient,
) -> None:
    first, welcome = await candidate.enter()
    await first.send(events(1, 3))
    await first.receive(monitor.Ack)
    _, again = await candidate.enter(boot=uuid4(), stream=welcome.stream, acked=2, next_seq=6)
    assert again.stream != welcome.stream
    assert again.committed == 0
    assert again.previous == monitor.Previous(welcome.stream, 3)


async def test_the_stream_of_another_attempt_is_forbidden(
    candidate: CandidateClient, neighbor: CandidateClient
) -> None:
    _, welcome = await neighbor.enter()
    peer = await candidate.connect()
    await peer.send(await candidate.hello(stream=welcome.stream))
    assert await peer.closed() == CloseCode.FORBIDDEN


@with_timing(session=SessionTimes(stream_ms=500))
async def test_a_client_must_rotate_when_its_stream_is_old(candidate: CandidateClient) -> None:
    rotations = metrics.ROTATIONS._value.get()
    peer, _ = await candidate.enter()
    await peer.receive(monitor.Rotate)
    assert metrics.ROTATIONS._value.get() == rotations + 1
    await still_works(peer)


async def test_accepted_events_are_stored_although_their_client_has_left(
    candidate: CandidateClient, admission: Admission
) -> None:
    peer, _ = await candidate.enter()
    async with candidate.engine.begin() as holder:
        await holder.execute(text("LOCK TABLE monitoring_events IN SHARE MODE"))
        for first in (1, 101, 201):
            await peer.send(events(first, first + 99))
        await peer.send(monitor.Ping(1))
        await peer.receive(monitor.Pong)
        peer.connection.transport.abort()
        assert admission.budget.used_bytes > 0
    assert await admission.registry.wait_empty(5)
    assert len(await stored(candidate)) == 300
    assert admission.budget.used_bytes == 0


async def test_a_stored_number_that_comes_again_with_other_content_is_recorded(candidate: CandidateClient) -> None:
    peer, _ = await candidate.enter()
    await peer.send(events(1, 2))
    await peer.receive(monitor.Ack)
    await peer.send(events(1, 2, kind="paste"))
    assert await peer.receive(monitor.Ack) == monitor.Ack(2)

    async def is_recorded() -> bool:
        return "altered_resend" in [kind for _, kind in await stored(candidate, "system")]

    await until(is_recorded)


async def test_an_opaque_origin_must_be_allowed_and_needs_a_ticket(settings: HubSettings, engine: AsyncEngine) -> None:
    settings = msgspec.structs.replace(settings, allowed_origins=("null", "file://", "app://exam"))
    async with (
        serve(create_app(settings)) as address,
        make_candidate(f"http://{address}", engine, settings) as candidate,
    ):
        for origin in ("null", "file://", "app://exam"):
            peer = await candidate.connect(origin=origin)
            await peer.send(await candidate.hello(token=await candidate.token()))
            assert await peer.closed() == CloseCode.UNAUTHENTICATED
            peer = await candidate.connect(origin=origin)
            await peer.send(await candidate.hello())
            await peer.receive(monitor.Welcome)


@with_timing(renew_s=0.05)
async def test_a_hub_whose_lease_has_ended_closes_its_sockets_and_continues_under_another_id(
    candidate: CandidateClient, admission: Admission
) -> None:
    peer, _ = await candidate.enter()
    before = admission.lease.hub_id
    async with candidate.engine.begin() as conn:
        await hub_leases.release_lease(conn, before)
    assert await peer.closed() == CloseCode.INTERNAL
    assert admission.lease.hub_id != before
    again, _ = await candidate.enter()
    await still_works(again)
    async with candidate.engine.connect() as conn:
        hubs = select(Connection.hub).order_by(Connection.generation)
        assert list((await conn.execute(hubs)).scalars()) == [before, admission.lease.hub_id]


async def test_a_server_that_stops_without_draining_closes_with_the_same_code(
    settings: HubSettings, engine: AsyncEngine
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        address = await stack.enter_async_context(serve(create_app(settings)))
        async with make_candidate(f"http://{address}", engine, settings) as candidate:
            peer, _ = await candidate.enter()
            await stack.aclose()
            assert await peer.closed() == CloseCode.DRAINING
    async with engine.connect() as conn:
        assert (await conn.execute(select(Connection.cause))).scalar_one() == "drain"
