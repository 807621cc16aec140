import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from litestar import Litestar, Request, WebSocket, get, post, websocket
from litestar.params import FromPath, JSONBody
from websockets.asyncio.client import connect

from hub import metrics, sockets
from hub.errors import exception_handlers
from hub.pages.headers import ANSWER_HEADERS
from hub.server.http import PromptHttp
from hub.server.unfinished import UnfinishedBytes
from tests.hub.serving import serve

HEAD = b"POST / HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\ncontent-length: 7\r\n\r\n"


class Hurried(PromptHttp):
    """Short deadlines. Remembers the last connection."""

    headers_s = 0.1
    request_s = 0.1
    linger_s = 0.2
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
    async with serve(Litestar([echo, parrot], exception_handlers=exception_handlers), http=Hurried) as address:
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


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a counter reports no event
            await asyncio.sleep(0.01)


def given_up() -> float:
    return float(metrics.REQUESTS_UNFINISHED._value.get())


@pytest.mark.parametrize("sent", [b"", b"POST / HT", HEAD[:-2], HEAD, HEAD + b'"hal'])
async def test_an_unfinished_request_closes_its_connection_and_is_counted(address: str, sent: bytes) -> None:
    before = given_up()
    async with asyncio.timeout(5), tcp(address) as (reader, writer):
        writer.write(sent)
        assert await reader.read() == b""
    assert given_up() == before + 1


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
    before = given_up()
    async with asyncio.timeout(5), tcp(address) as (reader, writer):
        for _ in range(2):
            writer.write(HEAD + b'"hallo"')
            response = await reader.readuntil(b"hallo")
            assert response.startswith(b"HTTP/1.1 201")
            assert not Hurried.latest.has_deadline
    assert given_up() == before


async def test_a_websocket_has_no_deadline_here(address: str) -> None:
    async with connect(f"ws://{address}/ws") as client:
        assert not Hurried.latest.has_deadline
        await client.send("still here")
        assert await client.recv() == "still here"


async def test_an_unfinished_body_is_closed_by_its_deadline_without_an_error(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    left = metrics.NETWORK_FAULTS.labels(kind="client_left")
    before = left._value.get()
    async with asyncio.timeout(5), tcp(address) as (reader, writer):
        writer.write(HEAD + b'"hal')
        assert await reader.read() == b""
    await wait_until(lambda: left._value.get() == before + 1)
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nhost: here\r\nlong: " + b"x" * 40_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: here\r\nlong: " + b"x" * 40_000,
        b"GET /" + b"x" * 40_000,
        b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * 300 + b"\r\n",
        b"GET / HTTP/1.1\r\nhost: here\r\n" + b"long: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n" * 10_000,
    ],
    ids=["one line", "unfinished line", "address", "many lines", "endless"],
)
async def test_headers_over_their_limit_are_refused_with_431(address: str, sent: bytes) -> None:
    async with asyncio.timeout(5), tcp(address) as (reader, writer):
        writer.write(sent)
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 431 "), answer[:100]
        assert b'"code": "headers_too_large"' in answer


async def test_trailers_over_the_limit_of_headers_are_refused_with_431(patient: str) -> None:
    head = HEAD.replace(b"content-length: 7", b"transfer-encoding: chunked")
    async with asyncio.timeout(5), tcp(patient) as (reader, writer):
        writer.write(head + b'7\r\n"hallo"\r\n0\r\nlong: ' + b"x" * 100_000)
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 431 "), answer[:100]


async def test_a_request_that_was_answered_early_gets_no_second_answer(address: str) -> None:
    head = HEAD.replace(b"content-length: 7", b"transfer-encoding: chunked").replace(b"POST /", b"POST /nowhere")
    received = []
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(5), tcp(address) as (reader, writer):
            writer.write(head + b"7\r\n")
            received.append(await reader.readuntil(b"}"))
            writer.write(b'"hallo"\r\n0\r\nlong: ' + b"x" * 100_000)
            received.append(await reader.read())
    answers = b"".join(received)
    assert (answers[:13], answers.count(b"HTTP/1.1 ")) == (b"HTTP/1.1 404 ", 1)


@pytest.mark.parametrize(
    ("sent", "status"),
    [(b"\x16\x03\x01 hello\r\n\r\n", b"400"), (b"GET /" + b"x" * 40_000, b"431")],
    ids=["no http", "too long"],
)
async def test_an_answer_of_the_parser_has_the_headers_of_every_answer(
    address: str, sent: bytes, status: bytes
) -> None:
    async with asyncio.timeout(5), tcp(address) as (reader, writer):
        writer.write(sent)
        head = (await reader.readuntil(b"\r\n\r\n")).splitlines()
    assert head[0].startswith(b"HTTP/1.1 " + status)
    assert {name + b": " + value for name, value in ANSWER_HEADERS} <= set(head)


