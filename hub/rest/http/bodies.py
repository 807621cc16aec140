"""How large the body of a request may be, by kind of route. A larger one is refused with 413 before it is read."""

from typing import Final

BODY_BYTES: Final = 64 * 1024
"""The default of every route."""

SIGN_IN_BYTES: Final = 16 * 1024
"""Routes that anyone may call."""

LARGE_BYTES: Final = 1024 * 1024
"""Routes whose largest legal content needs more: items, rosters, grades, submissions and reports of services."""
