"""A task that runs while its context is open; what it does is its subclass's business."""

import asyncio
from abc import ABC, abstractmethod
from types import TracebackType
from typing import ClassVar, Self

import structlog

log = structlog.get_logger(__name__)


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


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("background task ended", task=task.get_name(), exc_info=task.exception())