async def test_a_request_that_was_answered_early_and_goes_on_as_no_http_gets_no_second_answer(address: str) -> None:
    head = HEAD.replace(b"content-length: 7", b"transfer-encoding: chunked").replace(b"POST /", b"POST /nowhere")
    received = []
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(5), tcp(address) as (reader, writer):
            writer.write(head + b"7\r\n")
            received.append(await reader.readuntil(b"}"))
            writer.write(b'"hallo"\r\nno size\r\n')
            received.append(await reader.read())
    answers = b"".join(received)
    assert (answers[:13], answers.count(b"HTTP/1.1 ")) == (b"HTTP/1.1 404 ", 1)


async def test_what_follows_a_finished_request_and_is_no_http_gets_an_answer_too(address: str) -> None:
    async with asyncio.timeout(5), tcp(address) as (reader, writer):
        writer.write(HEAD + b'"hallo"')
        await reader.readuntil(b"hallo")
        writer.write(b"\x16\x03\x01 hello\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")


async def test_headers_within_their_limit_are_taken(address: str) -> None:
    async with asyncio.timeout(5), tcp(address) as (reader, writer):
        lines = b"".join(b"x-%d: %s\r\n" % (number, b"y" * 150) for number in range(190))
        writer.write(HEAD[:-2] + lines + b'\r\n"hallo"')
        assert (await reader.readuntil(b"hallo")).startswith(b"HTTP/1.1 201")


async def test_thousands_of_requests_sent_ahead_are_answered_in_order_and_few_at_a_time() -> None:
    most = 0

    class Watched(PromptHttp):
        def _parse(self) -> None:
            nonlocal most
            super()._parse()
            most = max(most, len(self.pipeline))

    @get("/{number:int}")
    async def number(number: FromPath[int]) -> int:
        return number

    async with (
        serve(Litestar([number]), http=Watched) as address,
        asyncio.timeout(30),
        tcp(address) as (reader, writer),
    ):
        writer.write(b"".join(b"GET /%d HTTP/1.1\r\nhost: h\r\n\r\n" % at for at in range(10_000, 10_300)))
        for at in range(10_000, 10_300):
            assert (await reader.readuntil(b"%d" % at)).startswith(b"HTTP/1.1 200")
    assert 0 < most < 200


async def test_a_connection_that_sends_too_much_ahead_closes_after_what_was_taken(patient: str) -> None:
    async with asyncio.timeout(10), tcp(patient) as (reader, writer):
        writer.write((HEAD + b'"hallo"') * 20_000)
        answers = bytearray()
        with contextlib.suppress(ConnectionError):  # reset, because some of it was never read
            while data := await reader.read(65_536):
                answers += data
        assert 0 < answers.count(b"HTTP/1.1 201") < 20_000


async def test_bytes_that_begin_no_request_do_not_keep_a_connection_open(address: str) -> None:
    async with asyncio.timeout(5), tcp(address) as (reader, writer):
        writer.write(HEAD + b'"hallo"')
        await reader.readuntil(b"hallo")
        writer.write(b"\r\n")
        assert await reader.read() == b""


async def test_what_is_no_http_gets_400_and_is_no_error(address: str, caplog: pytest.LogCaptureFixture) -> None:
    bad = metrics.NETWORK_FAULTS.labels(kind="bad_request")
    before = bad._value.get()
    async with asyncio.timeout(5), tcp(address) as (reader, writer):
        writer.write(b"\x16\x03\x01 hello\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    assert bad._value.get() == before + 1
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


@pytest.mark.parametrize(
    "framing",
    [
        b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"content-length: 4\r\ncontent-length: 9\r\n\r\n",
        b"content-length: +4\r\n\r\n",
        b"content-length: 4\r\n more\r\n\r\n",
        b"content-length : 4\r\n\r\n",
        b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\n0x4\r\n",
        b"transfer-encoding: chunked\r\n\r\n-1\r\n",
    ],
)
async def test_a_body_whose_end_two_readers_could_see_differently_is_refused(address: str, framing: bytes) -> None:
    """A proxy and the hub that disagree about the end of a body could take one request for two."""
    smuggled = b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 0\r\n\r\n"
    async with asyncio.timeout(5), tcp(address) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\n" + framing + smuggled)
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


def upload(size: int, sent: int, *, chunked: bool) -> bytes:
    """The beginning of an upload."""
    head = b"POST / HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\n"
    if not chunked:
        return head + b"content-length: %d\r\n\r\n" % size + b"x" * sent
    return head + b"transfer-encoding: chunked\r\n\r\n" + b"%x\r\n" % size + b"x" * sent


@pytest.fixture
def unfinished() -> UnfinishedBytes:
    return UnfinishedBytes(1_000_000)


@pytest.fixture
async def patient(unfinished: UnfinishedBytes) -> AsyncIterator[str]:
    class Bounded(PromptHttp):
        linger_s = 0.2

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, unfinished=unfinished, **options)

    @post("/")
    async def taken(data: JSONBody[str]) -> int:
        return len(data)

    async with serve(Litestar([taken]), http=Bounded) as address:
        yield address


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
async def test_the_oldest_unfinished_body_is_refused_with_503_when_there_are_too_many(
    patient: str, unfinished: UnfinishedBytes, chunked: bool
) -> None:
    async with asyncio.timeout(10), tcp(patient) as (old, send_old), tcp(patient) as (new, send_new):
        send_old.write(upload(700_000, 600_000, chunked=chunked))
        await wait_until(lambda: unfinished.total >= 600_000)
        send_new.write(upload(500_002, 0, chunked=chunked) + b'"' + b"x" * 450_000)
        answer = await old.read()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 5" in answer
        assert b"x-content-type-options: nosniff" in answer
        send_new.write(b"x" * 50_000 + b'"' + (b"\r\n0\r\n\r\n" if chunked else b""))
        assert (await new.readuntil(b"500000")).startswith(b"HTTP/1.1 201")
        assert unfinished.total == 0


