"""What a peer may send before and after its hello, and that one read never holds the loop."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest
from litestar import Litestar, WebSocket, websocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from hub import metrics, sockets
from hub.server.unfinished import UnfinishedBytes
from hub.server.websocket import CLOSE_NOW, CLOSING_BYTES, IS_GONE, ClosingWebSocket
from protocol.limits import CONTROL_BURST, HELLO_BYTES, SOCKET_BYTES, STRANGER_CONTROL
from tests.hub.serving import read_close, serve


def frame(opcode: Opcode, data: bytes = b"", *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin=fin).serialize(mask=True)


PING = frame(Opcode.PING)
PIECES = frame(Opcode.TEXT, fin=False) + frame(Opcode.CONT, fin=False) * 10_000


class Echo:
    """A handler that admits its peer at the message `admit`, and returns every message."""

    def __init__(self) -> None:
        self.received: list[sockets.Frame] = []
        self.longest_s = 0.0

    def app(self) -> Litestar:
        @websocket("/")
        async def echo(socket: WebSocket[Any, Any, Any]) -> None:
            await sockets.accept(socket)
            while (data := await sockets.receive(socket)) is not None:
                self.received.append(data)
                if data == "admit":
                    sockets.admit(socket)
                await sockets.send(socket, data)

        return Litestar([echo])


@contextlib.asynccontextmanager
async def peer(echo: Echo | None = None, *, admitted: bool = True, **options: Any) -> AsyncIterator[ClientConnection]:
    echo = echo or Echo()
    async with serve(echo.app(), **options) as address, connect(f"ws://{address}/", max_size=None) as client:
        if admitted:
            await client.send("admit")
            assert await client.recv() == "admit"
        async with asyncio.timeout(30):
            yield client


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a counter reports no event
            await asyncio.sleep(0.01)


def refused() -> float:
    return float(metrics.CONTROL_REFUSED._value.get())


@pytest.mark.parametrize(
    "flood", [PING * 100_000, frame(Opcode.PONG) * 100_000, PIECES], ids=["pings", "pongs", "pieces"]
)
@pytest.mark.parametrize("admitted", [False, True], ids=["stranger", "known"])
async def test_a_flood_of_frames_that_carry_nothing_is_closed_with_1008(flood: bytes, admitted: bool) -> None:
    before = refused()
    async with peer(admitted=admitted) as client:
        client.transport.write(flood)
        code, reason = await read_close(client)
        assert (code, reason) in ((1008, "too many control frames"), (1006, ""))  # 1006: reset while it still sends
    assert refused() == before + 1


@pytest.mark.parametrize("admitted", [False, True], ids=["stranger", "known"])
async def test_pings_within_the_budget_are_answered(admitted: bool) -> None:
    async with peer(admitted=admitted) as client:
        pongs = [await client.ping() for _ in range(CONTROL_BURST if admitted else STRANGER_CONTROL)]
        await asyncio.gather(*pongs)


async def test_a_flood_of_pings_costs_little_cpu_before_it_ends() -> None:
    async with peer(admitted=False) as client:
        client.transport.write(PING * 1_000_000)
        began = time.thread_time()
        await read_close(client)
        assert time.thread_time() - began < 0.5


async def test_large_pieces_of_a_message_are_free() -> None:
    echo = Echo()
    async with peer(echo) as client:
        await client.send("x" * 1024 for _ in range(4 * CONTROL_BURST))
        assert len(await client.recv()) == 4 * CONTROL_BURST * 1024


@pytest.mark.parametrize("header", [b"\x82\xfe\x20\x01", b"\x81\xff\x00\x00\x00\x00\x00\x0f\xde\x80"])
async def test_a_stranger_may_not_even_begin_a_large_frame(header: bytes) -> None:
    async with peer(admitted=False) as client:
        client.transport.write(header)
        assert (await read_close(client))[0] == 1009


async def test_a_known_peer_may_send_frames_of_the_full_size() -> None:
    async with peer(admitted=False) as client:
        await client.send("x" * HELLO_BYTES)
        assert len(await client.recv()) == HELLO_BYTES
        await client.send("admit")
        await client.recv()
        await client.send("x" * SOCKET_BYTES)
        assert len(await client.recv()) == SOCKET_BYTES
        await client.send("x" * (SOCKET_BYTES + 1))
        assert (await read_close(client))[0] == 1009


async def test_thousands_of_messages_in_one_write_all_arrive_in_order() -> None:
    echo = Echo()
    async with peer(echo) as client:
        texts = [str(number) for number in range(5_000)]
        client.transport.write(b"".join(frame(Opcode.TEXT, text.encode()) for text in texts))
        assert [await client.recv() for _ in texts] == texts
        assert echo.received[1:] == texts


async def test_a_flood_after_the_close_code_gets_a_small_part_of_each_turn() -> None:
    most = parsed = 0

    class Watched(ClosingWebSocket):
        def handle_events(self) -> None:
            nonlocal most, parsed
            if self.close_sent:
                most = max(most, len(self.conn.events))
                parsed += len(self.conn.events)
            super().handle_events()

        def _parse(self) -> None:
            before = parsed
            super()._parse()
            nonlocal most
            most = max(most, parsed - before)

    @websocket("/")
    async def refuse(socket: WebSocket[Any, Any, Any]) -> None:
        await sockets.accept(socket)
        await sockets.receive(socket)
        extensions: Any = socket.scope["extensions"]
        extensions[CLOSE_NOW](4429, "too fast")

    async with serve(Litestar([refuse]), ws=Watched) as address, connect(f"ws://{address}/") as client:
        client.transport.write(frame(Opcode.TEXT, b"x") * 20_000)
        assert (await read_close(client))[0] == 4429
    assert parsed > 10_000
    assert most <= CLOSING_BYTES // len(frame(Opcode.TEXT, b"x")) + 1


async def test_messages_that_are_not_taken_stay_unparsed() -> None:
    most = 0

    class Watched(ClosingWebSocket):
        def _parse(self) -> None:
            nonlocal most
            super()._parse()
            most = max(most, self.queue.qsize())

    async with peer(ws=Watched) as client:
        client.transport.write(frame(Opcode.TEXT, b"x") * 30_000)
        for _ in range(30_000):
            await client.recv()
    assert 0 < most < 1_000


async def test_the_oldest_unfinished_message_gives_way_when_the_process_holds_too_many() -> None:
    unfinished = UnfinishedBytes(10_000)

    class Bounded(ClosingWebSocket):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, unfinished=unfinished, **options)

    whole = frame(Opcode.TEXT, b"x" * 6_000)
    begun, rest = whole[:-1], whole[-1:]
    async with (
        serve(Echo().app(), ws=Bounded) as address,
        connect(f"ws://{address}/") as first,
        connect(f"ws://{address}/") as second,
        asyncio.timeout(10),
    ):
        first.transport.write(begun)
        await wait_until(lambda: unfinished.total > 0)
        second.transport.write(begun)
        assert (await read_close(first))[0] == 1013
        second.transport.write(rest)
        assert len(await second.recv()) == 6_000
        assert unfinished.total == 0


async def test_an_unfinished_message_is_forgotten_with_its_connection() -> None:
    unfinished = UnfinishedBytes()

    class Bounded(ClosingWebSocket):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, unfinished=unfinished, **options)

    async with peer(ws=Bounded) as client:
        client.transport.write(frame(Opcode.TEXT, b"x" * 60_000)[:-1])
        await wait_until(lambda: unfinished.total > 50_000)
        client.transport.abort()
        await wait_until(lambda: unfinished.total == 0)


async def test_text_that_is_not_utf8_closes_with_1007_and_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    kind = metrics.NETWORK_FAULTS.labels(kind="text_not_utf8")
    before = kind._value.get()
    async with peer() as client:
        client.transport.write(frame(Opcode.TEXT, b"\xff"))
        assert (await read_close(client))[0] == 1007
    assert kind._value.get() == before + 1
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Hesitant:
    """A handler that takes each handshake only when `may_begin` is set, like one that waits for its turn."""

    def __init__(self) -> None:
        self.may_begin = asyncio.Event()
        self.scopes: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        self.scopes.append(scope)
        await self.may_begin.wait()
        await receive()
        with contextlib.suppress(Exception):
            await send({"type": "websocket.accept"})
            while (await receive())["type"] != "websocket.disconnect":
                pass


async def test_what_is_sent_ahead_of_a_handshake_is_judged_when_it_begins(caplog: pytest.LogCaptureFixture) -> None:
    app = Hesitant()
    refused = metrics.CONTROL_REFUSED._value.get()
    async with serve(cast("Litestar", app)) as address, asyncio.timeout(10):
        host, _, port = address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(HANDSHAKE)
        await wait_until(lambda: bool(app.scopes))
        writer.write(PING * 1_000)
        await writer.drain()
        assert metrics.CONTROL_REFUSED._value.get() == refused
        app.may_begin.set()
        await wait_until(lambda: metrics.CONTROL_REFUSED._value.get() == refused + 1)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
    assert [record for record in caplog.records if record.levelno > logging.WARNING] == []


async def test_a_peer_that_leaves_before_its_handshake_begins_is_known_to_be_gone() -> None:
    app = Hesitant()
    async with serve(cast("Litestar", app)) as address, asyncio.timeout(10):
        host, _, port = address.partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(HANDSHAKE)
        await wait_until(lambda: bool(app.scopes))
        writer.write(PING)
        writer.close()
        is_gone = app.scopes[0]["extensions"][IS_GONE]
        await wait_until(is_gone)
        assert is_gone()
        app.may_begin.set()


async def test_a_closed_socket_still_reads_up_to_the_answer_to_its_close() -> None:
    @websocket("/")
    async def brief(socket: WebSocket[Any, Any, Any]) -> None:
        await sockets.accept(socket)
        await sockets.receive(socket)
        extensions: Any = socket.scope["extensions"]
        extensions[CLOSE_NOW](4410, "ended")

    async with serve(Litestar([brief])) as address, connect(f"ws://{address}/") as client, asyncio.timeout(10):
        client.transport.write(frame(Opcode.TEXT, b"x") * 20_000)
        with contextlib.suppress(ConnectionClosed):
            while True:
                await client.recv()
        assert client.close_code == 4410
