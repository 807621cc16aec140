"""The websocket client keeps to the window and counts what was acknowledged."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from websockets.asyncio.server import ServerConnection, serve

from bench.load import workload
from bench.load.client import LoadClient, SocketClosed
from protocol.attempts import AttemptStatus
from protocol.codec import Encoding, decode_candidate, encode
from protocol.codes import RejectCode
from protocol.events import Batch
from protocol.limits import HEARTBEAT_MS, Limits, Window
from protocol.monitor import Ack, Attempt, Rejected, Welcome

RECORDING = workload.record(1, 60, per_frame=10, seed=1, started_ms=1_790_000_000_000)[0]
Handler = Callable[[ServerConnection], Awaitable[None]]


def welcome(window: Window) -> str | bytes:
    attempt = Attempt(AttemptStatus.IN_PROGRESS)
    return encode(
        Welcome(
            stream=UUID(int=1),
            committed=0,
            window=window,
            limits=Limits(),
            heartbeat_ms=HEARTBEAT_MS,
            server_at=0,
            attempt=attempt,
            auth_until=0,
        ),
        Encoding.JSON,
    )


@asynccontextmanager
async def connected(handler: Handler) -> AsyncIterator[LoadClient]:
    async with serve(handler, "127.0.0.1", 0, compression=None, subprotocols=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        client = LoadClient(f"ws://127.0.0.1:{port}/", RECORDING, None)
        await asyncio.get_running_loop().create_connection(lambda: client, "127.0.0.1", port)
        await client.ready
        yield client
        client.close()


async def acknowledge_all(socket: ServerConnection) -> None:
    async for message in socket:
        batch = decode_candidate(message, Encoding.JSON)
        assert isinstance(batch, Batch)
        await socket.send(encode(Ack(batch.last_seq), Encoding.JSON))


async def test_a_flood_ends_with_the_last_ack() -> None:
    async with connected(acknowledge_all) as client:
        client.flood()
        await client.done
    assert (client.sent, client.acked, client.left) == (60, 60, 0)
    assert len(client.waits_ms) == 6
    assert client.per_frame == 10


async def test_the_window_of_the_welcome_stops_the_client() -> None:
    received: list[int] = []

    async def narrow(socket: ServerConnection) -> None:
        await socket.send(welcome(Window(20, 1_000_000)))
        async for message in socket:
            batch = decode_candidate(message, Encoding.JSON)
            assert isinstance(batch, Batch)
            received.append(batch.last_seq)

    async with serve(narrow, "127.0.0.1", 0, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        client = LoadClient(f"ws://127.0.0.1:{port}/", RECORDING, None)
        client._hello = b'{"t":"bye"}'
        await asyncio.get_running_loop().create_connection(lambda: client, "127.0.0.1", port)
        await client.ready
        client.flood()
        assert client.sent == 20
        assert not client.may_send
        client.close()


async def test_a_rejected_event_ends_the_run() -> None:
    async def reject(socket: ServerConnection) -> None:
        async for _ in socket:
            await socket.send(encode(Ack(10, [Rejected(3, RejectCode.TOO_LARGE)]), Encoding.JSON))

    async with connected(reject) as client:
        client.flood()
        with pytest.raises(SocketClosed, match="events were rejected"):
            await client.done


async def test_a_closed_socket_ends_the_run() -> None:
    async def leave(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.close(4503)

    async with connected(leave) as client:
        client.flood()
        with pytest.raises(SocketClosed, match="4503"):
            await client.done
