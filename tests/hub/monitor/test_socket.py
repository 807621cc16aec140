import asyncio
import contextlib
from uuid import uuid4

import msgspec
import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from websockets.exceptions import InvalidStatus

from db.models import Connection, EventStream, ExamAttempt, MonitoringEvent, RejectedEvent
from db.queries.connections import hub_leases
from hub import lease, metrics
from hub.app import create_app
from hub.monitor import registry, socket
from hub.monitor.admission import Admission
from hub.settings import HubSettings
from protocol import limits, monitor
from protocol.codec import Encoding
from protocol.codes import CloseCode, RejectCode
from protocol.roles import Role
from tests import factories
from tests.hub.monitor.conftest import SeededAttempt, events, sit, still_works, until
from tests.hub.serving import serve


async def stored(seeded: SeededAttempt, kind: str = "client") -> list[tuple[int, str]]:
    async with seeded.engine.connect() as conn:
        found = await conn.execute(
            select(MonitoringEvent.seq, MonitoringEvent.event_type)
            .join(EventStream, EventStream.id == MonitoringEvent.stream_id)
            .where(EventStream.attempt_id == seeded.attempt_id, EventStream.kind == kind)
            .order_by(MonitoringEvent.stream_id, MonitoringEvent.seq)
        )
        return [(row.seq, row.event_type) for row in found]


@pytest.mark.parametrize("encoding", list(Encoding))
async def test_what_is_acknowledged_is_stored(seeded: SeededAttempt, encoding: Encoding) -> None:
    peer, welcome = await seeded.enter(encoding)
    assert (welcome.committed, welcome.window.events) == (0, limits.WINDOW_EVENTS)
    await peer.send(events(1, 3))
    assert await peer.receive(monitor.Ack) == monitor.Ack(3)
    assert await stored(seeded) == [(1, "copy"), (2, "copy"), (3, "copy")]


async def test_no_subprotocol_means_json(seeded: SeededAttempt) -> None:
    peer = await seeded.connect(subprotocols=None)
    await peer.send(await seeded.hello())
    await peer.receive(monitor.Welcome)


async def test_a_client_goes_on_where_its_stream_stands(seeded: SeededAttempt) -> None:
    first, before = await seeded.enter()
    await first.send(events(1, 5))
    await first.receive(monitor.Ack)
    await first.connection.close()
    second, after = await seeded.enter(acked=3, next_seq=8)
    assert (after.stream, after.committed) == (before.stream, 5)
    await second.send(events(4, 7))
    assert await second.receive(monitor.Ack) == monitor.Ack(7)
    assert [seq for seq, _ in await stored(seeded)] == [1, 2, 3, 4, 5, 6, 7]


async def test_one_bad_event_costs_only_itself_and_its_bytes_are_kept(seeded: SeededAttempt) -> None:
    peer, _ = await seeded.enter()
    await peer.send_raw('{"t":"events","first_seq":1,"events":[{"type":"copy","at":1,"mono":1},{"type":7}]}')
    assert await peer.receive(monitor.Ack) == monitor.Ack(2, [monitor.Rejected(2, RejectCode.BAD_SHAPE)])
    assert await stored(seeded) == [(1, "copy"), (2, "rejected")]
    async with seeded.engine.connect() as conn:
        assert (await conn.execute(select(RejectedEvent.raw))).scalar_one() == b'{"type":7}'


async def test_a_rejected_number_is_repeated_to_a_client_that_did_not_hear_it(seeded: SeededAttempt) -> None:
    peer, _ = await seeded.enter()
    await peer.send_raw('{"t":"events","first_seq":1,"events":[{"type":7}]}')
    await peer.receive(monitor.Ack)
    _, welcome = await seeded.enter(next_seq=2)
    assert welcome.rejected == [monitor.Rejected(1, RejectCode.BAD_SHAPE)]


