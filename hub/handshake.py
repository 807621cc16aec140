"""Refuses websocket handshakes before they are accepted, for both sockets (docs/wire/README.md).

A browser sees such a refusal as 1006, so everything a client must react to comes after the handshake. Never reads a
frame; it only counts, per address, the sockets that have not sent one yet.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, Literal

import msgspec
from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from hub import metrics
from hub.auth.guards import origin_allowed
from hub.ingest.budget import Budget
from hub.server.security_log import SecurityLog
from hub.settings import HubSettings

RETRY_S: Final = 5
"""When a client may try again after a temporary refusal."""

REFUSED_S: Final = 1.0
"""How long a refused connection may take to close."""

Reason = Literal["origin", "draining", "full", "flood"]


SUSPICIOUS: Final[frozenset[Reason]] = frozenset({"origin", "flood"})
"""Reasons for the security log; the others are temporary states of the hub."""


class Refusal(msgspec.Struct, frozen=True):
    """Why a handshake is refused, and its HTTP status; `retry_s` if the client may try again."""

    reason: Reason
    status: int
    retry_s: int | None = None


class Gate:
    """Decides on the handshakes of one hub: by origin, drain, byte budget, and silent sockets of the same address."""

    def __init__(
        self,
        settings: HubSettings,
        budget: Budget,
        *,
        refused_s: float = REFUSED_S,
        security: SecurityLog | None = None,
    ) -> None:
        self.is_draining = False
        self._settings = settings
        self._budget = budget
        self._refused_s = refused_s
        self._security = security
        self._silent: dict[str, int] = {}
        """Sockets that have not sent a frame yet, per address."""

    def guard(self, app: ASGIApp) -> ASGIApp:
        """Wrap an app: handshakes are checked, HTTP requests pass through."""

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.WEBSOCKET:
                await app(scope, receive, send)
                return
            address = scope["client"][0] if scope["client"] else "unix"
            refusal = self.check(Headers.from_scope(scope), address)
            if refusal is not None:
                metrics.SOCKETS_REFUSED.labels(reason=refusal.reason).inc()
                if self._security and refusal.reason in SUSPICIOUS:
                    self._security.note("handshake", address, reason=refusal.reason)
                await _refuse(refusal, scope, receive, send, refused_s=self._refused_s)
                return
            with self._count_until_first_frame(address) as counted:
                await app(scope, counted.watch(receive), send)

        return guarded

    def check(self, headers: Headers, address: str) -> Refusal | None:
        """Return why a handshake is refused, or None."""
        if not origin_allowed(headers, self._settings):
            return Refusal("origin", 403)
        if self.is_draining:
            return Refusal("draining", 503, RETRY_S)
        if self._budget.is_full:
            return Refusal("full", 503, RETRY_S)
        if self._silent.get(address, 0) >= self._settings.hello_backlog:
            return Refusal("flood", 503, RETRY_S)
        return None

    @contextmanager
    def _count_until_first_frame(self, address: str) -> Iterator["_SilentSocket"]:
        counted = _SilentSocket(self._silent, address)
        try:
            yield counted
        finally:
            counted.release()


class _SilentSocket:
    """A socket that counts for its address until its first frame or its end."""

    def __init__(self, counts: dict[str, int], address: str) -> None:
        self._counts = counts
        self._address: str | None = address
        counts[address] = counts.get(address, 0) + 1

    def watch(self, receive: Receive) -> Receive:
        """Wrap the app's `receive` to notice the first frame."""

        async def watched() -> Any:
            message = await receive()
            if self._address is not None and message["type"] == "websocket.receive":
                self.release()
            return message

        return watched

    def release(self) -> None:
        """Count the socket no longer."""
        address, self._address = self._address, None
        if address is None:
            return
        left = self._counts[address] - 1
        if left:
            self._counts[address] = left
        else:
            del self._counts[address]


def needs_ticket(headers: Headers) -> bool:
    """Return whether the hello must have a ticket: any page can have an origin such as `null` or `file://`."""
    origins = headers.getall("origin", [])
    return any(not origin.lower().startswith(("http://", "https://")) for origin in origins)


async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send, *, refused_s: float) -> None:
    extensions = scope.get("extensions") or {}
    if refusal.retry_s is None or "websocket.http.response" not in extensions:
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.reason})
        return
    headers = [(b"retry-after", str(refusal.retry_s).encode()), (b"content-type", b"text/plain")]
    start: Any = {"type": "websocket.http.response.start", "status": refusal.status, "headers": headers}
    body: Any = {"type": "websocket.http.response.body", "body": refusal.reason.encode(), "more_body": False}
    response: tuple[Message, ...] = (start, body)
    for message in response:
        await send(message)
    # uvicorn logs an unfinished handshake if this returns before the connection is gone (its second `disconnect`).
    with suppress(TimeoutError):
        async with asyncio.timeout(refused_s):
            for _ in ("connect", "disconnect", "disconnect"):
                await receive()
