"""REST client of a hub: sign in, create an exam, get tickets for sockets.

Uses only what the public documentation describes. Never logs or shows a password, a code, a token or a ticket.
"""

import asyncio
import time
from collections.abc import Sequence
from random import Random
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import httpx
import msgspec

from protocol.backoff import Backoff
from veritas.client import USER_AGENT, Access
from veritas.client.reconnect import RENEW_BEFORE_MS
from veritas.errors import VeritasError

PATIENCE_S: Final = 15.0
"""How long a request is retried while no hub has ever answered."""

OUTAGE_S: Final = 60.0
"""How long a request is retried once a hub has answered before: the hub is probably restarting."""

_PAUSE_S: Final = 0.25
_PAUSE_MAX_S: Final = 2.0
_TIMEOUT: Final = httpx.Timeout(10.0, connect=4.0, pool=60.0)
_CONNECTIONS: Final = httpx.Limits(max_connections=64, max_keepalive_connections=64)
_RENEW_BEFORE_MS: Final = RENEW_BEFORE_MS + 30_000
"""Shortest remaining life of a token when it is used; a socket that renews its sign-in needs a newer one."""

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

_T = TypeVar("_T")


class RestError(VeritasError):
    """The hub refused a request; the text names the request and the reason."""


class HubAway(RestError, ConnectionError):
    """The hub does not answer or is overloaded; try again."""


class _SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    access_token: str
    expires_at: int
    refresh_token: str


class _Ticket(msgspec.Struct, frozen=True):
    ticket: str


class _Problem(msgspec.Struct, frozen=True):
    title: str = ""
    detail: str = ""


class CreatedExam(msgspec.Struct, frozen=True):
    """A created exam."""

    exam_id: UUID


class Items(msgspec.Struct, frozen=True):
    """The version of an exam's items."""

    version: int


class EnrolledStudent(msgspec.Struct, frozen=True):
    """A student on a roster and the code to sign in with."""

    student_id: UUID
    username: str
    name: str
    code: str


class _ListedNotice(msgspec.Struct, frozen=True):
    version: int


class _ListedExam(msgspec.Struct, frozen=True):
    exam_id: UUID
    notice: _ListedNotice


class _ListedExams(msgspec.Struct, frozen=True):
    """A student's exams, with the version of each notice."""

    items: list[_ListedExam]


class RunningAttempt(msgspec.Struct, frozen=True):
    """A running attempt."""

    attempt_id: UUID


class SubmissionReceipt(msgspec.Struct, frozen=True):
    """Receipt of a submission."""

    attempt_id: UUID
    status: str
    submitted_at: int
    answers: int
    events: int
    hash: str


def is_loopback(base_url: str) -> bool:
    """Return whether a hub is on this machine, so that no proxy may be used."""
    return (urlsplit(base_url).hostname or "") in _LOOPBACK


def proxy_to(*base_urls: str) -> Literal[True] | None:
    """Return the proxy setting of a client: that of the environment, but none to this machine."""
    return None if all(is_loopback(url) for url in base_urls) else True


def socket_url(base_url: str, path: str) -> str:
    """Return the URL of a socket of the hub."""
    parts = urlsplit(base_url)
    return urlunsplit(("wss" if parts.scheme == "https" else "ws", parts.netloc, parts.path.rstrip("/") + path, "", ""))


