"""Strangers attack the sign-in over real sockets, while others sign in from the same and from another address."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from hub.auth.limits import Allowance, FailureLimits
from hub.settings import HubSettings
from protocol.roles import Role
from tests.hub.conftest import PASSWORD, Caller, Users

FLOOR_S = 3.0
"""What a busy machine may add; without fairness a victim waits for the whole attack, or is refused."""

ABANDONED, GUESSES = 230, 400
LIMIT = 60
"""Failures a minute of one address: a slow machine needs too long for those of production."""
RIGHT = {"username": "grace", "password": PASSWORD}


@pytest.fixture
def limits() -> FailureLimits:
    return FailureLimits(Allowance(per_address=LIMIT))


@pytest.fixture
def settings(settings: HubSettings) -> HubSettings:
    return msgspec.structs.replace(settings, bcrypt_cost=10)


async def abandon(url: str, name: str) -> None:
    """Send a sign-in, and leave before its answer."""
    host, port = url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps({"username": name, "password": "a wrong password"}).encode()
    head = f"POST /auth/login HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()
    await asyncio.sleep(0.2)
    writer.transport.abort()


async def timed(work: Callable[[], Awaitable[httpx.Response]]) -> float:
    """Return how long an answer took. It must be a success."""
    began = time.perf_counter()
    answer = await work()
    assert answer.status_code == 200, answer.text
    return time.perf_counter() - began


async def test_abandoned_sign_ins_delay_neither_a_known_device_nor_another_address(users: Users, url: str) -> None:
    await users.make(Role.TEACHER, "grace")
    first = await Caller(users.anonymous.http).sign_in("/auth/login", RIGHT | {"remember_device": True})
    known = RIGHT | {"device_token": first.tokens["device_token"]}
    elsewhere = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
    async with httpx.AsyncClient(base_url=url, transport=elsewhere, trust_env=False, timeout=30) as other:
        victims: list[Callable[[], Awaitable[httpx.Response]]] = [
            lambda: users.anonymous.post("/auth/login", known),
            lambda: other.post("/auth/login", json=RIGHT),
        ]
        before = [await timed(victim) for victim in victims]
        attack = [asyncio.create_task(abandon(url, f"name-{uuid4()}")) for _ in range(ABANDONED)]
        await asyncio.wait(attack, return_when=asyncio.FIRST_COMPLETED)
        during = [await timed(victim) for victim in victims]
        await asyncio.gather(*attack)
        # What was abandoned does not run after the attack either.
        after = [await timed(victim) for victim in victims]
    for slow in (during, after):
        assert all(now <= 2 * then + FLOOR_S for now, then in zip(slow, before, strict=True)), (before, during, after)


async def test_abandoned_sign_ins_close_no_connection_to_the_database(users: Users, url: str) -> None:
    closed: list[object] = []

    def note(connection: object, _record: object) -> None:
        closed.append(connection)

    await users.make(Role.TEACHER, "grace")
    event.listen(Pool, "close", note)
    try:
        await asyncio.gather(*(abandon(url, f"name-{uuid4()}") for _ in range(ABANDONED)))
        assert (await users.anonymous.post("/auth/login", RIGHT)).status_code == 200
    finally:
        event.remove(Pool, "close", note)
    assert closed == []


async def test_a_burst_of_wrong_codes_refuses_no_right_secret_of_the_same_address(users: Users) -> None:
    await users.make(Role.TEACHER, "grace")
    device = await Caller(users.anonymous.http).sign_in("/auth/login", RIGHT | {"remember_device": True})
    known = RIGHT | {"device_token": device.tokens["device_token"]}
    tokens: list[Any] = [device.tokens["refresh_token"]]

    async def refresh() -> httpx.Response:
        answer = await users.anonymous.post("/auth/refresh", {"refresh_token": tokens[-1]})
        tokens.append(answer.json().get("refresh_token"))
        return answer

    victims = [lambda: users.anonymous.post("/auth/login", known), refresh]
    before = [await timed(victim) for victim in victims]
    waiting = asyncio.Semaphore(20)

    async def guess() -> int:
        async with waiting:
            return (await users.anonymous.post("/auth/code", {"code": "7K2M-9QXA-04RT-B6WE"})).status_code

    burst = [asyncio.create_task(guess()) for _ in range(GUESSES)]
    await asyncio.wait(burst[: GUESSES // 2])
    during = [await timed(victim) for victim in victims]
    answers = await asyncio.gather(*burst)
    assert answers.count(429) > 0
    assert set(answers) == {401, 429}
    assert all(now <= 2 * then + FLOOR_S for now, then in zip(during, before, strict=True)), (before, during)
