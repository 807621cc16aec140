"""Who may knock: websocket handshakes that are refused before they are accepted (WIRE §1), in front of both sockets.

A browser sees such a refusal as 1006, so everything an SDK must act on comes after the handshake, elsewhere. No frame
is read here: of those that come in it only counts from which address nobody has said a word yet.
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
from hub.settings import HubSettings

RETRY_S: Final = 5
"""When to try again after a refusal that is not for ever."""

GONE_S: Final = 1.0
"""How long a refused connection may take to be gone."""

Reason = Literal["origin", "draining", "full", "flood"]


class Refusal(msgspec.Struct, frozen=True):
    """Why a handshake is refused, and with which status; `retry_s` where it may be tried again."""

    reason: Reason
    status: int
    retry_s: int | None = None


class Gate:
    """One hub's: whether it is draining, how full it is, and how many from each address have not said a word."""

    def __init__(self, settings: HubSettings, budget: Budget) -> None:
        self.is_draining = False
        self._settings = settings
        self._budget = budget
        self._strangers: dict[str, int] = {}

    def guard(self, app: ASGIApp) -> ASGIApp:
        """Put the gate before an app; what is no websocket passes by."""

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.WEBSOCKET:
                await app(scope, receive, send)
                return
            address = scope["client"][0] if scope["client"] else "unix"
            refusal = self.judge(Headers.from_scope(scope), address)
            if refusal is not None:
                metrics.SOCKETS_REFUSED.labels(reason=refusal.reason).inc()
                await _refuse(refusal, scope, receive, send)
                return
            with self._stranger(address) as stranger:
                await app(scope, stranger.listen(receive), send)

        return guarded

    def judge(self, headers: Headers, address: str) -> Refusal | None:
        """Whether a handshake may go on (None), and if not, why not."""
        if not origin_allowed(headers, self._settings):
            return Refusal("origin", 403)
        if self.is_draining:
            return Refusal("draining", 503, RETRY_S)
        if self._budget.is_full:
            return Refusal("full", 503, RETRY_S)
        if self._strangers.get(address, 0) >= self._settings.hello_backlog:
            return Refusal("flood", 503, RETRY_S)
        return None

    @contextmanager
    def _stranger(self, address: str) -> Iterator["_Stranger"]:
        stranger = _Stranger(self._strangers, address)
        try:
            yield stranger
        finally:
            stranger.forget()


class _Stranger:
    """A socket that counts for its address until its first frame, or its end."""

    def __init__(self, strangers: dict[str, int], address: str) -> None:
        self._strangers = strangers
        self._address: str | None = address
        strangers[address] = strangers.get(address, 0) + 1

    def listen(self, receive: Receive) -> Receive:
        """What the app receives; the first frame is noticed."""

        async def listening() -> Any:
            message = await receive()
            if self._address is not None and message["type"] == "websocket.receive":
                self.forget()
            return message

        return listening

    def forget(self) -> None:
        """Count no longer."""
        address, self._address = self._address, None
        if address is None:
            return
        left = self._strangers[address] - 1
        if left:
            self._strangers[address] = left
        else:
            del self._strangers[address]


def needs_ticket(headers: Headers) -> bool:
    """Whether a ticket only may follow this handshake: its origin (`null`, `file://`, an app's own) may be anyone's."""
    origins = headers.getall("origin", [])
    return any(not origin.lower().startswith(("http://", "https://")) for origin in origins)


async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    extensions = scope.get("extensions") or {}
    if refusal.retry_s is None or "websocket.http.response" not in extensions:
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.reason})
        return
    headers = [(b"retry-after", str(refusal.retry_s).encode()), (b"content-type", b"text/plain")]
    start: Any = {"type": "websocket.http.response.start", "status": refusal.status, "headers": headers}
    body: Any = {"type": "websocket.http.response.body", "body": refusal.reason.encode(), "more_body": False}
    answer: tuple[Message, ...] = (start, body)
    for message in answer:
        await send(message)
    # The server calls the handshake unfinished, and logs so, until the connection is gone: its second `disconnect`.
    with suppress(TimeoutError):
        async with asyncio.timeout(GONE_S):
            for _ in ("connect", "disconnect", "disconnect"):
                await receive()
