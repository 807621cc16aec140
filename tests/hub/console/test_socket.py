import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import AsyncExitStack
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from db.models import User
from db.queries.accounts import credentials
from hub.auth.guards import Principal
from hub.auth.tickets import hash_secret
from hub.console import socket
from hub.sockets import now_ms
from protocol.codes import CloseCode, ErrorCode
from protocol.console import Delta, Hello, Watch, Welcome
from protocol.limits import FRAME_BYTES, HEARTBEAT_MS
from protocol.monitor import Drain, Error, Ping, Pong
from protocol.roles import Permission, Role
from tests.hub.consoles import Client, Hub
from tests.hub.exam_room import Room


async def test_the_welcome_says_who_is_known_and_for_how_long(hub: Hub, room: Room) -> None:
    async with hub.connect() as client:
        await client.send(Hello(token=await hub.token(room.teacher)))
        welcome = await client.receive(Welcome)
    assert (welcome.user_id, welcome.name) == (room.teacher.user_id, "Tess Teacher")
    assert welcome.heartbeat_ms == HEARTBEAT_MS
    assert abs(welcome.server_at - now_ms()) < 10_000
    assert welcome.auth_until > now_ms()


async def test_a_ticket_opens_one_console(hub: Hub, room: Room) -> None:
    ticket = await hub.ticket(room.teacher, "console")
    async with hub.connect() as first, hub.connect() as second:
        await first.send(Hello(ticket=ticket))
        await first.receive(Welcome)
        await second.send(Hello(ticket=ticket))
        assert await second.close_code() == CloseCode.UNAUTHENTICATED


async def test_a_ticket_for_another_door_is_spent_here(hub: Hub, room: Room) -> None:
    ticket = await hub.ticket(room.teacher, "monitor")
    async with hub.connect() as client:
        await client.send(Hello(ticket=ticket))
        assert await client.close_code() == CloseCode.UNAUTHENTICATED
    async with hub.engine.begin() as conn:
        assert await credentials.spend_ticket(conn, hash_secret(ticket)) is None


async def test_a_sign_in_that_ends_closes_its_console_although_every_pooled_connection_is_in_use(
    hub: Hub, room: Room
) -> None:
    async with hub.sign_in(room.teacher) as client, AsyncExitStack() as busy:
        pool = [await busy.enter_async_context(hub.engine.connect()) for _ in range(hub.settings.pool_size)]
        await credentials.revoke_session(pool[0], room.teacher.session)
        await pool[0].commit()
        assert await client.close_code() == CloseCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("hello", "code"),
    [
        (Hello(token="nonsense"), CloseCode.UNAUTHENTICATED),
        (Hello(ticket="nonsense"), CloseCode.UNAUTHENTICATED),
        (Hello(), CloseCode.MALFORMED),
        (Ping(1), CloseCode.MALFORMED),
    ],
)
async def test_who_does_not_show_who_they_are_is_closed(hub: Hub, hello: msgspec.Struct, code: CloseCode) -> None:
    async with hub.connect() as client:
        await client.send(hello)
        assert await client.close_code() == code


async def test_a_candidate_has_no_console(hub: Hub, room: Room) -> None:
    student = await room.principal(Role.STUDENT)
    async with hub.connect() as client:
        await client.send(Hello(token=await hub.token(student)))
        assert await client.close_code() == CloseCode.FORBIDDEN


async def test_who_says_nothing_is_closed(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "HELLO_MS", 50)
    async with hub.connect() as client:
        assert await client.close_code() == CloseCode.SILENT


async def test_a_foreign_origin_is_refused_before_the_handshake(hub: Hub) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://{hub.address}/ws/console", origin="https://evil.example")
    assert refused.value.response.status_code == 403
    async with hub.connect(origin=f"http://{hub.address}"):
        pass


@pytest.mark.parametrize(
    ("data", "code", "error"),
    [
        (b"{}", CloseCode.MALFORMED, ErrorCode.MALFORMED),
        ("{", CloseCode.MALFORMED, ErrorCode.MALFORMED),
        ("[]", CloseCode.MALFORMED, ErrorCode.MALFORMED),
        ('{"t":"watch","exam_id":"x"}', CloseCode.MALFORMED, ErrorCode.MALFORMED),
        ('{"t":"hello"}', CloseCode.MALFORMED, ErrorCode.MALFORMED),
        ('{"t":"ping","at":1,"x":"' + "x" * FRAME_BYTES + '"}', CloseCode.TOO_LARGE, ErrorCode.TOO_LARGE),
    ],
)
async def test_what_cannot_be_understood_is_told_and_closed(
    hub: Hub, room: Room, data: str | bytes, code: CloseCode, error: ErrorCode
) -> None:
    async with hub.sign_in(room.teacher) as client:
        await client.client.send(data)
        assert (await client.receive(Error)).code == error
        assert await client.close_code() == code
    async with hub.connect() as client:
        await client.client.send(data)
        assert await client.close_code() in (code, CloseCode.MALFORMED)


