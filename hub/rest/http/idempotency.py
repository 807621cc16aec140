"""Carry out a REST write once: a request that is repeated with its `Idempotency-Key` gets the stored response.

The response is stored in the transaction of the write, so either both are stored or neither is. A refused request
stores nothing. A secret must never be stored: the handler gives a response without it.
"""

from collections.abc import AsyncIterator
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
from sqlalchemy.ext.asyncio import AsyncEngine

from db.idempotency import recall, remember
from db.queries.accounts.idempotency_keys import StoredResponse
from db.unit import ChangeNotifier, Unit, change
from hub.auth.pseudonyms import make_pseudonym
from hub.settings import HubSettings

REPLAYED: Final = "Idempotent-Replayed"
"""The header of a response that was stored."""

KEY_CHARS: Final = 64

KeyHeader = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=KEY_CHARS,
        pattern=r"^[\x21-\x7e]+$",
        description="A key for this action, such as a new UUID. Repeated within 24 hours, the request is answered again"
        " and not carried out again",
    ),
]

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
    async def change(self, user_id: UUID, notifier: ChangeNotifier | None = None) -> AsyncIterator[Unit]:
        """Open a transaction like `db.unit.change`; the block must `keep` what it answers.

        Raises Replayed if this user has sent the request before with the same key, and KeyReused if its content was
        another.
        """
        async with change(self._engine, notifier) as unit:
            if self._key is None:
                yield unit
                return
            key_hash, digest = self._hash(user_id, self._key), await self._digest()
            if (stored := await recall(unit, key_hash, digest)) is not None:
                raise Replayed(stored)
            yield unit
            if self._kept is None:
                raise RuntimeError("a write with an idempotency key kept no response")
            handler = cast("HTTPRouteHandler", self._request.scope["route_handler"])
            await remember(unit, key_hash, user_id, StoredResponse(digest, handler.status_code, self._kept.decode()))

    def keep(self, answered: T, *, repeated: T | None = None) -> T:
        """Keep the response of the write and return it. `repeated` is the one without secrets, if it has some."""
        self._kept = msgspec.json.encode(answered if repeated is None else repeated)
        return answered

    def _hash(self, user_id: UUID, key: str) -> str:
        route = f"{self._request.method} {self._request.url.path}"
        return make_pseudonym(self._secret, "idempotency key", str(user_id), route, key)

    async def _digest(self) -> str:
        # Keyed, because a body may contain a password.
        body = sha256(await self._request.body()).hexdigest()
        kind = self._request.headers.get("content-type", "")
        return make_pseudonym(self._secret, "idempotent request", self._request.url.query or "", kind, body)


async def provide_once(
    request: Request[Any, Any, Any],
    engine: NamedDependency[AsyncEngine],
    settings: NamedDependency[HubSettings],
    idempotency_key: KeyHeader = None,
) -> Once:
    """Provide the transaction of a write that takes an `Idempotency-Key`."""
    return Once(request, engine, settings.keys.data, idempotency_key)


def answer_again(request: Request[Any, Any, Any], replayed: Replayed) -> Response[bytes]:
    """Answer with the stored response of an earlier request."""
    del request
    stored = replayed.stored
    return Response(
        stored.response.encode(), status_code=stored.status, media_type=MediaType.JSON, headers={REPLAYED: "true"}
    )
