"""Carry out a REST write once: a request that is repeated with its `Idempotency-Key` gets the stored response.

The response is stored in the transaction of the write, so either both are stored or neither is. A refused request
stores nothing. A secret must never be stored: the handler gives a response without it. A stored response must never be
given to a user who may not do the write any more.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Annotated, Any, Final, TypeVar, cast
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.enums import MediaType
from litestar.handlers import HTTPRouteHandler
from litestar.params import HeaderParameter
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.idempotency import recall, remember
from db.queries import access
from db.queries.accounts.idempotency_keys import StoredResponse
from db.unit import ChangeNotifier, Unit, change
from hub.auth.pseudonyms import make_pseudonym
from hub.errors import Invalid
from hub.rest.http.audit import record_action
from hub.settings import HubSettings
from protocol.roles import Permission

REPLAYED: Final = "Idempotent-Replayed"
"""The header of a response that was stored."""

KEY_HEADER: Final = "Idempotency-Key"
KEY_CHARS: Final = 64

KeyHeader = Annotated[
    str | None,
    HeaderParameter(
        name=KEY_HEADER,
        min_length=1,
        max_length=KEY_CHARS,
        pattern=r"^[\x21-\x7e]+$",
        description="A key for this action, such as a new UUID. Repeated within 24 hours, the request is answered again"
        " and not carried out again",
    ),
]

Check = Callable[[AsyncConnection, UUID], Awaitable[None]]
"""Raises if this user may not do the write now."""

T = TypeVar("T")


class Replayed(Exception):
    """The request was carried out before. Not an error: it carries the stored response."""

    def __init__(self, stored: StoredResponse) -> None:
        super().__init__("This request was carried out before.")
        self.stored = stored


class Once:
    """Opens the transaction of a write that is carried out once for each key of a user."""

    def __init__(self, request: Request[Any, Any, Any], engine: AsyncEngine, secret: str, key: str | None) -> None:
        self._request = request
        self._engine = engine
        self._secret = secret
        self._key = key
        self._kept: bytes | None = None

    @asynccontextmanager
    async def change(
        self, user_id: UUID, notifier: ChangeNotifier | None = None, *, check: Check | None = None
    ) -> AsyncIterator[Unit]:
        """Open a transaction like `db.unit.change`; the block must `keep` what it answers.

        Raises what `check` raises, Replayed if this user has sent the request before with the same key, and KeyReused
        if its content was another. Without a `check`, the role of the user must be enough for the write.
        """
        async with change(self._engine, notifier) as unit:
            stored = None
            if self._key is not None:
                key_hash, digest = self._hash(user_id, self._key), await self._digest()
                stored = await recall(unit, key_hash, digest)
            # After the wait for the key: what was withdrawn meanwhile counts.
            if check is not None:
                await check(unit.conn, user_id)
            if stored is None:
                yield unit
                if self._key is not None:
                    await remember(unit, key_hash, user_id, self._response(digest))
                return
            record_action(unit, self._request, user_id, "repeat", "request", self._route)
        raise Replayed(stored)

    def keep(self, answered: T, *, repeated: T | None = None) -> T:
        """Keep the response of the write and return it. `repeated` is the one without secrets, if it has some."""
        self._kept = msgspec.json.encode(answered if repeated is None else repeated)
        return answered

    def _response(self, digest: str) -> StoredResponse:
        if self._kept is None:
            raise RuntimeError("a write with an idempotency key kept no response")
        handler = cast("HTTPRouteHandler", self._request.scope["route_handler"])
        return StoredResponse(digest, handler.status_code, self._kept.decode())

    @property
    def _route(self) -> str:
        return f"{self._request.method} {self._request.url.path}"

    def _hash(self, user_id: UUID, key: str) -> str:
        return make_pseudonym(self._secret, "idempotency key", str(user_id), self._route, key)

    async def _digest(self) -> str:
        # Keyed, because a body may contain a password.
        body = sha256(await self._request.body()).hexdigest()
        kind = self._request.headers.get("content-type", "")
        return make_pseudonym(self._secret, "idempotent request", self._request.url.query or "", kind, body)


def may_edit(exam_id: UUID) -> Check:
    """Return the check of a write for which the user must be allowed to edit this exam."""

    async def check(conn: AsyncConnection, user_id: UUID) -> None:
        await access.require(conn, exam_id, user_id, Permission.EDIT)

    return check


async def provide_once(
    request: Request[Any, Any, Any],
    engine: NamedDependency[AsyncEngine],
    settings: NamedDependency[HubSettings],
    idempotency_key: KeyHeader = None,
) -> Once:
    """Provide the transaction of a write that takes an `Idempotency-Key`. Raises Invalid for more than one key."""
    if len(request.headers.getall(KEY_HEADER, [])) > 1:
        raise Invalid("header.idempotency_key", "send one key in one header")
    return Once(request, engine, settings.keys.data, idempotency_key)


def answer_again(request: Request[Any, Any, Any], replayed: Replayed) -> Response[bytes]:
    """Answer with the stored response of an earlier request."""
    del request
    stored = replayed.stored
    return Response(
        stored.response.encode(), status_code=stored.status, media_type=MediaType.JSON, headers={REPLAYED: "true"}
    )
