"""The security log: failed sign-ins, refused requests and handshakes, as one JSON line each.

A line contains ids and keyed hashes, never a name, an address, a token or a body. One address causes a bounded number
of lines a minute; the counter counts every occasion.
"""

import time
from collections.abc import Callable
from typing import Any, Final, Literal
from uuid import UUID

import structlog
from litestar import Request

from hub import metrics
from hub.auth.pseudonyms import make_pseudonym
from hub.server.log_limit import LogLimit

log = structlog.get_logger("veritas.security")

LOG_STATE: Final = "security_log"
"""Where the app keeps its log."""

REFUSALS: Final = frozenset({401, 403, 429})

Kind = Literal[
    "sign_in_failed",
    "refresh_reused",
    "unauthenticated",
    "expired",
    "forbidden",
    "admin_denied",
    "limited",
    "handshake",
]


class SecurityLog:
    """Logs what was refused. One for a hub."""

    def __init__(self, key: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._key = key
        self._clock = clock
        self._limit = LogLimit()

    def note(self, kind: Kind, address: str, *, name: str | None = None, **ids: str) -> None:
        """Note one occasion. `name` is what someone tried to sign in as; only its keyed hash is logged.

        At most one line a minute for a kind and an address, or sixteen where names were tried.
        """
        metrics.REFUSALS.labels(kind=kind).inc()
        if kind == "expired":  # ordinary: every client renews its token after it
            return
        place = make_pseudonym(self._key, "audit", address)
        tried = None if name is None else make_pseudonym(self._key, "name", name.strip().casefold())
        count = self._limit.note((kind, place, tried and tried[0]), self._clock())
        if count is None:
            return
        if tried is not None:
            ids["name"] = tried
        log.info("refused", kind=kind, place=place, count=count, **ids)

    def note_refusal(self, request: Request[Any, Any, Any], status: int, code: str) -> None:
        """Note the answer 401, 403 or 429 to a request.

        Handlers add to `request.state` what they know: `user_id`, `tried` (a username), `refused_as` (a kind).
        """
        state, route = request.state, str(request.scope.get("path_template", ""))
        user_id: UUID | None = state.get("user_id")
        ids = {"method": request.method, "route": route, "status": str(status), "code": code}
        if user_id is not None:
            ids["user_id"] = str(user_id)
        address = request.client.host if request.client else "unix"
        self.note(state.get("refused_as") or kind_of(status, code, route), address, name=state.get("tried"), **ids)


def kind_of(status: int, code: str, route: str) -> Kind:
    """Return the kind of a refused request."""
    if status == 429:
        return "limited"
    if status == 403:
        return "admin_denied" if route.startswith("/admin") else "forbidden"
    if code == "expired":
        return "expired"
    return "sign_in_failed" if route.startswith("/auth") else "unauthenticated"
