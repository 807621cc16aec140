"""The HTTP client posts one event per request and counts only what was answered with 201."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from bench.load import workload
from bench.load.http_client import HttpPoster, PostError

RECORDING = workload.record(1, 5, per_frame=5, seed=1, started_ms=1_790_000_000_000)[0]
ENTRIES = workload.entries(RECORDING.frames[0], RECORDING)


@asynccontextmanager
async def answering(status: str) -> AsyncIterator[tuple[str, list[bytes]]]:
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                await reader.readexactly(int(heads[-1].partition(b"content-length: ")[2].partition(b"\r\n")[0]))
                writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n{{}}".encode())
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def on_connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.create_task(serve(reader, writer)))

    tasks: list[asyncio.Task[None]] = []
    server = await asyncio.start_server(on_connect, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/events", heads
    finally:
        server.close()
        await asyncio.gather(*tasks)


async def test_each_request_is_answered_before_the_next() -> None:
    async with answering("201 Created") as (url, heads):
        poster = HttpPoster(url, ENTRIES)
        await poster.connect()
        await poster.play(0.05)
        poster.close()
    assert poster.sent == poster.acked == len(poster.waits_ms) == len(heads) > 0
    assert heads[0].startswith(b"POST /events HTTP/1.1\r\n")


async def test_any_other_status_is_an_error() -> None:
    async with answering("503 Service Unavailable") as (url, _):
        poster = HttpPoster(url, ENTRIES)
        await poster.connect()
        with pytest.raises(PostError, match="503"):
            await poster.play(1)
        poster.close()
    assert poster.acked == 0
