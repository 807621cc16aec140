import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from hub.app import create_app
from hub.auth.passwords import Passwords
from hub.main import configure
from hub.pages.headers import answer_headers
from hub.server.edge import Edge
from hub.settings import HubSettings
from protocol.roles import Role
from tests.hub.conftest import PASSWORD, Users
from tests.hub.serving import serve

PUBLIC = "https://exam.example"


@pytest.fixture
def settings(settings: HubSettings) -> HubSettings:
    return msgspec.structs.replace(settings, public_url=PUBLIC)


@pytest.fixture
async def public(url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser's requests, as a proxy on the loopback passes them on."""
    headers = {"Host": "exam.example", "X-Forwarded-For": "6.6.6.6, 198.51.100.9", "X-Forwarded-Proto": "https"}
    async with httpx.AsyncClient(base_url=url, trust_env=False, headers=headers, timeout=30) as client:
        yield client


async def test_cookies_of_a_public_hub_are_bound_to_its_host_and_to_tls(
    public: httpx.AsyncClient, users: Users, passwords: Passwords
) -> None:
    users.anonymous.http.headers["Host"] = "exam.example"
    await users.make(Role.TEACHER, "grace")
    page = {"X-Veritas-Page": "console", "Origin": PUBLIC}
    answer = await public.post("/auth/login", json={"username": "grace", "password": PASSWORD}, headers=page)
    token, device = answer.headers.get_list("set-cookie")
    for cookie, name in ((token, "__Host-veritas_console="), (device, "__Host-veritas_device=")):
        assert cookie.startswith(name)
        parts = {part.strip().lower() for part in cookie.split(";")}
        assert {"secure", "httponly", "path=/", "samesite=strict"} <= parts
        assert not any(part.startswith("domain") for part in parts)
    kept = token.partition(";")[0]
    renewed = await public.post("/auth/refresh", json={}, headers=page | {"Cookie": kept})
    assert renewed.status_code == 200
    foreign = page | {"Cookie": kept, "Origin": "http://exam.example"}
    assert (await public.post("/auth/refresh", json={}, headers=foreign)).status_code == 403


async def test_a_public_hub_answers_for_its_own_host_only(public: httpx.AsyncClient) -> None:
    hsts = (await public.get("/console")).headers["strict-transport-security"]
    assert hsts == "max-age=31536000; includeSubDomains"
    refused = await public.get("/exams", headers={"Host": "evil.example"})
    assert (refused.status_code, refused.json()["code"]) == (421, "misdirected")
    assert refused.headers["strict-transport-security"]
    assert (await public.get("/exams", headers={"X-Forwarded-Host": "evil.example"})).status_code == 421
    assert (await public.get("/exams", headers={"Host": "EXAM.example:443"})).status_code == 401


async def test_an_answer_of_the_parser_of_a_public_hub_asks_for_tls_too(settings: HubSettings) -> None:
    app = create_app(settings)
    config = configure(app, "127.0.0.1", 0, headers=answer_headers(settings.public_url))
    async with serve(app, http=config.http) as address, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection(*address.split(":"))
        writer.write(b"no http\r\n\r\n")
        answer = await reader.readuntil(b"\r\n\r\n")
        writer.close()
    assert b"strict-transport-security: max-age=31536000; includeSubDomains\r\n" in answer


async def test_health_checks_may_come_by_address(public: httpx.AsyncClient) -> None:
    health = await public.get("/health", headers={"Host": "10.0.0.3:8000"})
    assert (health.status_code, health.json()["version"]) == (200, None)
    assert (await public.get("/healthy", headers={"Host": "10.0.0.3:8000"})).status_code == 421


async def test_a_handshake_for_another_host_is_refused(url: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"{url.replace('http', 'ws')}/ws/monitor", proxy=None)
    assert refused.value.response.status_code == 421


async def test_a_public_hub_shows_neither_its_metrics_nor_its_reference(public: httpx.AsyncClient) -> None:
    for path in ("/metrics", "/docs", "/docs/openapi.json"):
        assert (await public.get(path)).status_code == 404


async def test_the_reference_of_a_public_hub_can_be_switched_on(settings: HubSettings) -> None:
    shown = msgspec.structs.replace(settings, docs="on")
    async with serve(create_app(shown)) as address, httpx.AsyncClient(base_url=f"http://{address}") as client:
        answer = await client.get("/docs/openapi.json", headers={"Host": "exam.example"})
    assert answer.status_code == 200


def scope_of(peer: str | None, *headers: tuple[bytes, bytes], kind: str = "http") -> dict[str, Any]:
    client = None if peer is None else (peer, 4711)
    return {"type": kind, "client": client, "scheme": "http", "path": "/", "headers": list(headers)}


FORWARDED = ((b"x-forwarded-for", b"6.6.6.6, 198.51.100.9"), (b"x-forwarded-proto", b"https"))


def test_a_trusted_proxy_names_the_address_and_the_scheme(settings: HubSettings) -> None:
    scope = scope_of("127.0.0.1", *FORWARDED, kind="websocket")
    Edge(settings).read_proxies(scope)
    assert (scope["client"], scope["scheme"]) == (("198.51.100.9", 0), "wss")


@pytest.mark.parametrize("peer", ["127.0.0.2", "93.184.216.34", None])
def test_an_untrusted_peer_is_itself_and_is_logged_once_a_minute(settings: HubSettings, peer: str | None) -> None:
    times = iter((100.0, 110.0, 159.0, 161.0))
    edge = Edge(settings, lambda: next(times))
    scope = scope_of(peer, *FORWARDED)
    before = dict(scope)
    with capture_logs() as lines:
        for _ in range(4):
            edge.read_proxies(scope)
    assert scope == before
    assert [line["count"] for line in lines] == [1, 3]
    assert lines[0]["peer"] == {"93.184.216.34": "a public address", None: "unix"}.get(peer, peer)
