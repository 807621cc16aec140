import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from db.models import Connection, EventStream, ExamAttempt, MonitoringEvent, RejectedEvent
from hub.monitor import socket
from protocol import limits, monitor
from protocol.codec import Encoding
from protocol.codes import CloseCode, RejectCode
from protocol.people import Role
from tests import factories
from tests.hub.monitor.conftest import Sitting, events


async def stored(sitting: Sitting, kind: str = "client") -> list[tuple[int, str]]:
    async with sitting.engine.connect() as conn:
        found = await conn.execute(
            select(MonitoringEvent.seq, MonitoringEvent.event_type)
            .join(EventStream, EventStream.id == MonitoringEvent.stream_id)
            .where(EventStream.attempt_id == sitting.attempt_id, EventStream.kind == kind)
            .order_by(MonitoringEvent.stream_id, MonitoringEvent.seq)
        )
        return [(row.seq, row.event_type) for row in found]


@pytest.mark.parametrize("encoding", list(Encoding))
async def test_what_is_acknowledged_is_stored(sitting: Sitting, encoding: Encoding) -> None:
    peer, welcome = await sitting.enter(encoding)
    assert (welcome.committed, welcome.window.events) == (0, limits.WINDOW_EVENTS)
    await peer.send(events(1, 3))
    assert await peer.receive(monitor.Ack) == monitor.Ack(3)
    assert await stored(sitting) == [(1, "copy"), (2, "copy"), (3, "copy")]


async def test_no_subprotocol_means_json(sitting: Sitting) -> None:
    peer = await sitting.connect(subprotocols=None)
    await peer.send(await sitting.hello())
    await peer.receive(monitor.Welcome)


async def test_only_unknown_subprotocols_are_refused_after_accepting(sitting: Sitting) -> None:
    peer = await sitting.connect(subprotocols=[Subprotocol("graphql-ws")])
    assert await peer.closed() == CloseCode.MALFORMED


async def test_the_wrong_kind_of_frame_is_malformed(sitting: Sitting) -> None:
    peer, _ = await sitting.enter()
    await peer.send_raw(b"\x80")
    assert await peer.closed() == CloseCode.MALFORMED


async def test_a_client_goes_on_where_its_stream_stands(sitting: Sitting) -> None:
    first, before = await sitting.enter()
    await first.send(events(1, 5))
    await first.receive(monitor.Ack)
    await first.connection.close()
    second, after = await sitting.enter(acked=3, next_seq=8)
    assert (after.stream, after.committed) == (before.stream, 5)
    await second.send(events(4, 7))
    assert await second.receive(monitor.Ack) == monitor.Ack(7)
    assert [seq for seq, _ in await stored(sitting)] == [1, 2, 3, 4, 5, 6, 7]


async def test_one_bad_event_costs_only_itself_and_its_bytes_are_kept(sitting: Sitting) -> None:
    peer, _ = await sitting.enter()
    await peer.send_raw('{"t":"events","first_seq":1,"events":[{"type":"copy","at":1,"mono":1},{"type":7}]}')
    assert await peer.receive(monitor.Ack) == monitor.Ack(2, [monitor.Rejected(2, RejectCode.BAD_SHAPE)])
    assert await stored(sitting) == [(1, "copy"), (2, "rejected")]
    async with sitting.engine.connect() as conn:
        assert (await conn.execute(select(RejectedEvent.raw))).scalar_one() == b'{"type":7}'


async def test_a_rejected_number_is_repeated_to_a_client_that_did_not_hear_it(sitting: Sitting) -> None:
    peer, _ = await sitting.enter()
    await peer.send_raw('{"t":"events","first_seq":1,"events":[{"type":7}]}')
    await peer.receive(monitor.Ack)
    _, welcome = await sitting.enter(next_seq=2)
    assert welcome.rejected == [monitor.Rejected(1, RejectCode.BAD_SHAPE)]


async def test_lost_numbers_are_stored_as_one_row(sitting: Sitting) -> None:
    peer, _ = await sitting.enter()
    await peer.send(monitor.Lost(10, "queue_full"))
    assert await peer.receive(monitor.Ack) == monitor.Ack(10)
    assert await stored(sitting) == [(10, "events_lost")]


async def test_a_gap_closes_and_stores_nothing(sitting: Sitting) -> None:
    peer, _ = await sitting.enter()
    await peer.send(events(2, 3))
    assert await peer.closed() == CloseCode.GAP
    assert await stored(sitting) == []


