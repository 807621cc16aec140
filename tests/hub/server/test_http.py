import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from litestar import Litestar, WebSocket, post, websocket
from litestar.params import JSONBody
from websockets.asyncio.client import connect

from hub import metrics, sockets
from hub.server.http import PromptHttp
from tests.hub.serving import serve

HEAD = b"POST / HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\ncontent-length: 7\r\n\r\n"


class Hurried(PromptHttp):
    """Short deadlines. Remembers the last connection."""

    headers_s = 0.1
    request_s = 0.1
    latest: "Hurried"

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it too
        Hurried.latest = self
        super().connection_made(transport)

    @property
    def has_deadline(self) -> bool:
        return self._deadline is not None


@post("/")
async def echo(data: JSONBody[str]) -> str:
    assert not Hurried.latest.has_deadline
    return data


@websocket("/ws")
async def parrot(socket: WebSocket[Any, Any, Any]) -> None:
    await sockets.accept(socket)
    while (data := await sockets.receive(socket)) is not None:
        await sockets.send(socket, data)


@pytest.fixture
async def address() -> AsyncIterator[str]:
    async with serve(Litestar([echo, parrot]), http=Hurried) as address:
        yield address


@asynccontextmanager
async def tcp(address: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


def unfinished() -> float:
    return float(metrics.REQUESTS_UNFINISHED._value.get())


@pytest.mark.parametrize("sent", [b"", b"POST / HT", HEAD[:-2], HEAD, HEAD + b'"hal'])
async def test_an_unfinished_request_closes_its_connection_and_is_counted(address: str, sent: bytes) -> None:
    before = unfinished()
    async with asyncio.timeout(5), tcp(address) as (reader, writer):
        writer.write(sent)
        assert await reader.read() == b""
    assert unfinished() == before + 1


async def test_single_bytes_do_not_extend_the_deadline(address: str) -> None:
    async with asyncio.timeout(5), tcp(address) as (reader, writer):
        ended = asyncio.create_task(reader.read())
        for at in range(len(HEAD)):
            writer.write(HEAD[at : at + 1])
            if (await asyncio.wait((ended,), timeout=0.02))[0]:
                break
        assert await ended == b""
    assert at < len(HEAD) - 1


async def test_responses_and_the_pause_after_them_have_no_deadline(address: str) -> None:
    before = unfinished()
    async with asyncio.timeout(5), tcp(address) as (reader, writer):
        for _ in range(2):
            writer.write(HEAD + b'"hallo"')
            response = await reader.readuntil(b"hallo")
            assert response.startswith(b"HTTP/1.1 201")
            assert not Hurried.latest.has_deadline
    assert unfinished() == before


async def test_a_websocket_has_no_deadline_here(address: str) -> None:
    async with connect(f"ws://{address}/ws") as client:
        assert not Hurried.latest.has_deadline
        await client.send("still here")
        assert await client.recv() == "still here"