async def test_lost_numbers_are_stored_as_their_first_and_the_rest(seeded: SeededAttempt) -> None:
    peer, _ = await seeded.enter()
    await peer.send(monitor.Lost(10, "queue_full"))
    assert await peer.receive(monitor.Ack) == monitor.Ack(10)
    assert await stored(seeded) == [(1, "events_lost"), (10, "events_lost")]


async def test_a_gap_closes_and_stores_nothing(seeded: SeededAttempt) -> None:
    peer, _ = await seeded.enter()
    await peer.send(events(2, 3))
    assert await peer.closed() == CloseCode.GAP
    assert await stored(seeded) == []


async def test_bye_is_answered_with_the_last_ack_and_a_normal_close(seeded: SeededAttempt) -> None:
    peer, _ = await seeded.enter()
    await peer.send(events(1, 4))
    await peer.send(monitor.Bye())
    assert await peer.receive(monitor.Ack) == monitor.Ack(4)
    assert await peer.closed() == CloseCode.NORMAL


async def test_the_newer_connection_of_an_attempt_wins(seeded: SeededAttempt) -> None:
    older, _ = await seeded.enter()
    newer, _ = await seeded.enter(boot=uuid4())
    assert await older.closed() == CloseCode.SUPERSEDED
    await newer.send(events(1, 1))
    await newer.receive(monitor.Ack)


async def test_opening_and_losing_a_connection_are_facts(seeded: SeededAttempt) -> None:
    peer, _ = await seeded.enter()
    await peer.send(monitor.Bye())
    await peer.closed()
    async with asyncio.timeout(5):
        while "connection_lost" not in [kind for _, kind in await stored(seeded, "system")]:  # noqa: ASYNC110 - PostgreSQL's
            await asyncio.sleep(0.01)
    assert [kind for _, kind in await stored(seeded, "system")] == [
        "attempt_started",
        "connection_opened",
        "connection_lost",
    ]


async def test_a_ticket_opens_one_socket_only(seeded: SeededAttempt) -> None:
    ticket = await seeded.ticket()
    await seeded.enter(ticket=ticket)
    peer = await seeded.connect()
    await peer.send(await seeded.hello(ticket=ticket))
    assert await peer.closed() == CloseCode.UNAUTHENTICATED


async def test_a_consoles_ticket_does_not_open_it(seeded: SeededAttempt) -> None:
    peer = await seeded.connect()
    await peer.send(await seeded.hello(ticket=await seeded.ticket(purpose="console")))
    assert await peer.closed() == CloseCode.UNAUTHENTICATED


async def test_a_session_by_code_opens_no_attempt_of_another_exam(seeded: SeededAttempt) -> None:
    async with seeded.engine.begin() as conn:
        other = await factories.make_exam(conn, await factories.make_user(conn, role=Role.TEACHER))
    peer = await seeded.connect()
    await peer.send(await seeded.hello(ticket=await seeded.ticket(exam_id=other)))
    assert await peer.closed() == CloseCode.FORBIDDEN


async def test_a_foreign_origin_is_refused_before_the_handshake(seeded: SeededAttempt) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await seeded.connect(origin="http://evil.example")
    assert refused.value.response.status_code == 403


async def test_ping_is_answered(seeded: SeededAttempt) -> None:
    peer, _ = await seeded.enter()
    await peer.send(monitor.Ping(5))
    assert (await peer.receive(monitor.Pong)).at == 5


async def test_a_hello_the_database_answers_too_late_leaves_no_connection_open(
    seeded: SeededAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "OPEN_S", 0.2)
    peer = await seeded.connect()
    hello = await seeded.hello()
    async with seeded.engine.begin() as holder:
        await holder.execute(select(ExamAttempt.id).with_for_update())
        await peer.send(hello)
        assert await peer.closed() == CloseCode.OVERLOADED
    monkeypatch.setattr(socket, "OPEN_S", 10.0)
    await seeded.enter()
    assert await opened(seeded) == [(1, None)]


