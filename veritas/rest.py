"""The hubs' REST, as a program outside of them uses it: sign in, make an exam, take tickets to sockets.

It knows no more than the public documentation, and never logs or shows a password, a code, a token or a ticket.
"""

import asyncio
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import httpx
import msgspec

from veritas.client import Access
from veritas.client.reconnect import RENEW_BEFORE_MS
from veritas.errors import VeritasError

PATIENCE_S: Final = 15.0
"""How long a request is tried again while no hub has ever answered."""

OUTAGE_S: Final = 60.0
"""How long it is tried again once one has: a hub that was there comes back."""

_PAUSE_S: Final = 0.25
_TIMEOUT: Final = httpx.Timeout(10.0, connect=4.0, pool=60.0)
_CONNECTIONS: Final = httpx.Limits(max_connections=64, max_keepalive_connections=64)
_RENEW_BEFORE_MS: Final = RENEW_BEFORE_MS + 30_000
"""How long a token is good at least when it is used: a socket that asks for one wants a fresher one than it has."""

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

_T = TypeVar("_T")


class RestError(VeritasError):
    """The hub refused a request; the text says which and why."""


class HubAway(RestError, ConnectionError):
    """The hub does not answer, or is too busy; worth another try."""


class _SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    access_token: str
    expires_at: int
    refresh_token: str


class _Ticket(msgspec.Struct, frozen=True):
    ticket: str


class _Problem(msgspec.Struct, frozen=True):
    title: str = ""
    detail: str = ""


class Exam(msgspec.Struct, frozen=True):
    """An exam that was made."""

    exam_id: UUID


class Items(msgspec.Struct, frozen=True):
    """The items an exam has now, by their version."""

    version: int


class EnrolledStudent(msgspec.Struct, frozen=True):
    """A student on a roster and the code to sign in with."""

    student_id: UUID
    username: str
    name: str
    code: str


class Attempt(msgspec.Struct, frozen=True):
    """A running attempt."""

    attempt_id: UUID


class Receipt(msgspec.Struct, frozen=True):
    """What a student gets for handing in."""

    attempt_id: UUID
    status: str
    submitted_at: int
    answers: int
    events: int
    hash: str


def is_loopback(base_url: str) -> bool:
    """Whether a hub is on this very machine, where no proxy must come between."""
    return (urlsplit(base_url).hostname or "") in _LOOPBACK


def proxy_to(*base_urls: str) -> Literal[True] | None:
    """What a client needs to be told about proxies: those of the environment, but none to this very machine."""
    return None if all(is_loopback(url) for url in base_urls) else True


def socket_url(base_url: str, path: str) -> str:
    """The address of one of the hub's sockets."""
    parts = urlsplit(base_url)
    return urlunsplit(("wss" if parts.scheme == "https" else "ws", parts.netloc, parts.path.rstrip("/") + path, "", ""))


class Rest:
    """One service, at one or several addresses: it stays at one until that is away. Use it as `async with`."""

    def __init__(self, base_url: str | Sequence[str]) -> None:
        base_urls = [base_url] if isinstance(base_url, str) else base_url
        for url in base_urls:
            if urlsplit(url).scheme not in ("http", "https"):
                raise VeritasError(f"{url!r} is no address of a hub: it starts with http:// or https://")
        self.base_urls = tuple(url.rstrip("/") for url in base_urls)
        self.proxy = proxy_to(*self.base_urls)
        """What its sockets need to be told about proxies."""
        self._at = 0
        self._patience_s = PATIENCE_S
        self._http = httpx.AsyncClient(timeout=_TIMEOUT, limits=_CONNECTIONS, trust_env=self.proxy is not None)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    @property
    def base_url(self) -> str:
        """The address in use."""
        return self.base_urls[self._at]

    def socket_urls(self, path: str) -> list[str]:
        """The addresses of one of the service's sockets, the one in use first."""
        return [socket_url(url, path) for url in self.base_urls[self._at :] + self.base_urls[: self._at]]

    async def sign_in(self, username: str, password: str) -> "Session":
        """Sign in by password. Raises RestError or HubAway."""
        return await self._open("/auth/login", {"username": username, "password": password})

    async def sign_in_by_code(self, code: str) -> "Session":
        """Sign in as the candidate of one exam. Raises RestError or HubAway."""
        return await self._open("/auth/code", {"code": code})

    async def post(self, path: str, body: Any, shape: type[_T], token: str | None = None) -> _T:
        """Post once a hub answers: tried again for a while when all are away. Raises RestError or HubAway."""
        return await self._insist("POST", path, body, shape, token)

    async def put(self, path: str, body: Any, shape: type[_T], token: str | None = None) -> _T:
        """Put, as `post` posts. Raises RestError or HubAway."""
        return await self._insist("PUT", path, body, shape, token)

    async def _insist(self, method: str, path: str, body: Any, shape: type[_T], token: str | None) -> _T:
        begun_s = time.monotonic()
        away: set[str] = set()
        while True:
            base_url = self.base_url
            try:
                return await self._send(method, base_url + path, body, shape, token)
            except HubAway:
                if time.monotonic() - begun_s > self._patience_s:
                    raise
            away.add(base_url)
            self._pass_over(base_url)
            if len(away) == len(self.base_urls):
                away.clear()
                await asyncio.sleep(_PAUSE_S)

    def _pass_over(self, base_url: str) -> None:
        """Use the next address from now on, unless another request has found that out before."""
        if base_url == self.base_url:
            self._at = (self._at + 1) % len(self.base_urls)

    async def _open(self, path: str, body: dict[str, str]) -> "Session":
        return Session(self, await self.post(path, body, _SignedIn))

    async def _send(self, method: str, url: str, body: Any, shape: type[_T], token: str | None) -> _T:
        path = urlsplit(url).path
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        try:
            answer = await self._http.request(method, url, content=msgspec.json.encode(body), headers=headers)
        except httpx.TransportError as error:
            raise HubAway(f"the hub at {self.base_url} does not answer: {error or type(error).__name__}") from error
        if answer.is_success:
            self._patience_s = OUTAGE_S
            try:
                return msgspec.json.decode(answer.content, type=shape)
            except msgspec.DecodeError as error:
                raise RestError(f"{method} {path} was answered, but not as a hub does: {error}") from error
        message = f"{method} {path}: {answer.status_code} {_reason(answer)}"
        raise HubAway(message) if answer.status_code == 429 or answer.status_code >= 500 else RestError(message)


