import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar, WebSocket, websocket
from websockets.asyncio.client import ClientConnection, connect

from hub import sockets
from hub.server.websocket import ClosingWebSocket
from protocol.codec import Encoding, decode_to_candidate
from protocol.codes import CloseCode, ErrorCode
from protocol.monitor import Error
from tests.hub.serving import read_close, serve

Serve = Callable[[sockets.Socket], Awaitable[None]]


@asynccontextmanager
async def talk(handle: Serve, *, ws: Any = ClosingWebSocket, **options: Any) -> AsyncIterator[ClientConnection]:
    """A client of a server with this handler."""

    @websocket("/")
    async def handler(socket: WebSocket[Any, Any, Any]) -> None:
        await handle(socket)

    async with serve(Litestar([handler]), ws=ws) as address, connect(f"ws://{address}/", **options) as client:
        yield client


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ([], Encoding.JSON),
        (["veritas.v1.json"], Encoding.JSON),
        (["veritas.v1.msgpack"], Encoding.MSGPACK),
        (["chat", "veritas.v1.msgpack", "veritas.v1.json"], Encoding.MSGPACK),
        (["veritas.v2.json"], None),
        (["VERITAS.V1.JSON"], None),
    ],
)
def test_the_first_subprotocol_that_is_known_is_chosen(offered: list[str], chosen: Encoding | None) -> None:
    assert sockets.choose_encoding(offered) is chosen


@given(st.text())
def test_a_frames_size_is_its_bytes_on_the_wire(text: str) -> None:
    assert sockets.size_of(text) == len(text.encode(errors="surrogatepass"))
    assert sockets.size_of(text.encode(errors="surrogatepass")) == sockets.size_of(text)


@pytest.mark.parametrize(
    ("offered", "answered"),
    [(None, None), (["x", "veritas.v1.msgpack"], "veritas.v1.msgpack"), (["veritas.v1.json"], "veritas.v1.json")],
)
async def test_the_handshake_names_the_chosen_subprotocol(offered: Any, answered: str | None) -> None:
    async def handle(socket: sockets.Socket) -> None:
        assert await sockets.accept(socket) is not None
        await sockets.close(socket, CloseCode.NORMAL)

    async with talk(handle, subprotocols=offered) as client:
        assert client.subprotocol == answered
        assert await read_close(client) == (1000, "normal")


async def test_a_client_with_only_unknown_subprotocols_gets_an_error_and_is_closed() -> None:
    async def handle(socket: sockets.Socket) -> None:
        assert await sockets.accept(socket) is None

    async with talk(handle, subprotocols=["veritas.v9.json"]) as client:
        error = decode_to_candidate(await client.recv(), Encoding.JSON)
        assert isinstance(error, Error)
        assert error.code == ErrorCode.UNSUPPORTED_SUBPROTOCOL
        assert await read_close(client) == (4400, "malformed")


async def test_frames_are_received_in_order_and_none_after_the_close() -> None:
    received: list[sockets.Frame | None] = []
    gone = asyncio.Event()

    async def handle(socket: sockets.Socket) -> None:
        await sockets.accept(socket)
        while (data := await sockets.receive(socket)) is not None:
            received.append(data)
        received.append(await sockets.receive(socket))
        assert not await sockets.send(socket, "too late")
        await sockets.close(socket, CloseCode.NORMAL)
        gone.set()

    async with talk(handle) as client:
        for data in ("text", b"bytes", "", b""):
            await client.send(data)
    await gone.wait()
    assert received == ["text", b"bytes", "", b"", None]


async def test_both_kinds_of_frames_are_sent() -> None:
    async def handle(socket: sockets.Socket) -> None:
        await sockets.accept(socket)
        assert await sockets.send(socket, "text")
        assert await sockets.send(socket, b"bytes")
        await sockets.close(socket, CloseCode.NORMAL)

    async with talk(handle) as client:
        assert [await client.recv(), await client.recv()] == ["text", b"bytes"]


@pytest.mark.parametrize("ws", [ClosingWebSocket, "websockets-sansio"])
async def test_closing_twice_does_nothing_the_second_time(ws: Any) -> None:
    done = asyncio.Event()

    async def handle(socket: sockets.Socket) -> None:
        await sockets.accept(socket)
        await sockets.close(socket, CloseCode.ENDED)
        await sockets.close(socket, CloseCode.INTERNAL)
        assert not await sockets.send(socket, "too late")
        done.set()

    async with talk(handle, ws=ws) as client:
        assert await read_close(client) == (4410, "ended")
    await done.wait()


def test_an_outbox_keeps_order_and_bound() -> None:
    outbox = sockets.Outbox(10)
    assert outbox.put("12345")
    assert outbox.put(b"1234")
    assert not outbox.put("12")
    assert outbox.size == 9
    assert outbox.take() == "12345"
    assert outbox.put("ÅÅÅ")
    assert outbox.size == 10
    assert [outbox.take(), outbox.take(), outbox.take()] == [b"1234", "ÅÅÅ", None]
    assert outbox.size == 0


def test_a_cleared_outbox_has_its_whole_room() -> None:
    outbox = sockets.Outbox(10)
    outbox.put("1234567890")
    outbox.clear()
    assert outbox.take() is None
    assert outbox.put("1234567890")


async def test_a_reader_waits_for_the_next_frame() -> None:
    outbox = sockets.Outbox(10)
    waiting = asyncio.create_task(outbox.get())
    await asyncio.sleep(0)
    assert not waiting.done()
    outbox.put("x")
    assert await waiting == "x"


async def test_a_finished_outbox_empties_and_then_returns_none() -> None:
    outbox = sockets.Outbox(10)
    outbox.put("last")
    outbox.finish()
    assert not outbox.put("x")
    assert [await outbox.get(), await outbox.get()] == ["last", None]

    idle = sockets.Outbox(10)
    waiting = asyncio.create_task(idle.get())
    await asyncio.sleep(0)
    idle.finish()
    assert await waiting is None


async def test_clearing_does_not_wake_a_reader_with_nothing() -> None:
    outbox = sockets.Outbox(10)
    waiting = asyncio.create_task(outbox.get())
    await asyncio.sleep(0)
    outbox.put("x")
    outbox.clear()
    await asyncio.sleep(0)
    assert not waiting.done()
    outbox.put("y")
    assert await waiting == "y"
