"""What a connection still holds of a request that was answered."""

import asyncio
import gc
import socket
import struct
import weakref
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from litestar import Litestar, Request, get

from hub.server.http import PromptHttp
from tests.hub.serving import serve

REQUEST = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"
AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER: closing resets the connection."""


class Body:
    """Something large."""


class Watched(PromptHttp):
    """Remembers its connections as long as they exist."""

    existing: ClassVar["weakref.WeakSet[Watched]"] = weakref.WeakSet()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.existing.add(self)


bodies: weakref.WeakSet[Body] = weakref.WeakSet()


@get("/")
async def read(request: Request[Any, Any, Any]) -> str:
    body = Body()
    bodies.add(body)
    request.scope["state"]["body"] = body
    return "x" * 1_000_000


@pytest.fixture
def no_collector() -> Iterator[None]:
    """A hub looks for cycles rarely, so nothing of a request may be part of one."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def until_gone(existing: weakref.WeakSet[Any]) -> None:
    async with asyncio.timeout(10):
        while len(existing):  # noqa: ASYNC110 - nothing reports that an object is gone
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("no_collector")
async def test_an_idle_connection_does_not_hold_the_request_that_it_answered() -> None:
    async with serve(Litestar([read]), http=Watched) as address:
        host, _, port = address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(REQUEST)
        assert (await reader.readuntil(b"x" * 1_000_000)).startswith(b"HTTP/1.1 200")
        await until_gone(bodies)
        writer.write(REQUEST)
        assert (await reader.readuntil(b"x" * 1_000_000)).startswith(b"HTTP/1.1 200")
        writer.close()
        await writer.wait_closed()


@pytest.mark.usefixtures("no_collector")
async def test_nothing_is_left_of_a_connection_that_was_reset_while_it_was_answered() -> None:
    async with serve(Litestar([read]), http=Watched) as address:
        host, _, port = address.partition(":")

        def ask_and_reset() -> bytes:
            with socket.create_connection((host, int(port))) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
                connection.sendall(REQUEST)
                return connection.recv(100)

        assert (await asyncio.to_thread(ask_and_reset)).startswith(b"HTTP/1.1 200")
        await until_gone(bodies)
        await until_gone(Watched.existing)
