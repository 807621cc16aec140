"""A hub as its users see it: a real server on a free port in the test's own loop, with HTTP clients."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import create_engine
from db.queries.accounts.users import create_user
from db.settings import DatabaseSettings, Secret
from hub.app import create_app
from hub.auth.limits import FailureLimits
from hub.auth.passwords import Passwords
from hub.console.limits import ConsoleLimits
from hub.ingest.quotas import QuotaLimits
from hub.settings import HubSettings
from hub.timing import Timing
from protocol.roles import Role
from tests.hub.consoles import ConsoleHub
from tests.hub.exam_room import ExamRoom, make_exam_room
from tests.hub.serving import serve

PASSWORD = "correct horse 7"


class Caller:
    """A user with an HTTP client; `tokens` is the last response to a sign-in."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.tokens: dict[str, Any] = {}

    async def post(self, path: str, body: object = None, **headers: str) -> httpx.Response:
        return await self.http.post(path, json=body, headers={**self._bearer(), **headers})

    async def start(self, exam_id: object) -> httpx.Response:
        """Read the notice of an exam, acknowledge it, and start."""
        listed = (await self.get("/student/exams", limit=200)).json()["items"]
        versions = [exam["notice"]["version"] for exam in listed if exam["exam_id"] == str(exam_id)]
        return await self.post(f"/student/exams/{exam_id}/start", {"notice": versions[0]})

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.http.get(path, params=params, headers=self._bearer())

    async def put(self, path: str, body: object) -> httpx.Response:
        return await self.http.put(path, json=body, headers=self._bearer())

    async def patch(self, path: str, body: object) -> httpx.Response:
        return await self.http.patch(path, json=body, headers=self._bearer())

    async def request(
        self, method: str, path: str, body: object = None, query: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        content: dict[str, Any] = {} if body is None else {"json": body}
        return await self.http.request(method, path, params=query, headers=self._bearer(), **content)

    async def post_csv(self, path: str, body: str | bytes) -> httpx.Response:
        headers = {**self._bearer(), "Content-Type": "text/csv; charset=utf-8"}
        return await self.http.post(path, content=body, headers=headers)

    async def delete(self, path: str) -> httpx.Response:
        return await self.http.delete(path, headers=self._bearer())

    async def sign_in(self, path: str, body: object) -> "Caller":
        response = await self.http.post(path, json=body)
        assert response.is_success, response.text
        self.tokens = response.json()
        return self

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"} if self.tokens else {}


class Users:
    """Makes accounts and signs them in, each with the password `PASSWORD`."""

    def __init__(self, http: httpx.AsyncClient, engine: AsyncEngine, passwords: Passwords) -> None:
        self.anonymous = Caller(http)
        self._engine = engine
        self._passwords = passwords

    async def make(self, role: Role, username: str) -> Caller:
        password_hash = await self._passwords.hash(PASSWORD)
        async with self._engine.begin() as conn:
            await create_user(conn, username=username, name=username.title(), role=role, password_hash=password_hash)
        return await self.sign_in(username)

    async def sign_in(self, username: str) -> Caller:
        return await Caller(self.anonymous.http).sign_in("/auth/login", {"username": username, "password": PASSWORD})

    async def sign_in_by_code(self, code: str) -> Caller:
        return await Caller(self.anonymous.http).sign_in("/auth/code", {"code": code})


@pytest.fixture
def settings(database: DatabaseSettings) -> HubSettings:
    return HubSettings(
        database_url=database.database_url,
        redis_url=database.redis_url,
        jwt_secret=Secret("a secret that only this test suite knows"),
        bcrypt_cost=4,
        registration="open",
    )


MANY_HELLOS = QuotaLimits(hellos=1_000)
"""Tests connect more often than an honest client."""


@pytest.fixture
def passwords(settings: HubSettings) -> Iterator[Passwords]:
    passwords = Passwords(settings.bcrypt_cost)
    yield passwords
    passwords.close()


@pytest.fixture
def limits() -> FailureLimits:
    return FailureLimits()


@pytest.fixture
def timing() -> Timing:
    """Override it, or parametrize it, to give the hub other intervals."""
    return Timing(quotas=MANY_HELLOS)


@pytest.fixture
def app(settings: HubSettings, passwords: Passwords, limits: FailureLimits, timing: Timing) -> Litestar:
    return create_app(settings, passwords=passwords, limits=limits, timing=timing)


@pytest.fixture
async def url(app: Litestar) -> AsyncIterator[str]:
    async with serve(app) as address:
        yield f"http://{address}"


@pytest.fixture
async def http(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
def users(http: httpx.AsyncClient, engine: AsyncEngine, passwords: Passwords) -> Users:
    return Users(http, engine, passwords)


@pytest.fixture
async def room(engine: AsyncEngine) -> ExamRoom:
    return await make_exam_room(engine)


@pytest.fixture
def console_limits() -> ConsoleLimits:
    """Parametrize it by name for other limits."""
    return ConsoleLimits(check_s=0.2)


@pytest.fixture
async def hub(
    settings: HubSettings, guarded_engine: AsyncEngine, console_limits: ConsoleLimits
) -> AsyncIterator[ConsoleHub]:
    """A hub with only its console part."""
    watch_engine = create_engine(settings)
    hub = ConsoleHub(settings, guarded_engine, watch_engine, console_limits)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(watch_engine.dispose)
        for part in hub.parts():
            await stack.enter_async_context(part)
        hub.address = await stack.enter_async_context(serve(hub.app()))
        yield hub
