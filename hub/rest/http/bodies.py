"""What the body of a request may be: how large, by kind of route, and that it can be read in little time.

A larger one is refused with 413 before it is read. Never interprets a body.
"""

from typing import Any, Final, cast

import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler

from db.errors import BadRequest
from hub.errors import Invalid
from protocol.limits import CONTAINERS, EXPONENTS
from protocol.text.costly_json import takes_long

BODY_BYTES: Final = 64 * 1024
"""The default of every route."""

SIGN_IN_BYTES: Final = 16 * 1024
"""Routes that anyone may call."""

LARGE_BYTES: Final = 1024 * 1024
"""Routes whose largest legal content needs more: items, rosters, grades, submissions and reports of services."""


class BoundedRequest(Request[Any, Any, Any]):
    """The request of every route."""

    async def json(self) -> Any:
        """Return the decoded body. Raises BadRequest for one that would take long to decode."""
        if takes_long(await self.body()):
            detail = f"{CONTAINERS} lists and objects, and {EXPONENTS} numbers with an exponent of three or more digits"
            raise BadRequest(f"A request may have at most {detail}.")
        return await super().json()


class StrictRequest(BoundedRequest):
    """A request whose numbers must be numbers. The framework also reads a text such as "0.7" as a number."""

    async def json(self) -> Any:
        """Return the decoded body. Raises Invalid for a value of another type than that of the handler's `data`."""
        body = await super().json()
        handler = cast("HTTPRouteHandler", self.scope["route_handler"])
        wanted = handler.parsed_data_field
        if wanted is not None:
            try:
                msgspec.convert(body, wanted.annotation)
            except msgspec.ValidationError as error:
                message, _, path = str(error).partition(" - at ")
                raise Invalid(path.strip("`") or "$", message) from error
        return body
