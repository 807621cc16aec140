"""Lists in pages. A page has an opaque cursor, `next`, which is the key of its last row.

A cursor must never give access to anything: the query of each page checks the permissions again.
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
"""The maximum length of a cursor. The events of one attempt have longer ones."""

Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX, description="The maximum number of rows")]
"""For a handler's `limit`, by default PAGE."""

After = Annotated[str | None, QueryParameter(description="`next` of the previous page")]
"""For a handler's `after`, by default None."""

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time in a cursor, as precise as in PostgreSQL. With milliseconds, rows would be skipped."""

Number = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
"""A number in a cursor that PostgreSQL has as `integer`, such as the number of an attempt."""

BigNumber = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""A number in a cursor that PostgreSQL has as `bigint`, such as the number of an event."""

T = TypeVar("T")
KeyT = TypeVar("KeyT")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list. `next` is the `after` of the next page, null on the last page."""

    items: list[T]
    next: str | None


def make_page(found: Sequence[T], limit: int, key: Callable[[T], object]) -> Page[T]:
    """Return a page of rows that were queried with `limit + 1`: an additional row means that another page follows.

    `key` returns the sort key of a row, which `read_cursor` reads again. It must be different for any two rows.
    """
    items = list(found[:limit])
    return Page(items, write_cursor(key(items[-1])) if len(found) > limit else None)


def write_cursor(key: object) -> str:
    """Encode a sort key as a cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).rstrip(b"=").decode()


def read_cursor(after: str | None, shape: type[KeyT], max_chars: int = CURSOR_CHARS) -> KeyT | None:
    """Decode a cursor to a sort key of this type, such as UUID or `tuple[Moment, UUID]`; None for the first page.

    Numbers need bounds (`Number`, `BigNumber`): PostgreSQL would fail with larger ones.

    Raises Invalid if it is not the cursor of a page of this list.
    """
    if after is None:
        return None
    key = _decode(after, shape) if len(after) <= max_chars else None
    # Only the one encoding is accepted, and no NUL, which PostgreSQL cannot store.
    if key is None or write_cursor(key) != after:
        raise Invalid("query.after", "must be the value of `next` from the previous page")
    return key


def _decode(after: str, shape: type[KeyT]) -> KeyT | None:
    try:
        decoded = base64.b64decode(after.encode("ascii") + b"=" * (-len(after) % 4), altchars=b"-_", validate=True)
        return None if b"\\u0000" in decoded else msgspec.json.decode(decoded, type=shape)
    except (ValueError, OverflowError, RecursionError):  # base64 and msgspec raise ValueErrors
        return None