async def test_a_late_hello_of_a_client_that_has_left_opens_no_connection(seeded: SeededAttempt) -> None:
    peer = await seeded.connect()
    hello = await seeded.hello()
    async with seeded.engine.begin() as holder:
        await holder.execute(select(ExamAttempt.id).with_for_update())
        await peer.send(hello)
        await asyncio.sleep(0.2)  # it waits for the row by now
        peer.connection.transport.abort()
        await asyncio.sleep(0.1)
    await seeded.enter()
    assert await opened(seeded) == [(1, None)]


async def opened(seeded: SeededAttempt) -> list[tuple[int, str | None]]:
    """The generation and the cause of the end of each connection."""
    async with seeded.engine.connect() as conn:
        found = await conn.execute(select(Connection.generation, Connection.cause).order_by(Connection.generation))
        return [(row.generation, row.cause) for row in found]


async def test_a_new_token_in_band_takes_the_place_of_the_sign_in(
    seeded: SeededAttempt, admission: Admission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "LOOK_S", 0.1)
    peer, _ = await seeded.enter()
    before = seeded.session
    await peer.send(monitor.Auth(await seeded.token()))
    await peer.send(monitor.Ping(1))
    await peer.receive(monitor.Pong)
    (candidate,) = admission.registry.everybody()
    async with asyncio.timeout(5):
        while candidate.standing.session != seeded.session:  # noqa: ASYNC110 - nothing is answered
            await asyncio.sleep(0.01)
    await seeded.revoke(before)
    await asyncio.sleep(0.3)  # a look or two go by
    await still_works(peer)
    await seeded.revoke()
    assert await peer.closed() == CloseCode.UNAUTHENTICATED


async def test_a_token_that_is_none_is_refused_in_band(seeded: SeededAttempt, neighbour: SeededAttempt) -> None:
    beside, _ = await neighbour.enter()
    peer, _ = await seeded.enter()
    await peer.send(monitor.Auth("e30.e30.e30"))
    assert (await peer.receive(monitor.Error)).code == "unauthenticated"
    assert await peer.closed() == CloseCode.UNAUTHENTICATED
    await still_works(beside)


async def test_a_late_token_in_band_is_to_be_renewed_and_brought_again(seeded: SeededAttempt) -> None:
    peer, _ = await seeded.enter()
    await peer.send(monitor.Auth(await seeded.token(left_ms=-2_000)))
    assert (await peer.receive(monitor.Error)).code == "unauthenticated"
    assert await peer.closed() == CloseCode.TOKEN_EXPIRED


async def test_somebody_elses_token_is_forbidden_in_band(seeded: SeededAttempt, neighbour: SeededAttempt) -> None:
    beside, _ = await neighbour.enter()
    peer, _ = await seeded.enter()
    await peer.send(monitor.Auth(await neighbour.token()))
    assert (await peer.receive(monitor.Error)).code == "forbidden"
    assert await peer.closed() == CloseCode.FORBIDDEN
    await still_works(beside)


async def test_what_the_server_has_lost_is_stated_and_the_client_goes_on(seeded: SeededAttempt) -> None:
    first, welcome = await seeded.enter()
    await first.send(events(1, 3))
    await first.receive(monitor.Ack)
    await first.connection.close()
    lost = metrics.SERVER_LOST._value.get()
    second, again = await seeded.enter(stream=welcome.stream, acked=5, next_seq=8)
    assert (again.stream, again.committed) == (welcome.stream, 5)
    assert metrics.SERVER_LOST._value.get() == lost + 2
    await second.send(events(6, 7))
    assert await second.receive(monitor.Ack) == monitor.Ack(7)
    kinds = [kind for _, kind in await stored(seeded)]
    assert (kinds[:3], set(kinds[3:-2]), kinds[-2:]) == (["copy"] * 3, {"events_lost"}, ["copy"] * 2)


async def test_another_queue_gets_a_stream_of_its_own_and_hears_what_the_old_one_holds(seeded: SeededAttempt) -> None:
    first, welcome = await seeded.enter()
    await first.send(events(1, 3))
    await first.receive(monitor.Ack)
    _, again = await seeded.enter(boot=uuid4(), stream=welcome.stream, acked=2, next_seq=6)
    assert again.stream != welcome.stream
    assert again.committed == 0
    assert again.previous == monitor.Previous(welcome.stream, 3)


