"""Lists, page by page: a page ends with an opaque cursor that says after which row the next one begins.

A cursor is a place in an order and opens nothing: what its bearer may see is decided by the query, page by page anew.
"""

import base64
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Final, Generic, TypeVar

import msgspec
from litestar.params import QueryParameter

from hub.errors import Invalid

PAGE: Final = 50
PAGE_MAX: Final = 200
CURSOR_CHARS: Final = 1_024
"""How long a cursor may be; the list of one attempt's facts has longer ones."""

Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX, description="How many rows at most")]
"""For a handler's `limit`, by default PAGE."""

After = Annotated[str | None, QueryParameter(description="`next` of the page before")]
"""For a handler's `after`, by default None."""

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""For a cursor's shape: a time as PostgreSQL keeps it. Milliseconds would lose rows of the same one."""

T = TypeVar("T")
KeyT = TypeVar("KeyT")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some rows of a list; `next` is the `after` of the page that follows, null on the last."""

    items: list[T]
    next: str | None


def make_page(found: Sequence[T], limit: int, key: Callable[[T], object]) -> Page[T]:
    """Make the page from what was found with a limit of `limit + 1`: a row too many says that another page follows.

    `key` gives what a row is ordered by, for `read_cursor` to read back: it must tell any two rows apart.
    """
    items = list(found[:limit])
    return Page(items, write_cursor(key(items[-1])) if len(found) > limit else None)


def write_cursor(key: object) -> str:
    """Write a place in an order."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).rstrip(b"=").decode()


def read_cursor(after: str | None, shape: type[KeyT], most_chars: int = CURSOR_CHARS) -> KeyT | None:
    """Read after which row to go on: a key of this shape, as UUID or `tuple[Moment, UUID]`; None at the beginning.

    Raises Invalid for what no page of this list ended with.
    """
    if after is None:
        return None
    key = _decode(after, shape) if len(after) <= most_chars else None
    # As it would be written: no other spelling, and no NUL, which PostgreSQL cannot be asked for.
    if key is None or write_cursor(key) != after:
        raise Invalid("query.after", "must be the `next` of a page")
    return key


def _decode(after: str, shape: type[KeyT]) -> KeyT | None:
    try:
        said = base64.b64decode(after.encode("ascii") + b"=" * (-len(after) % 4), altchars=b"-_", validate=True)
        return None if b"\\u0000" in said else msgspec.json.decode(said, type=shape)
    except (ValueError, OverflowError, RecursionError):  # base64 and msgspec raise ValueErrors
        return None
