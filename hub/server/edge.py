"""What a hub does with every connection before its routes: headers of proxies, the allowed host, headers of answers.

It replaces the address, scheme and host of a request by those that trusted proxies name. A hub with a public address
must never answer for another host, except to health checks.
"""

import json
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final

import structlog
from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected

from hub.auth.limits import network_of
from hub.pages.headers import answer_headers
from hub.server.log_limit import LogLimit
from hub.server.proxies import UNIX, Proxies, read_address
from hub.server.turns import HANDSHAKE_GAP_S, REQUEST_TURNS, RequestTurns
from hub.server.websocket import IS_GONE
from hub.settings import HubSettings

log = structlog.get_logger(__name__)

HEALTH: Final = "/health"
"""This path and those below it answer for any host: load balancers use an address. They show no personal data."""

_PROXY_HEADERS: Final = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"})


class Edge:
    """Reads proxy headers and checks hosts for one hub."""

    def __init__(self, settings: HubSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._proxies = Proxies(settings.trusted_proxies)
        self._public_url = settings.public_url
        self._host = settings.public_host
        self._headers = answer_headers(settings.public_url)
        self._clock = clock
        self._limit = LogLimit()

    def read_proxies(self, scope: MutableMapping[str, Any]) -> None:
        """Replace client, scheme and host of a scope by what trusted proxies say; others cause a log line."""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if not any(name in _PROXY_HEADERS for name, _ in headers):
            return
        peer = scope["client"][0] if scope.get("client") else UNIX
        if not self._proxies.trusts(peer):
            self._warn(peer)
            return
        forwarded = self._proxies.read(
            _values(headers, b"x-forwarded-for"),
            _values(headers, b"x-forwarded-proto"),
            _values(headers, b"x-forwarded-host"),
        )
        if forwarded.address:
            scope["client"] = (forwarded.address, 0)
        if forwarded.scheme:
            is_socket = scope["type"] == "websocket"
            scope["scheme"] = forwarded.scheme.replace("http", "ws") if is_socket else forwarded.scheme
        if forwarded.host:
            rest = [(name, value) for name, value in headers if name != b"host"]
            scope["headers"] = [(b"host", forwarded.host.encode()), *rest]

    def serves(self, scope: MutableMapping[str, Any]) -> bool:
        """Return whether this hub answers for the host of a request."""
        path: str = scope["path"]
        if self._host is None or path == HEALTH or path.startswith(HEALTH + "/"):
            return True
        hosts = [host.lower().removesuffix(":443") for host in _values(scope["headers"], b"host")]
        return hosts == [self._host]

    async def refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 421 to a request for another host, or refuse its handshake."""
        await receive()
        prefix = "http"
        if scope["type"] == ScopeType.WEBSOCKET:
            if "websocket.http.response" not in (scope.get("extensions") or {}):
                await send({"type": "websocket.close", "code": 1008, "reason": "host"})
                return
            prefix = "websocket.http"
        problem = {
            "type": "urn:veritas:problem:misdirected",
            "title": "The host is not known",
            "status": 421,
            "detail": f"Open {self._public_url} instead.",
            "code": "misdirected",
        }
        headers = [(b"content-type", b"application/problem+json"), *self._headers]
        start: Any = {"type": f"{prefix}.response.start", "status": 421, "headers": headers}
        body: Any = {"type": f"{prefix}.response.body", "body": json.dumps(problem).encode(), "more_body": False}
        await send(start)
        await send(body)

    async def add_headers(self, message: Any, _scope: Scope) -> None:
        """Add the headers that every answer has. What a route says about caching stays."""
        if message["type"] != "http.response.start":
            return
        headers = list(message.get("headers", ()))
        present = {name.lower() for name, _ in headers}
        message["headers"] = headers + [pair for pair in self._headers if pair[0] not in present]

    def _warn(self, peer: str) -> None:
        """Log an untrusted peer that sends proxy headers; its address only if it is one of a local network."""
        count = self._limit.note("proxy", self._clock())
        if count is None:
            return
        address = read_address(peer)
        shown = peer if address is None or address.is_private else "a public address"
        log.warning("proxy headers ignored: add the peer to VERITAS_TRUSTED_PROXIES", peer=shown, count=count)


class HubApp(Litestar):
    """A Litestar app behind an edge, in which requests and handshakes begin in turns of the event loop."""

    def __init__(self, *args: Any, edge: Edge, **options: Any) -> None:
        super().__init__(*args, before_send=[edge.add_headers], **options)
        self._edge = edge
        self._requests = RequestTurns(REQUEST_TURNS)
        self._handshakes = RequestTurns(1, HANDSHAKE_GAP_S)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a connection whose host is allowed, when it is its turn."""
        if scope["type"] != "lifespan":
            self._edge.read_proxies(scope)
            network = network_of(scope["client"][0]) if scope.get("client") else UNIX
            turns = self._handshakes if scope["type"] == ScopeType.WEBSOCKET else self._requests
            if not await turns.wait(network, _gone_check(scope)):
                if scope["type"] == ScopeType.WEBSOCKET:
                    raise ClientDisconnected  # a quiet end; uvicorn would answer a return with an error
                return
            if not self._edge.serves(scope):
                await self._edge.refuse(scope, receive, send)
                return
        await super().__call__(scope, receive, send)


def _gone_check(scope: MutableMapping[str, Any]) -> Callable[[], bool]:
    """Return a function that tells whether the client of a request or handshake has left."""
    return scope.get("extensions", {}).get(IS_GONE) or (lambda: False)


def _values(headers: list[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key == name]
