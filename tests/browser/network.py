"""The network between a browser and the hub, which a test can lose.

Chromium's own offline emulation refuses new connections only: a websocket that is open goes on sending.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext


class Network:
    """Passes bytes on to the hub until it is lost: then open connections are cut, and new ones too."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._target = (parts.hostname, parts.port)
        self._is_lost = False
        self._open: set[asyncio.StreamWriter] = set()
        self._links: set[asyncio.Task[None]] = set()
        self.base_url = ""

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        self.base_url = f"http://{host}:{port}"
        try:
            yield
        finally:
            server.close()
            self._is_lost = True
            await self._cut()

    async def lose(self, context: BrowserContext) -> None:
        """Lose the network, and let the pages know."""
        self._is_lost = True
        await context.set_offline(True)
        await self._cut()

    async def restore(self, context: BrowserContext) -> None:
        self._is_lost = False
        await context.set_offline(False)

    async def _cut(self) -> None:
        for writer in self._open:
            writer.transport.abort()
        await asyncio.gather(*self._links)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        try:
            hub_reader, hub_writer = await asyncio.open_connection(*self._target)
        except OSError:  # the hub was killed
            writer.transport.abort()
            self._links.discard(link)
            return
        ends = {writer, hub_writer}
        self._open |= ends
        if self._is_lost:
            writer.transport.abort()
        await asyncio.gather(_pump(reader, hub_writer), _pump(hub_reader, writer))
        self._open -= ends
        self._links.discard(link)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until one side ends or is cut; then end the other."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def network_of(base_url: str) -> AsyncIterator[Network]:
    """Open a way to the hub at `base_url`."""
    network = Network(base_url)
    async with network.listen():
        yield network
