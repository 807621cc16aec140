import asyncio
from contextlib import AsyncExitStack
from typing import Any, Never

import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.datastructures import Headers
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from hub import metrics
from hub.app import create_app
from hub.handshake import Gate, Refusal, needs_ticket
from hub.ingest.budget import Budget
from hub.pages.headers import ANSWER_HEADERS
from hub.settings import HubSettings
from hub.timing import Timing
from protocol.codec import Encoding, encode
from protocol.monitor import Ping
from tests.hub.serving import read_close, serve

PATHS = ("/ws/monitor", "/ws/console")


@pytest.fixture
def gate(settings: HubSettings) -> Gate:
    return Gate(settings, Budget(50, 100))


def gate_of(app: Litestar) -> Any:
    provide: Any = app.dependencies["gate"]
    return provide.dependency()


async def refused_handshake(url: str, path: str, **options: Any) -> InvalidStatus:
    with pytest.raises(InvalidStatus) as refusal:
        await connect(url.replace("http", "ws") + path, proxy=None, **options)
    return refusal.value


def test_a_gate_with_room_lets_a_handshake_pass(gate: Gate) -> None:
    assert gate.check(Headers({"host": "here"}), "10.0.0.1") is None


def test_a_draining_or_full_hub_says_when_to_try_again(settings: HubSettings) -> None:
    budget = Budget(50, 100)
    gate = Gate(settings, budget)
    budget.move(100)
    assert gate.check(Headers({}), "a") == Refusal("full", 503, 5)
    gate.is_draining = True
    assert gate.check(Headers({}), "a") == Refusal("draining", 503, 5)
    assert gate.check(Headers({"origin": "http://evil.example", "host": "here"}), "a") == Refusal("origin", 403)


@pytest.mark.parametrize(
    ("origin", "wanted"),
    [
        (None, False),
        ("https://exam.example", False),
        ("HTTP://exam.example", False),
        ("null", True),
        ("file://", True),
        ("app://exam", True),
    ],
)
def test_an_origin_that_any_page_can_have_needs_a_ticket(origin: str | None, wanted: bool) -> None:
    assert needs_ticket(Headers({} if origin is None else {"origin": origin})) is wanted


@pytest.mark.parametrize("path", PATHS)
async def test_a_foreign_origin_is_refused_at_both_sockets(url: str, path: str) -> None:
    assert (await refused_handshake(url, path, origin="http://evil.example")).response.status_code == 403


async def test_every_refused_handshake_has_the_headers_of_every_answer(app: Litestar, url: str) -> None:
    foreign = await refused_handshake(url, "/ws/monitor", origin="http://evil.example")
    no_route = await refused_handshake(url, "/ws/nothing")
    async with httpx.AsyncClient() as client:
        no_key = await client.get(f"{url}/ws/monitor", headers={"Connection": "Upgrade", "Upgrade": "websocket"})
    gate_of(app).is_draining = True
    draining = await refused_handshake(url, "/ws/console")
    refused = [error.response for error in (foreign, no_route, draining)]
    assert [*(answer.status_code for answer in refused), no_key.status_code] == [403, 403, 503, 400]
    for headers in (*(answer.headers for answer in refused), no_key.headers):
        for name, value in ANSWER_HEADERS:
            assert headers.get(name.decode()) == value.decode()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("timing", [Timing(refused_s=30.0)], ids=["timing"])
async def test_a_client_sees_503_and_when_to_try_again(app: Litestar, url: str, path: str) -> None:
    gate_of(app).is_draining = True
    refused = metrics.SOCKETS_REFUSED.labels(reason="draining")._value.get()
    began = asyncio.get_running_loop().time()
    response = (await refused_handshake(url, path)).response
    assert (response.status_code, response.headers["Retry-After"], response.body) == (503, "5", b"draining")
    assert asyncio.get_running_loop().time() - began < 10
    assert metrics.SOCKETS_REFUSED.labels(reason="draining")._value.get() == refused + 1


async def test_a_server_without_that_extension_refuses_with_403(gate: Gate) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def never(*_: Any) -> Never:
        raise AssertionError

    gate.is_draining = True
    scope: Any = {"type": "websocket", "client": None, "headers": [], "extensions": None}
    await gate.guard(never)(scope, never, send)
    assert [message["type"] for message in sent] == ["websocket.close"]


async def test_sockets_without_a_frame_are_limited_by_address(settings: HubSettings) -> None:
    settings = msgspec.structs.replace(settings, hello_backlog=2)
    async with serve(create_app(settings)) as address, AsyncExitStack() as stack:
        url = f"http://{address}"

        async def open_socket() -> ClientConnection:
            return await stack.enter_async_context(connect(f"ws://{address}/ws/monitor", proxy=None))

        first, second = await open_socket(), await open_socket()
        assert (await refused_handshake(url, "/ws/console")).response.status_code == 503
        await first.send(encode(Ping(1), Encoding.JSON))
        assert (await read_close(first))[0] == 4400
        third = await open_socket()
        assert (await refused_handshake(url, "/ws/monitor")).response.body == b"flood"
        await third.close()
        await second.close()
        await open_socket()