async def test_somebody_elses_stream_is_forbidden(seeded: SeededAttempt, neighbour: SeededAttempt) -> None:
    _, welcome = await neighbour.enter()
    peer = await seeded.connect()
    await peer.send(await seeded.hello(stream=welcome.stream))
    assert await peer.closed() == CloseCode.FORBIDDEN


async def test_a_client_is_told_to_rotate_when_its_stream_is_old(
    seeded: SeededAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STREAM_MS", 500)
    rotations = metrics.ROTATIONS._value.get()
    peer, _ = await seeded.enter()
    await peer.receive(monitor.Rotate)
    assert metrics.ROTATIONS._value.get() == rotations + 1
    await still_works(peer)


async def test_what_was_taken_is_stored_although_its_client_has_left(
    seeded: SeededAttempt, admission: Admission
) -> None:
    peer, _ = await seeded.enter()
    async with seeded.engine.begin() as holder:
        await holder.execute(text("LOCK TABLE monitoring_events IN SHARE MODE"))
        for first in (1, 101, 201):
            await peer.send(events(first, first + 99))
        await peer.send(monitor.Ping(1))
        await peer.receive(monitor.Pong)
        peer.connection.transport.abort()
        assert admission.budget.used_bytes > 0
    assert await admission.registry.wait_empty(5)
    assert len(await stored(seeded)) == 300
    assert admission.budget.used_bytes == 0


async def test_a_known_number_that_came_again_with_another_content_is_noted(seeded: SeededAttempt) -> None:
    peer, _ = await seeded.enter()
    await peer.send(events(1, 2))
    await peer.receive(monitor.Ack)
    await peer.send(events(1, 2, kind="paste"))
    assert await peer.receive(monitor.Ack) == monitor.Ack(2)

    async def is_noted() -> bool:
        return "altered_resend" in [kind for _, kind in await stored(seeded, "system")]

    await until(is_noted)


async def test_an_opaque_origin_comes_in_by_entry_and_with_a_ticket_only(
    settings: HubSettings, engine: AsyncEngine
) -> None:
    settings = msgspec.structs.replace(settings, allowed_origins=("null", "file://", "app://exam"))
    async with serve(create_app(settings)) as address, sit(f"http://{address}", engine, settings) as seeded:
        for origin in ("null", "file://", "app://exam"):
            peer = await seeded.connect(origin=origin)
            await peer.send(await seeded.hello(token=await seeded.token()))
            assert await peer.closed() == CloseCode.UNAUTHENTICATED
            peer = await seeded.connect(origin=origin)
            await peer.send(await seeded.hello())
            await peer.receive(monitor.Welcome)


async def test_a_hub_that_was_given_up_closes_its_sockets_and_goes_on_under_another_id(
    seeded: SeededAttempt, admission: Admission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEW_S", 0.05)
    peer, _ = await seeded.enter()
    before = admission.lease.hub_id
    async with seeded.engine.begin() as conn:
        await hub_leases.release_lease(conn, before)
    assert await peer.closed() == CloseCode.INTERNAL
    assert admission.lease.hub_id != before
    again, _ = await seeded.enter()
    await still_works(again)
    async with seeded.engine.connect() as conn:
        hubs = select(Connection.hub).order_by(Connection.generation)
        assert list((await conn.execute(hubs)).scalars()) == [before, admission.lease.hub_id]


async def test_a_server_that_stops_without_draining_says_so_too(settings: HubSettings, engine: AsyncEngine) -> None:
    async with contextlib.AsyncExitStack() as stack:
        address = await stack.enter_async_context(serve(create_app(settings)))
        async with sit(f"http://{address}", engine, settings) as seeded:
            peer, _ = await seeded.enter()
            await stack.aclose()
            assert await peer.closed() == CloseCode.DRAINING
    async with engine.connect() as conn:
        assert (await conn.execute(select(Connection.cause))).scalar_one() == "drain"
