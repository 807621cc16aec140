import asyncio
from collections.abc import AsyncIterator

import pytest
from litestar import Litestar, Request, post

from hub.errors import Disconnected
from hub.rest.http.disconnect import while_connected
from tests.hub.serving import serve

BODY = b"POST /work HTTP/1.1\r\nHost: hub\r\nContent-Length: 2\r\n\r\n{}"


class Work:
    """A handler whose work waits for `go`, and what became of it."""

    def __init__(self) -> None:
        self.began, self.go, self.over = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.outcome = ""

    async def run(self) -> str:
        self.began.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.outcome = "cancelled"
            raise
        return "done"

    def app(self) -> Litestar:
        @post("/work", status_code=200)
        async def handle(request: Request) -> str:  # type: ignore[type-arg]
            await request.body()
            try:
                return await while_connected(request, self.run())
            except Disconnected:
                self.outcome += ", disconnected"
                raise
            finally:
                self.over.set()

        return Litestar([handle])


@pytest.fixture
async def work() -> Work:
    return Work()


@pytest.fixture
async def connection(work: Work) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with serve(work.app()) as address:
        host, port = address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        yield reader, writer
        writer.close()


async def test_a_client_that_waits_gets_the_result(
    work: Work, connection: tuple[asyncio.StreamReader, asyncio.StreamWriter]
) -> None:
    reader, writer = connection
    writer.write(BODY)
    await asyncio.wait_for(work.began.wait(), 10)
    work.go.set()
    assert b" 200 " in await asyncio.wait_for(reader.readline(), 10)
    assert work.outcome == ""


async def test_the_work_of_a_client_that_has_gone_is_cancelled(
    work: Work, connection: tuple[asyncio.StreamReader, asyncio.StreamWriter]
) -> None:
    _, writer = connection
    writer.write(BODY)
    await asyncio.wait_for(work.began.wait(), 10)
    writer.transport.abort()
    await asyncio.wait_for(work.over.wait(), 10)
    assert work.outcome == "cancelled, disconnected"