class Rest:
    """One service at one or several addresses; uses one until it is away. Use it as `async with`.

    `patience_s` is how long a request is retried before any hub has answered. Pauses between tries are random.
    """

    def __init__(
        self, base_url: str | Sequence[str], *, patience_s: float = PATIENCE_S, random: Random | None = None
    ) -> None:
        base_urls = [base_url] if isinstance(base_url, str) else base_url
        for url in base_urls:
            if urlsplit(url).scheme not in ("http", "https"):
                raise VeritasError(f"{url!r} is not the address of a hub: it must start with http:// or https://")
        self.base_urls = tuple(url.rstrip("/") for url in base_urls)
        self.proxy = proxy_to(*self.base_urls)
        """Proxy setting for its sockets."""
        self._at = 0
        self._patience_s = patience_s
        self._random = random or Random()  # noqa: S311 - spreads retries, guards nothing
        self._http = httpx.AsyncClient(
            headers={"User-Agent": USER_AGENT},
            timeout=_TIMEOUT,
            limits=_CONNECTIONS,
            trust_env=self.proxy is not None,
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    @property
    def base_url(self) -> str:
        """Address in use."""
        return self.base_urls[self._at]

    def socket_urls(self, path: str) -> list[str]:
        """Return the URLs of a socket at every address, the one in use first."""
        return [socket_url(url, path) for url in self.base_urls[self._at :] + self.base_urls[: self._at]]

    async def sign_in(self, username: str, password: str) -> "UserSession":
        """Sign in by password. Raises RestError or HubAway."""
        return await self._open("/auth/login", {"username": username, "password": password})

    async def sign_in_by_code(self, code: str) -> "UserSession":
        """Sign in as a candidate with a code. Raises RestError or HubAway."""
        return await self._open("/auth/code", {"code": code})

    async def post(self, path: str, body: Any, shape: type[_T], token: str | None = None) -> _T:
        """Send a POST; retry with one idempotency key if all hubs are away. Raises RestError or HubAway."""
        return await self._retry("POST", path, body, shape, token)

    async def get(self, path: str, shape: type[_T], token: str | None = None) -> _T:
        """Read, with retries like `post`. Raises RestError or HubAway."""
        return await self._retry("GET", path, None, shape, token)

    async def put(self, path: str, body: Any, shape: type[_T], token: str | None = None) -> _T:
        """Send a PUT, with retries like `post`. Raises RestError or HubAway."""
        return await self._retry("PUT", path, body, shape, token)

    async def _retry(self, method: str, path: str, body: Any, shape: type[_T], token: str | None) -> _T:
        begun_s = time.monotonic()
        away: set[str] = set()
        # Programs that were refused together must not come back together.
        backoff = Backoff(_PAUSE_S, _PAUSE_MAX_S, jitter=self._random.uniform)
        key = None if method == "GET" else str(uuid4())
        while True:
            base_url = self.base_url
            try:
                return await self._send(method, base_url + path, body, shape, token, key)
            except HubAway:
                if time.monotonic() - begun_s > self._patience_s:
                    raise
            away.add(base_url)
            self._use_next(base_url)
            if len(away) == len(self.base_urls):
                away.clear()
                await asyncio.sleep(backoff.next_s())

    def _use_next(self, base_url: str) -> None:
        """Use the next address, unless another request has already switched."""
        if base_url == self.base_url:
            self._at = (self._at + 1) % len(self.base_urls)

    async def _open(self, path: str, body: dict[str, str]) -> "UserSession":
        return UserSession(self, await self.post(path, body, _SignedIn))

    async def _send(self, method: str, url: str, body: Any, shape: type[_T], token: str | None, key: str | None) -> _T:
        path = urlsplit(url).path
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        headers |= {"idempotency-key": key} if key else {}
        content = None if body is None else msgspec.json.encode(body)
        try:
            answer = await self._http.request(method, url, content=content, headers=headers)
        except httpx.TransportError as error:
            raise HubAway(f"the hub at {self.base_url} does not answer: {error or type(error).__name__}") from error
        if answer.is_success:
            self._patience_s = OUTAGE_S
            try:
                return msgspec.json.decode(answer.content, type=shape)
            except msgspec.DecodeError as error:
                raise RestError(f"{method} {path} was not answered by a hub: {error}") from error
        message = f"{method} {path}: {answer.status_code} {_reason(answer)}"
        raise HubAway(message) if answer.status_code == 429 or answer.status_code >= 500 else RestError(message)


class UserSession:
    """A signed-in user; the access token is renewed before it expires."""

    def __init__(self, rest: Rest, signed_in: _SignedIn) -> None:
        self._rest = rest
        self._signed_in = signed_in
        self._renewing = asyncio.Lock()

    async def ticket(self, purpose: str) -> str:
        """Get a single-use ticket for a socket: `monitor` or `console`. Raises RestError or HubAway."""
        return (await self._post("/auth/ws-ticket", {"purpose": purpose}, _Ticket)).ticket

    async def access(self) -> Access:
        """Get an access token, to renew the sign-in of a socket. Raises RestError or HubAway."""
        await self._token()
        return Access(self._signed_in.access_token, self._signed_in.expires_at)

    async def create_exam(self, title: str, *, duration_minutes: int, preset: str) -> UUID:
        """Create and publish an exam. Raises RestError or HubAway."""
        body = {
            "title": title,
            "duration_minutes": duration_minutes,
            "preset": preset,
            "is_published": True,
        }
        return (await self._post("/exams", body, CreatedExam)).exam_id

    async def set_items(self, exam_id: UUID, items: Sequence[dict[str, Any]]) -> None:
        """Replace the items of an exam. Raises RestError or HubAway."""
        await self._rest.put(f"/exams/{exam_id}/items", {"items": items}, Items, await self._token())

    async def extend_roster(self, exam_id: UUID, students: list[dict[str, str]]) -> list[EnrolledStudent]:
        """Add students (username, name) to a roster; each gets a new code. Raises RestError or HubAway."""
        return await self._post(f"/exams/{exam_id}/roster", {"students": students}, list[EnrolledStudent])

    async def start(self, exam_id: UUID) -> UUID:
        """Start or continue an exam, acknowledging its notice, and return the attempt's id.

        Raises RestError or HubAway.
        """
        page = await self._rest.get("/student/exams", _ListedExams, await self._token())
        notices = [exam.notice.version for exam in page.items if exam.exam_id == exam_id]
        body = {"notice": notices[0]} if notices else {}
        return (await self._post(f"/student/exams/{exam_id}/start", body, RunningAttempt)).attempt_id

    async def submit(self, attempt_id: UUID, *, stream: UUID | None = None, last_seq: int = 0) -> SubmissionReceipt:
        """Submit once the hub has this stream up to `last_seq`. Raises RestError or HubAway."""
        body = {} if stream is None else {"stream": stream, "last_seq": last_seq}
        return await self._post(f"/student/exams/{attempt_id}/submit", body, SubmissionReceipt)

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
