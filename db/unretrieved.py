"""Exceptions of lost connections that libraries leave on an event loop, where no one retrieves them.

When PostgreSQL or Redis goes away, asyncpg and arq leave a future or a task behind; the code that used the
connection has got the same fault already. asyncio would log each as an error with a traceback. Never hides any other
exception.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from asyncpg import PostgresConnectionError
from redis.exceptions import ConnectionError as RedisConnectionError

_LOST: Final = (ConnectionError, PostgresConnectionError, RedisConnectionError)
_UNRETRIEVED: Final = "exception was never retrieved"


def note_unretrieved(loop: asyncio.AbstractEventLoop, note: Callable[[], None]) -> None:
    """Call `note` instead of logging an error, for each lost connection that no one retrieves from this loop."""

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        is_lost = isinstance(context.get("exception"), _LOST)
        if is_lost and context["message"].endswith(_UNRETRIEVED):
            note()
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)