async def test_all_consoles_can_be_ended(hub: Hub, room: Room) -> None:
    async with hub.sign_in(room.teacher) as one, hub.sign_in(room.teacher) as two:
        hub.consoles.end_all(CloseCode.DRAINING)
        assert [await one.close_code(), await two.close_code()] == [CloseCode.DRAINING] * 2


async def test_a_drain_warns_every_console_and_closes_one_after_the_other(hub: Hub, room: Room) -> None:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(hub.sign_in(room.teacher)) for _ in range(4)]
        await clients[0].send(Watch(room.exam))
        await clients[0].board()
        closed: list[float] = []

        async def leave(client: Client) -> None:
            assert (await client.receive(Drain)).in_ms == 2_000
            assert await client.close_code() == CloseCode.DRAINING
            closed.append(asyncio.get_running_loop().time())

        began = asyncio.get_running_loop().time()
        await asyncio.gather(hub.consoles.drain(2_000), *(leave(client) for client in clients))
        assert 0.49 <= closed[0] - began < 1.9 < 1.99 <= closed[-1] - began
        async with hub.connect() as late:
            await late.send(Hello(token=await hub.token(room.teacher)))
            assert await late.close_code() == CloseCode.DRAINING


async def test_draining_a_hub_without_consoles_takes_no_time(hub: Hub) -> None:
    async with asyncio.timeout(1):
        await hub.consoles.drain(30_000)


async def end_session(hub: Hub, principal: Principal) -> None:
    async with hub.engine.begin() as conn:
        await credentials.revoke_session(conn, principal.session)


async def deactivate(hub: Hub, principal: Principal) -> None:
    async with hub.engine.begin() as conn:
        await conn.execute(update(User).where(User.id == principal.user_id).values(is_active=False))


@pytest.mark.parametrize("end", [end_session, deactivate])
async def test_who_logs_out_or_is_deactivated_loses_every_console_with_the_next_look(
    hub: Hub, room: Room, end: Callable[[Hub, Principal], Awaitable[None]]
) -> None:
    admin = await room.principal(Role.ADMIN)
    async with hub.sign_in(room.teacher) as one, hub.sign_in(room.teacher) as two, hub.sign_in(admin) as other:
        await end(hub, room.teacher)
        assert [await one.close_code(), await two.close_code()] == [CloseCode.UNAUTHENTICATED] * 2
        await other.send(Ping(1))
        await other.receive(Pong)


async def test_sessions_are_looked_at_again_after_postgresql_was_away(
    hub: Hub, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = asyncio.Event()
    ask = credentials.find_ended_sessions

    async def fail_once(conn: AsyncConnection, sessions: Collection[UUID]) -> set[UUID]:
        if failed.is_set():
            return await ask(conn, sessions)
        failed.set()
        raise ConnectionResetError

    monkeypatch.setattr(credentials, "find_ended_sessions", fail_once)
    async with hub.sign_in(room.teacher) as client:
        await failed.wait()
        await end_session(hub, room.teacher)
        assert await client.close_code() == CloseCode.UNAUTHENTICATED


@pytest.mark.parametrize("permission", [Permission.VIEW, Permission.INVIGILATE, Permission.REVIEW])
async def test_whom_the_exam_is_taken_from_sees_no_more_of_it_and_keeps_the_console(
    hub: Hub, room: Room, permission: Permission
) -> None:
    colleague = await room.colleague(permission)
    async with hub.sign_in(colleague) as client, hub.sign_in(room.teacher) as maker:
        for one in (client, maker):
            await one.send(Watch(room.exam))
            await one.board()
        await room.permit(colleague, Permission.EDIT)
        assert (await client.receive(Error)).code == ErrorCode.FORBIDDEN
        await room.sit()
        assert (await maker.receive(Delta)).offset == 1
        await client.send(Watch(room.exam))
        assert (await client.receive(Error)).code == ErrorCode.FORBIDDEN, "no delta came before"
        await room.permit(colleague, permission)
        await client.send(Watch(room.exam))
        assert (await client.board()).offset > 0
