import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from db.queries import credentials
from hub.auth.tickets import draw_secret, hash_secret
from hub.live import socket
from hub.wire import now_ms
from protocol.codes import CloseCode, ErrorCode
from protocol.console import Hello, Welcome
from protocol.limits import FRAME_BYTES, HEARTBEAT_MS
from protocol.monitor import Error, Ping
from protocol.people import Role
from tests.hub.live.consoles import Hub
from tests.hub.live.room import Room


async def test_the_welcome_says_who_is_known_and_for_how_long(hub: Hub, room: Room) -> None:
    async with hub.connect() as client:
        await client.send(Hello(token=await hub.token(room.teacher)))
        welcome = await client.receive(Welcome)
    assert (welcome.user_id, welcome.name) == (room.teacher.user_id, "Tess Teacher")
    assert welcome.heartbeat_ms == HEARTBEAT_MS
    assert abs(welcome.server_at - now_ms()) < 10_000
    assert welcome.auth_until > now_ms()


async def test_a_ticket_opens_one_console(hub: Hub, room: Room) -> None:
    await hub.token(room.teacher)
    ticket = draw_secret()
    async with hub.engine.begin() as conn:
        await credentials.issue_ticket(
            conn,
            ticket_hash=hash_secret(ticket),
            user_id=room.teacher.user_id,
            session=room.teacher.session,
            purpose="console",
        )
    async with hub.connect() as first, hub.connect() as second:
        await first.send(Hello(ticket=ticket))
        await first.receive(Welcome)
        await second.send(Hello(ticket=ticket))
        assert await second.close_code() == CloseCode.UNAUTHENTICATED


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
    student = await room.person(Role.STUDENT)
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
        ('{"t":"ping","at":1,"x":"' + "x" * FRAME_BYTES + '"}', CloseCode.TOO_LARGE, ErrorCode.MALFORMED),
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
