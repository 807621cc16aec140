"""Work that outlives the socket which asked for it: a transaction is never cut because its client has left.

Nothing here is repeated or reported; whoever still waits gets the outcome.
"""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

_T = TypeVar("_T")


class Errands:
    """Tasks that belong to the process; leaving the context waits for those under way."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    def start(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """Begin some work."""
        task = asyncio.create_task(work, name="errand")
        self._tasks.add(task)
        task.add_done_callback(self._end)
        return task

    async def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do some work and return its outcome; when the caller is cancelled the work goes on."""
        return await asyncio.shield(self.start(work))

    def _end(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen, even when nobody waits for it any more
