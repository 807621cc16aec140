"""What the body of a request may be: how large, by kind of route, and that it can be read in little time.

A larger one is refused with 413 before it is read. Never interprets a body.
"""

from typing import Any, Final

from litestar import Request

from db.errors import BadRequest
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
