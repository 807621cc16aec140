"""Tasks of this process: background tasks that run while a context is open, and tasks that outlive their caller.

Never decides what the work is; never drops an exception silently.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar

import structlog

log = structlog.get_logger(__name__)
_T = TypeVar("_T")


class Background(ABC):
    """Starts `_run` when entered, cancels it when left and waits for its end."""

    name: ClassVar[str]
    _task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name=self.name)
        self._task.add_done_callback(_report)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait((self._task,))

    @abstractmethod
    async def _run(self) -> None:
        """Work until cancelled; an exception ends the task, so let none out."""


class DetachedTasks:
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


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("background task ended", task=task.get_name(), exc_info=task.exception())
