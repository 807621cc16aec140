"""A real server on a free port of the loopback, in the test's own loop, with the websocket settings of the hub."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn
from litestar import Litestar
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from hub.main import configure, lengthen_backlog


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        lengthen_backlog(self)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serve(app: Litestar, **options: Any) -> AsyncIterator[str]:
    """Serve until the context ends; yields `127.0.0.1:port`."""
    config = configure(app, "127.0.0.1", 0)
    for name, value in options.items():
        setattr(config, name, value)
    config.timeout_graceful_shutdown = 5
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    up = asyncio.create_task(server.up.wait())
    await asyncio.wait((task, up), return_when=asyncio.FIRST_COMPLETED)
    up.cancel()
    assert server.started
    try:
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


async def read_all(client: ClientConnection) -> list[str | bytes]:
    """Everything the server still sends until the connection is closed."""
    frames = []
    try:
        while True:
            frames.append(await client.recv())
    except ConnectionClosed:
        return frames


async def read_close(client: ClientConnection) -> tuple[int | None, str | None]:
    """Read to the end; the close code and its reason."""
    await read_all(client)
    return client.close_code, client.close_reason