class Session:
    """One person signed in; the access token is renewed before it ends."""

    def __init__(self, rest: Rest, signed_in: _SignedIn) -> None:
        self._rest = rest
        self._signed_in = signed_in
        self._renewing = asyncio.Lock()

    async def ticket(self, purpose: str) -> str:
        """A single-use ticket to a socket: `monitor` or `console`. Raises RestError or HubAway."""
        return (await self._post("/auth/ws-ticket", {"purpose": purpose}, _Ticket)).ticket

    async def access(self) -> Access:
        """An access token good for a while, to renew a socket's sign-in in band. Raises RestError or HubAway."""
        await self._token()
        return Access(self._signed_in.access_token, self._signed_in.expires_at)

    async def create_exam(self, title: str, *, duration_minutes: int, preset: str) -> UUID:
        """Make an exam that is published at once. Raises RestError or HubAway."""
        body = {
            "title": title,
            "duration_minutes": duration_minutes,
            "preset": preset,
            "is_published": True,
        }
        return (await self._post("/exams", body, Exam)).exam_id

    async def set_items(self, exam_id: UUID, items: Sequence[dict[str, Any]]) -> None:
        """Give an exam these items, in place of those it had. Raises RestError or HubAway."""
        await self._rest.put(f"/exams/{exam_id}/items", {"items": items}, Items, await self._token())

    async def extend_roster(self, exam_id: UUID, students: list[dict[str, str]]) -> list[EnrolledStudent]:
        """Put students (username, name) on a roster; each gets a fresh code. Raises RestError or HubAway."""
        return await self._post(f"/exams/{exam_id}/roster", {"students": students}, list[EnrolledStudent])

    async def start(self, exam_id: UUID) -> UUID:
        """Start an exam, or go on with it; its attempt. Raises RestError or HubAway."""
        return (await self._post(f"/student/exams/{exam_id}/start", {}, Attempt)).attempt_id

    async def submit(self, attempt_id: UUID, *, stream: UUID | None = None, last_seq: int = 0) -> Receipt:
        """Hand in, once the hub has this stream up to this number. Raises RestError or HubAway."""
        body = {} if stream is None else {"stream": stream, "last_seq": last_seq}
        return await self._post(f"/student/exams/{attempt_id}/submit", body, Receipt)

    async def _post(self, path: str, body: Any, shape: type[_T]) -> _T:
        return await self._rest.post(path, body, shape, await self._token())

    async def _token(self) -> str:
        async with self._renewing:
            if self._signed_in.expires_at - time.time_ns() // 1_000_000 < _RENEW_BEFORE_MS:
                body = {"refresh_token": self._signed_in.refresh_token}
                self._signed_in = await self._rest.post("/auth/refresh", body, _SignedIn)
            return self._signed_in.access_token


def _reason(answer: httpx.Response) -> str:
    try:
        problem = msgspec.json.decode(answer.content, type=_Problem)
    except msgspec.DecodeError:
        return answer.reason_phrase
    return problem.detail or problem.title or answer.reason_phrase
