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
from websockets.frames import Frame, Opcode
from websockets.typing import Origin

from db.models import User
from db.queries.accounts import credentials
from hub.auth.guards import Principal
from hub.auth.tickets import hash_secret
from hub.console.limits import ConsoleLimits
from hub.sockets import now_ms
from protocol.codes import CloseCode, ErrorCode
from protocol.console import Delta, Hello, Watch, Welcome
from protocol.limits import FRAME_BYTES, HEARTBEAT_MS
from protocol.monitor import Drain, Error, Ping, Pong
from protocol.roles import Permission, Role
from tests.hub.consoles import ConsoleClient, ConsoleHub
from tests.hub.exam_room import ExamRoom
from tests.laws.loop_time import LIMIT_S, watch_callbacks


async def test_the_welcome_names_the_user_and_the_end_of_the_sign_in(hub: ConsoleHub, room: ExamRoom) -> None:
    async with hub.connect() as client:
        await client.send(Hello(token=await hub.token(room.teacher)))
        welcome = await client.receive(Welcome)
    assert (welcome.user_id, welcome.name) == (room.teacher.user_id, "Tess Teacher")
    assert welcome.heartbeat_ms == HEARTBEAT_MS
    assert abs(welcome.server_at - now_ms()) < 10_000
    assert welcome.auth_until > now_ms()


async def test_a_ticket_opens_one_console(hub: ConsoleHub, room: ExamRoom) -> None:
    ticket = await hub.ticket(room.teacher, "console")
    async with hub.connect() as first, hub.connect() as second:
        await first.send(Hello(ticket=ticket))
        await first.receive(Welcome)
        await second.send(Hello(ticket=ticket))
        assert await second.close_code() == CloseCode.UNAUTHENTICATED


async def test_a_ticket_for_another_socket_is_spent_and_refused(hub: ConsoleHub, room: ExamRoom) -> None:
    ticket = await hub.ticket(room.teacher, "monitor")
    async with hub.connect() as client:
        await client.send(Hello(ticket=ticket))
        assert await client.close_code() == CloseCode.UNAUTHENTICATED
    async with hub.engine.begin() as conn:
        assert await credentials.spend_ticket(conn, hash_secret(ticket)) is None


async def test_a_sign_in_that_ends_closes_its_console_even_if_the_pool_is_exhausted(
    hub: ConsoleHub, room: ExamRoom
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
async def test_a_hello_without_valid_credentials_is_closed(
    hub: ConsoleHub, hello: msgspec.Struct, code: CloseCode
) -> None:
    async with hub.connect() as client:
        await client.send(hello)
        assert await client.close_code() == code


async def test_a_student_cannot_open_a_console(hub: ConsoleHub, room: ExamRoom) -> None:
    student = await room.principal(Role.STUDENT)
    async with hub.connect() as client:
        await client.send(Hello(token=await hub.token(student)))
        assert await client.close_code() == CloseCode.FORBIDDEN


@pytest.mark.parametrize("console_limits", [ConsoleLimits(hello_s=0.05)])
async def test_a_console_without_a_hello_is_closed(hub: ConsoleHub) -> None:
    async with hub.connect() as client:
        assert await client.close_code() == CloseCode.SILENT


async def test_a_foreign_origin_is_refused_before_the_handshake(hub: ConsoleHub) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://{hub.address}/ws/console", origin=Origin("https://evil.example"))
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
async def test_a_frame_that_cannot_be_decoded_gets_an_error_and_a_close(
    hub: ConsoleHub, room: ExamRoom, data: str | bytes, code: CloseCode, error: ErrorCode
) -> None:
    async with hub.sign_in(room.teacher) as client:
        await client.client.send(data)
        assert (await client.receive(Error)).code == error
        assert await client.close_code() == code
    async with hub.connect() as client:
        await client.client.send(data)
        # A frame larger than any hello is not even read.
        assert await client.close_code() in (code, CloseCode.MALFORMED, 1009)


@pytest.mark.parametrize("console_limits", [ConsoleLimits(consoles_per_user=2)], ids=["limits"])
async def test_one_console_too_many_of_a_user_is_closed_with_a_reason(hub: ConsoleHub, room: ExamRoom) -> None:
    async with hub.sign_in(room.teacher), hub.sign_in(room.teacher):
        async with hub.connect() as third:
            await third.send(Hello(token=await hub.token(room.teacher)))
            assert (await third.receive(Error)).code == ErrorCode.TOO_FAST
            assert await third.close_code() == CloseCode.TOO_FAST
        async with hub.sign_in(await room.colleague(Permission.VIEW)):
            pass


async def test_a_flood_of_pings_ends_a_console_and_leaves_the_loop_to_others(hub: ConsoleHub, room: ExamRoom) -> None:
    async with hub.sign_in(room.teacher) as client:
        ping = Frame(Opcode.TEXT, b'{"t":"ping","at":1}').serialize(mask=True)
        with watch_callbacks() as longest:
            client.client.transport.write(ping * 3_000)
            assert await client.close_code() == CloseCode.TOO_FAST
        assert longest.took_s < LIMIT_S


async def test_all_consoles_can_be_ended(hub: ConsoleHub, room: ExamRoom) -> None:
    async with hub.sign_in(room.teacher) as first, hub.sign_in(room.teacher) as second:
        hub.consoles.end_all(CloseCode.DRAINING)
        assert [await first.close_code(), await second.close_code()] == [CloseCode.DRAINING] * 2


async def test_a_drain_warns_every_console_and_closes_them_one_after_the_other(hub: ConsoleHub, room: ExamRoom) -> None:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(hub.sign_in(room.teacher)) for _ in range(4)]
        await clients[0].send(Watch(room.exam))
        await clients[0].board()
        closed: list[float] = []

        async def leave(client: ConsoleClient) -> None:
            assert (await client.receive(Drain)).in_ms == 2_000
            assert await client.close_code() == CloseCode.DRAINING
            closed.append(asyncio.get_running_loop().time())

        began = asyncio.get_running_loop().time()
        await asyncio.gather(hub.consoles.drain(2_000), *(leave(client) for client in clients))
        assert 0.49 <= closed[0] - began < 1.9 < 1.99 <= closed[-1] - began
        async with hub.connect() as late:
            await late.send(Hello(token=await hub.token(room.teacher)))
            assert await late.close_code() == CloseCode.DRAINING