async def test_small_bodies_are_never_refused_for_others(patient: str, unfinished: UnfinishedBytes) -> None:
    async with asyncio.timeout(10), tcp(patient) as (_, big), tcp(patient) as (reader, writer):
        big.write(upload(1_100_000, 990_000, chunked=False))
        await wait_until(lambda: unfinished.total >= 990_000)
        writer.write(upload(15_002, 0, chunked=False) + b'"' + b"x" * 14_000)
        writer.write(b"x" * 1_000 + b'"')
        assert (await reader.readuntil(b"15000")).startswith(b"HTTP/1.1 201")
        assert unfinished.total >= 990_000


async def test_an_unfinished_body_is_forgotten_with_its_connection(patient: str, unfinished: UnfinishedBytes) -> None:
    async with tcp(patient) as (_, writer):
        writer.write(upload(500_000, 400_000, chunked=False))
        await wait_until(lambda: unfinished.total >= 400_000)
    await wait_until(lambda: unfinished.total == 0)


ANSWER = "x" * 8_000_000
"""More than the buffers of the kernel take."""


@asynccontextmanager
async def serve_answers(unfinished: UnfinishedBytes, unread_s: float = 60) -> AsyncIterator[str]:
    class Read(PromptHttp):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, unfinished=unfinished, **options)
            self.unread_s = unread_s

    @get("/")
    async def answer() -> str:
        return ANSWER

    async with serve(Litestar([answer]), http=Read) as address:
        yield address


@asynccontextmanager
async def ask(address: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Request the answer and read nothing of it yet."""
    async with tcp(address) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n")
        yield reader, writer


async def read_rest(reader: asyncio.StreamReader) -> int:
    """Return how much of the answer still comes."""
    with contextlib.suppress(ConnectionResetError):
        return len(await reader.read())
    return 0


async def test_the_oldest_answer_that_is_not_read_is_given_up_when_there_are_too_many() -> None:
    unfinished = UnfinishedBytes(7_500_000)
    async with asyncio.timeout(20), serve_answers(unfinished) as address, ask(address) as (old, _):
        await wait_until(lambda: unfinished.total > 0)
        async with ask(address) as (new, _):
            assert await read_rest(old) < len(ANSWER)
            assert await read_rest(new) > len(ANSWER)
        await wait_until(lambda: unfinished.total == 0)


async def test_an_answer_of_which_nothing_is_read_for_long_is_given_up() -> None:
    unfinished = UnfinishedBytes()
    async with asyncio.timeout(20), serve_answers(unfinished, unread_s=0.2) as address, ask(address) as (reader, _):
        await wait_until(lambda: unfinished.total > 0)
        await wait_until(lambda: unfinished.total == 0)
        assert await read_rest(reader) < len(ANSWER)


async def test_an_answer_that_is_read_slowly_arrives_completely() -> None:
    async with asyncio.timeout(20), serve_answers(UnfinishedBytes(), unread_s=0.5) as address, ask(address) as read:
        size = 0
        for _ in range(4):
            size += len(await read[0].readexactly(1_900_000))
            await asyncio.sleep(0.3)
        assert size + await read_rest(read[0]) > len(ANSWER)


async def test_a_client_that_leaves_with_a_request_sent_ahead_is_noticed() -> None:
    ended = asyncio.Event()

    @get("/")
    async def wait_for_the_client(request: Request[Any, Any, Any]) -> None:
        assert (await request.receive())["type"] == "http.request"
        while (await request.receive())["type"] != "http.disconnect":
            pass
        ended.set()

    async with asyncio.timeout(5), serve(Litestar([wait_for_the_client]), http=PromptHttp) as address:
        async with tcp(address) as (_, writer):
            writer.write(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n" * 2)
            await writer.drain()
        await ended.wait()


async def test_the_rest_of_a_large_body_is_not_parsed_when_its_request_is_answered(patient: str) -> None:
    async with asyncio.timeout(10), tcp(patient) as (reader, writer):
        head = b"POST /none HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\n\r\n"
        writer.write(head + b"1\r\nx\r\n")
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 404 ")
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(b"1\r\nx\r\n" * 4_000)
                await writer.drain()
                await asyncio.sleep(0.02)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.01):
                        await reader.read(65_536)
