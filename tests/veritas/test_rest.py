"""The REST client against a real hub, and against servers that are none."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.settings import DatabaseSettings
from tests.veritas.hubs import LOGIN, run_hub
from veritas.errors import VeritasError
from veritas.rest import HubAway, Items, Rest, RestError, is_loopback, proxy_to, socket_url


@pytest.fixture
async def rest(database: DatabaseSettings, engine: AsyncEngine) -> AsyncIterator[Rest]:
    async with run_hub(database, engine) as addresses, Rest(addresses.base_url + "/") as rest:
        yield rest


async def test_a_teacher_makes_an_exam_and_a_candidate_gets_to_the_socket(rest: Rest) -> None:
    teacher = await rest.sign_in(LOGIN.username, LOGIN.password)
    exam_id = await teacher.create_exam("Physics", duration_minutes=60, preset="camera")
    (enrolled,) = await teacher.extend_roster(exam_id, [{"username": "ada", "name": "Ada"}])
    student = await rest.sign_in_by_code(enrolled.code)
    attempt_id = await student.start(exam_id)
    assert await student.start(exam_id) == attempt_id
    assert await student.ticket("monitor") != await student.ticket("monitor")
    assert await teacher.ticket("console")
    receipt = await student.submit(attempt_id)
    assert (receipt.attempt_id, receipt.status, receipt.answers) == (attempt_id, "completed", 0)
    assert await student.submit(attempt_id) == receipt


async def test_a_refusal_says_which_request_and_why(rest: Rest) -> None:
    with pytest.raises(RestError, match=r"POST /auth/login: 401 The username or password is wrong"):
        await rest.sign_in(LOGIN.username, "wrong")
    with pytest.raises(RestError, match=r"POST /auth/code: 401") as raised:
        await rest.sign_in_by_code("0000-0000-0000-0000")
    assert "0000" not in str(raised.value)


async def test_an_access_token_is_renewed_before_it_ends(rest: Rest) -> None:
    teacher = await rest.sign_in(LOGIN.username, LOGIN.password)
    before = teacher._signed_in
    teacher._signed_in = msgspec.structs.replace(before, expires_at=time.time_ns() // 1_000_000 + 20_000)
    await asyncio.gather(teacher.ticket("console"), teacher.ticket("console"))
    assert teacher._signed_in.refresh_token != before.refresh_token
    assert teacher._signed_in.expires_at > time.time_ns() // 1_000_000 + 300_000


async def test_a_hub_that_is_away_is_waited_for_and_then_named() -> None:
    begun = time.monotonic()
    async with Rest("http://127.0.0.1:9", patience_s=0.3) as rest:
        with pytest.raises(HubAway, match=r"the hub at http://127\.0\.0\.1:9 does not answer") as raised:
            await rest.sign_in("a", "b")
    assert 0.3 <= time.monotonic() - begun < 3
    assert isinstance(raised.value, OSError)


async def test_with_several_addresses_one_that_is_away_is_passed_over(
    database: DatabaseSettings, engine: AsyncEngine
) -> None:
    async with run_hub(database, engine) as addresses, Rest(["http://127.0.0.1:9", addresses.base_url]) as rest:
        await rest.sign_in(LOGIN.username, LOGIN.password)
        assert rest.base_url == addresses.base_url
        there = socket_url(addresses.base_url, "/ws/monitor")
        assert rest.socket_urls("/ws/monitor") == [there, "ws://127.0.0.1:9/ws/monitor"]


async def test_a_token_for_a_socket_is_good_for_more_than_a_minute(rest: Rest) -> None:
    teacher = await rest.sign_in(LOGIN.username, LOGIN.password)
    now_ms = time.time_ns() // 1_000_000
    teacher._signed_in = msgspec.structs.replace(teacher._signed_in, expires_at=now_ms + 70_000)
    access = await teacher.access()
    assert access.until > now_ms + 300_000
    assert (await teacher.access()) == access


@contextlib.asynccontextmanager
async def answering(status: bytes) -> AsyncIterator[str]:
    """A server that answers everything with this status and `hello`; its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_server_that_is_not_a_hub_is_detected() -> None:
    async with answering(b"200 OK") as url, Rest(url) as rest:
        with pytest.raises(RestError, match="was not answered by a hub"):
            await rest.sign_in("a", "b")


@pytest.mark.parametrize("status", [b"429 Too Many Requests", b"500 Internal Server Error", b"503 Service Unavailable"])
async def test_a_hub_in_trouble_is_tried_again(status: bytes) -> None:
    async with answering(status) as url, Rest(url, patience_s=0.0) as rest:
        with pytest.raises(HubAway, match=status.decode()):
            await rest.sign_in("a", "b")


async def test_a_write_that_is_sent_again_keeps_its_key() -> None:
    keys: list[str] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers.get("idempotency-key", ""))
        return httpx.Response(503 if len(keys) < 3 else 200, json={"version": 1})

    async with Rest("http://127.0.0.1:9", patience_s=5.0) as rest:
        rest._http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
        await rest.put("/exams/e/items", {}, Items)
        await rest.put("/exams/e/items", {}, Items)
        await rest.get("/exams/e/items", Items)
    assert keys[0] == keys[1] == keys[2]
    assert len({*keys}) == 3
    assert keys[4] == ""


def test_an_address_without_a_scheme_is_refused() -> None:
    with pytest.raises(VeritasError, match="must start with http"):
        Rest("localhost:8000")


def test_sockets_are_found_beside_the_rest() -> None:
    assert socket_url("http://127.0.0.1:8000", "/ws/monitor") == "ws://127.0.0.1:8000/ws/monitor"
    assert socket_url("https://exam.example/veritas/", "/ws/console") == "wss://exam.example/veritas/ws/console"


def test_no_proxy_is_used_for_a_loopback_address() -> None:
    assert is_loopback("http://localhost:8000")
    assert proxy_to("http://127.0.0.1:8000") is None
    assert proxy_to("https://exam.example") is True
    assert proxy_to("http://127.0.0.1:8000", "https://exam.example") is True
