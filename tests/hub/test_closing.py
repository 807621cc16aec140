import asyncio
from typing import Any

import pytest
from litestar import Litestar, WebSocket, websocket
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from hub import closing, wire
from protocol.codes import CloseCode
from tests.hub.serving import read_all, read_close, serve

FRAME = b"x" * 65_536


class Flood:
    """A handler that sends until its client takes no more, then closes, and says how that went."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.seen: wire.Frame | None = "nothing"

    def app(self) -> Litestar:
        @websocket("/")
        async def flood(socket: WebSocket[Any, Any, Any]) -> None:
            await wire.accept(socket)
            while await self.taken(socket):
                pass
            await wire.close(socket, CloseCode.TOO_SLOW)
            self.seen = await wire.receive(socket)
            self.closed.set()

        return Litestar([flood])

    async def taken(self, socket: wire.Socket) -> bool:
        try:
            async with asyncio.timeout(0.3):
                return await wire.send(socket, FRAME)
        except TimeoutError:
            return False


async def test_a_peer_that_does_not_read_is_closed_at_once_and_learns_why_when_it_reads() -> None:
    flood = Flood()
    async with serve(flood.app()) as address, connect(f"ws://{address}/", max_queue=1) as client:
        await flood.closed.wait()
        assert flood.seen is None
        assert set(await read_all(client)) == {FRAME}
        assert (client.close_code, client.close_reason) == (4504, "too_slow")


async def test_a_peer_that_never_reads_again_is_cut() -> None:
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


async def test_a_peer_that_answers_is_gone_at_once() -> None:
    lost = asyncio.Event()

    class Watched(closing.ClosingWebSocket):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            lost.set()

    @websocket("/")
    async def brief(socket: WebSocket[Any, Any, Any]) -> None:
        await wire.accept(socket)
        await wire.send(socket, "bye")
        await wire.close(socket, CloseCode.ENDED)

    async with serve(Litestar([brief]), ws=Watched) as address, connect(f"ws://{address}/") as client:
        assert await client.recv() == "bye"
        async with asyncio.timeout(2):
            await lost.wait()
        await client.wait_closed()
        assert (client.close_code, client.close_reason) == (4410, "ended")


async def test_a_handshake_that_is_refused_stays_refused() -> None:
    @websocket("/")
    async def refuse(socket: WebSocket[Any, Any, Any]) -> None:
        await wire.close(socket, CloseCode.FORBIDDEN)
        await socket.close()

    async with serve(Litestar([refuse])) as address:
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://{address}/")
    assert refused.value.response.status_code == 403
