import asyncio
from typing import Any

import pytest
from litestar import Litestar, WebSocket, websocket
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from hub import sockets
from hub.server import websocket as closing
from protocol.codes import CloseCode
from tests.hub.serving import read_all, read_close, serve

FRAME = b"x" * 65_536


class Flood:
    """A handler that sends until its client reads no more, then closes; it records what happened."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.seen: sockets.Frame | None = "nothing"

    def app(self) -> Litestar:
        @websocket("/")
        async def flood(socket: WebSocket[Any, Any, Any]) -> None:
            await sockets.accept(socket)
            while await self.taken(socket):
                pass
            await sockets.close(socket, CloseCode.TOO_SLOW)
            self.seen = await sockets.receive(socket)
            self.closed.set()

        return Litestar([flood])

    async def taken(self, socket: sockets.Socket) -> bool:
        try:
            async with asyncio.timeout(0.3):
                return await sockets.send(socket, FRAME)
        except TimeoutError:
            return False


async def test_a_peer_that_does_not_read_is_closed_at_once_and_learns_why_when_it_reads() -> None:
    flood = Flood()
    async with serve(flood.app()) as address, connect(f"ws://{address}/", max_queue=1) as client:
        await flood.closed.wait()
        assert flood.seen is None
        assert set(await read_all(client)) == {FRAME}
        assert (client.close_code, client.close_reason) == (4504, "too_slow")


async def test_the_connection_of_a_peer_that_never_reads_again_is_ended() -> None:
    lost = asyncio.Event()

    class Impatient(closing.ClosingWebSocket):
        abort_after = 0.1

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.close_timeout = 0.1

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            lost.set()

    flood = Flood()
    async with serve(flood.app(), ws=Impatient) as address, connect(f"ws://{address}/", max_queue=1) as client:
        await flood.closed.wait()
        assert not lost.is_set()
        await lost.wait()
        assert (await read_close(client))[0] == 1006


async def test_the_connection_of_a_peer_that_answers_the_close_ends_at_once() -> None:
    lost = asyncio.Event()

    class Watched(closing.ClosingWebSocket):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            lost.set()

    @websocket("/")
    async def brief(socket: WebSocket[Any, Any, Any]) -> None:
        await sockets.accept(socket)
        await sockets.send(socket, "bye")
        await sockets.close(socket, CloseCode.ENDED)

    async with serve(Litestar([brief]), ws=Watched) as address, connect(f"ws://{address}/") as client:
        assert await client.recv() == "bye"
        async with asyncio.timeout(5):
            await lost.wait()
        await client.wait_closed()
        assert (client.close_code, client.close_reason) == (4410, "ended")


class Quiet:
    """A handler that only receives, and its connection."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[sockets.Frame | None] = asyncio.Queue()
        self.connection: asyncio.Future[closing.ClosingWebSocket] = asyncio.get_running_loop().create_future()

    def app(self) -> Litestar:
        @websocket("/")
        async def listen(socket: WebSocket[Any, Any, Any]) -> None:
            await sockets.accept(socket)
            sockets.admit(socket)
            extensions: Any = socket.scope["extensions"]
            self.connection.set_result(extensions[closing.CLOSE_NOW].__self__)
            while (data := await sockets.receive(socket)) is not None:
                self.received.put_nowait(data)

        return Litestar([listen])


async def test_a_peer_that_does_not_read_gets_no_more_pongs() -> None:
    quiet = Quiet()
    async with serve(quiet.app()) as address, connect(f"ws://{address}/") as client:
        connection = await quiet.connection
        client.transport.pause_reading()
        connection.transport.write(bytes(16 * 1024 * 1024))
        unread = connection.transport.get_write_buffer_size()
        assert unread > closing.PONG_BYTES
        await client.ping()
        await client.send("hallo")
        assert await quiet.received.get() == "hallo"
        assert connection.transport.get_write_buffer_size() <= unread
        client.transport.abort()


async def test_a_peer_that_reads_gets_its_pongs() -> None:
    quiet = Quiet()
    async with serve(quiet.app()) as address, connect(f"ws://{address}/") as client, asyncio.timeout(5):
        await (await client.ping("hallo"))


@pytest.mark.parametrize("message", ["halloå", b"\0hallo\xff"])
async def test_a_message_in_fragments_is_one_message(message: sockets.Frame) -> None:
    quiet = Quiet()
    async with serve(quiet.app()) as address, connect(f"ws://{address}/") as client:
        for _ in range(2):
            await client.send(message[at : at + 1] for at in range(len(message)))
            await client.send(message)
            for _ in range(2):
                received = await quiet.received.get()
                assert (type(received), received) == (type(message), message)


async def test_a_refused_handshake_stays_refused() -> None:
    @websocket("/")
    async def refuse(socket: WebSocket[Any, Any, Any]) -> None:
        await sockets.close(socket, CloseCode.FORBIDDEN)
        await socket.close()

    async with serve(Litestar([refuse])) as address:
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://{address}/")
    assert refused.value.response.status_code == 403