async def test_bye_is_answered_with_the_last_ack_and_a_normal_close(sitting: Sitting) -> None:
    peer, _ = await sitting.enter()
    await peer.send(events(1, 4))
    await peer.send(monitor.Bye())
    assert await peer.receive(monitor.Ack) == monitor.Ack(4)
    assert await peer.closed() == CloseCode.NORMAL


async def test_the_newer_connection_of_an_attempt_wins(sitting: Sitting) -> None:
    older, _ = await sitting.enter()
    newer, _ = await sitting.enter(boot=uuid4())
    assert await older.closed() == CloseCode.SUPERSEDED
    await newer.send(events(1, 1))
    await newer.receive(monitor.Ack)


async def test_opening_and_losing_a_connection_are_facts(sitting: Sitting) -> None:
    peer, _ = await sitting.enter()
    await peer.send(monitor.Bye())
    await peer.closed()
    async with asyncio.timeout(5):
        while "connection_lost" not in [kind for _, kind in await stored(sitting, "system")]:  # noqa: ASYNC110 - PostgreSQL's
            await asyncio.sleep(0.01)
    assert [kind for _, kind in await stored(sitting, "system")] == [
        "attempt_started",
        "connection_opened",
        "connection_lost",
    ]


async def test_a_ticket_opens_one_socket_only(sitting: Sitting) -> None:
    ticket = await sitting.ticket()
    await sitting.enter(ticket=ticket)
    peer = await sitting.connect()
    await peer.send(await sitting.hello(ticket=ticket))
    assert await peer.closed() == CloseCode.UNAUTHENTICATED


async def test_a_consoles_ticket_does_not_open_it(sitting: Sitting) -> None:
    peer = await sitting.connect()
    await peer.send(await sitting.hello(ticket=await sitting.ticket(purpose="console")))
    assert await peer.closed() == CloseCode.UNAUTHENTICATED


async def test_somebody_elses_attempt_is_forbidden(sitting: Sitting) -> None:
    peer = await sitting.connect()
    await peer.send(await sitting.hello(attempt_id=uuid4()))
    assert await peer.closed() == CloseCode.FORBIDDEN


async def test_a_session_by_code_opens_no_attempt_of_another_exam(sitting: Sitting) -> None:
    async with sitting.engine.begin() as conn:
        other = await factories.make_exam(conn, await factories.make_user(conn, role=Role.TEACHER))
    peer = await sitting.connect()
    await peer.send(await sitting.hello(ticket=await sitting.ticket(exam_id=other)))
    assert await peer.closed() == CloseCode.FORBIDDEN


async def test_a_foreign_origin_is_refused_before_the_handshake(sitting: Sitting) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await sitting.connect(origin="http://evil.example")
    assert refused.value.response.status_code == 403


async def test_bytes_that_are_no_frame_close_with_a_reason(sitting: Sitting) -> None:
    peer, _ = await sitting.enter()
    await peer.send_raw("{")
    assert await peer.closed() == CloseCode.MALFORMED
    assert peer.connection.close_reason == "malformed"


async def test_a_frame_too_large_for_us_but_not_for_the_server_is_named(sitting: Sitting) -> None:
    peer, _ = await sitting.enter()
    await peer.send_raw(" " * (limits.FRAME_BYTES + 1))
    assert await peer.closed() == CloseCode.TOO_LARGE


async def test_ping_is_answered(sitting: Sitting) -> None:
    peer, _ = await sitting.enter()
    await peer.send(monitor.Ping(5))
    assert (await peer.receive(monitor.Pong)).at == 5


async def test_a_hello_the_database_answers_too_late_leaves_no_connection_open(
    sitting: Sitting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "OPEN_S", 0.2)
    peer = await sitting.connect()
    hello = await sitting.hello()
    async with sitting.engine.begin() as holder:
        await holder.execute(select(ExamAttempt.id).with_for_update())
        await peer.send(hello)
        assert await peer.closed() == CloseCode.OVERLOADED
    async with asyncio.timeout(5), sitting.engine.connect() as conn:
        ended = select(func.count()).where(Connection.closed_at.is_not(None))
        while (await conn.execute(ended)).scalar_one() == 0:
            await conn.rollback()
            await asyncio.sleep(0.01)
        assert (await conn.execute(select(Connection.cause))).scalar_one() == "gone"
