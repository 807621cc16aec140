import asyncio
import contextlib
from collections.abc import AsyncIterator
from random import Random

import pytest
from websockets.asyncio.server import serve
from websockets.typing import Subprotocol

from tests.veritas.client.peer import PATIENCE_S, Peer


class AtOnce(Random):
    """Backoff without waiting."""

    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002 - the signature is the library's
        return a


@contextlib.asynccontextmanager
async def run_peer() -> AsyncIterator[Peer]:
    peer = Peer()
    protocols = [Subprotocol("veritas.v1.json"), Subprotocol("veritas.v1.msgpack")]
    async with serve(peer.handle, "127.0.0.1", 0, subprotocols=protocols, compression=None) as server:
        peer.server = server
        yield peer
        server.close(close_connections=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await server.wait_closed()
    assert not peer.failures


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with run_peer() as peer:
        yield peer


@pytest.fixture
async def other() -> AsyncIterator[Peer]:
    async with run_peer() as peer:
        yield peer


@pytest.fixture
def at_once() -> Random:
    return AtOnce()
