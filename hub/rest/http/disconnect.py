"""Stop work whose client has gone.

It must never stop a query: the pool would close its connection and open another one, which costs 100 times as much.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from litestar import Request

from hub.errors import Disconnected

T = TypeVar("T")


async def while_connected(request: Request[Any, Any, Any], work: Coroutine[Any, Any, T]) -> T:
    """Do some work while the client waits for it. The body of the request must have been read.

    Raises Disconnected, after the work was cancelled, when the client has gone.
    """
    task = asyncio.create_task(work, name="while connected")
    gone = asyncio.create_task(_wait_until_gone(request), name="disconnect")
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return await task
        raise Disconnected("The client has gone.")
    finally:
        for running in (task, gone):
            running.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait({running})


async def _wait_until_gone(request: Request[Any, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