async def test_draining_a_hub_without_consoles_takes_no_time(hub: ConsoleHub) -> None:
    async with asyncio.timeout(1):
        await hub.consoles.drain(30_000)


async def end_session(hub: ConsoleHub, principal: Principal) -> None:
    async with hub.engine.begin() as conn:
        await credentials.revoke_session(conn, principal.session)


async def deactivate(hub: ConsoleHub, principal: Principal) -> None:
    async with hub.engine.begin() as conn:
        await conn.execute(update(User).where(User.id == principal.user_id).values(is_active=False))


@pytest.mark.parametrize("end", [end_session, deactivate])
async def test_a_user_who_signs_out_or_is_deactivated_loses_every_console_with_the_next_check(
    hub: ConsoleHub, room: ExamRoom, end: Callable[[ConsoleHub, Principal], Awaitable[None]]
) -> None:
    admin = await room.principal(Role.ADMIN)
    async with hub.sign_in(room.teacher) as first, hub.sign_in(room.teacher) as second, hub.sign_in(admin) as other:
        await end(hub, room.teacher)
        assert [await first.close_code(), await second.close_code()] == [CloseCode.UNAUTHENTICATED] * 2
        await other.send(Ping(1))
        await other.receive(Pong)


async def test_sign_ins_are_checked_again_after_postgresql_was_away(
    hub: ConsoleHub, room: ExamRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = asyncio.Event()

    async def fail_once(conn: AsyncConnection, sessions: Collection[UUID]) -> set[UUID]:
        if failed.is_set():
            return await credentials.find_ended_sessions(conn, sessions)
        failed.set()
        raise ConnectionResetError

    monkeypatch.setattr("hub.console.consoles.find_ended_sessions", fail_once)
    async with hub.sign_in(room.teacher) as client:
        await failed.wait()
        await end_session(hub, room.teacher)
        assert await client.close_code() == CloseCode.UNAUTHENTICATED


@pytest.mark.parametrize("permission", [Permission.VIEW, Permission.INVIGILATE, Permission.REVIEW])
async def test_a_user_who_loses_access_to_an_exam_gets_no_more_of_it_and_keeps_the_console(
    hub: ConsoleHub, room: ExamRoom, permission: Permission
) -> None:
    colleague = await room.colleague(permission)
    async with hub.sign_in(colleague) as client, hub.sign_in(room.teacher) as creator:
        for console in (client, creator):
            await console.send(Watch(room.exam))
            await console.board()
        await room.permit(colleague, Permission.EDIT)
        assert (await client.receive(Error)).code == ErrorCode.FORBIDDEN
        await room.add_attempt()
        assert (await creator.receive(Delta)).offset == 1
        await client.send(Watch(room.exam))
        assert (await client.receive(Error)).code == ErrorCode.FORBIDDEN, "no delta came before"
        await room.permit(colleague, permission)
        await client.send(Watch(room.exam))
        assert (await client.board()).offset > 0
