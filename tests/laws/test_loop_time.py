"""Law: the largest legal body of any route, and the largest legal frame, hold the event loop for less than 50 ms."""

import asyncio
import http.client
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from sqlalchemy.ext.asyncio import AsyncEngine

from db.settings import DatabaseSettings, Secret
from hub.app import create_app
from hub.auth.passwords import Passwords
from hub.ingest.quotas import QuotaLimits
from hub.settings import HubSettings
from hub.timing import Timing
from tests.hub.conftest import Users
from tests.hub.rest.access.setup import AccessSetup
from tests.hub.serving import serve
from tests.laws.largest_bodies import LARGEST, Make, Sent
from tests.laws.loop_time import LIMIT_S, LongestCallback, watch_callbacks

pytestmark = pytest.mark.timeout(300)
WRITING = ("POST", "PUT", "PATCH")
TRIES = 3
"""The best of so many counts: other causes, such as a garbage collection, do not come back each time."""


@pytest.fixture
def settings(database: DatabaseSettings) -> HubSettings:
    secret = Secret("a secret that only this test suite knows")
    return HubSettings(
        database_url=database.database_url, redis_url=database.redis_url, jwt_secret=secret, bcrypt_cost=4
    )


@pytest.fixture
def app(settings: HubSettings) -> Litestar:
    # One student opens a stream for each delivery that is measured.
    return create_app(settings, timing=Timing(quotas=QuotaLimits(hellos=1_000)))


@pytest.fixture
async def address(app: Litestar) -> AsyncIterator[str]:
    async with serve(app) as address:
        yield address


@pytest.fixture
async def setup(address: str, settings: HubSettings, engine: AsyncEngine) -> AsyncIterator[AccessSetup]:
    passwords = Passwords(settings.bcrypt_cost)
    async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False, timeout=30) as client:
        yield await AccessSetup(Users(client, engine, passwords), engine).open()
    passwords.close()


def post(address: str, method: str, path: str, headers: dict[str, str], body: bytes) -> int:
    """Send one request from a thread, so that sending costs the loop nothing. Returns the status."""
    host, _, port = address.partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


async def measure(address: str, setup: AccessSetup, route: str, make: Make, longest: LongestCallback) -> str:
    """Send a body up to `TRIES` times; return what held the loop too long each time, or an empty text."""
    method, _, pattern = route.partition(" ")
    held = []
    for _ in range(TRIES):
        sent: Sent = await make(setup)
        ids = {**setup.ids, **sent.params}
        path = re.sub(r"\{(\w+)(:\w+)?\}", lambda match, ids=ids: str(ids[match[1]]), pattern)  # type: ignore[misc]
        token = setup.callers[sent.caller].tokens.get("access_token")
        headers = {"Content-Type": sent.content_type} | ({"Authorization": f"Bearer {token}"} if token else {})
        longest.restart()
        status = await asyncio.to_thread(post, address, method, path, headers, sent.body)
        assert status not in (413, 500), (route, status)
        if longest.took_s < LIMIT_S:
            return ""
        held.append(f"{1000 * longest.took_s:.0f} ms ({status}, {len(sent.body)} bytes) {longest.name[:200]}")
    return f"{route} {getattr(make, '__name__', '')}: {'; '.join(held)}"


@pytest.mark.parametrize("route", LARGEST)
async def test_the_largest_body_of_a_route_holds_the_loop_for_less_than_50_ms(
    address: str, setup: AccessSetup, route: str
) -> None:
    with watch_callbacks() as longest:
        held = [await measure(address, setup, route, make, longest) for make in LARGEST[route]]
    assert [line for line in held if line] == []


def test_every_route_that_takes_a_body_has_its_largest_bodies(app: Litestar) -> None:
    taking = {
        f"{method} {route.path}"
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method in route.methods
        if method in WRITING
    }
    assert taking == set(LARGEST)
