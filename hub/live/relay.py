"""The one listener of a hub: passes hints from Redis on to whoever looks at PostgreSQL sooner because of them.

A hint says where to look and never what is there; nothing depends on one arriving.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Protocol, Self

import structlog

from db.hints import Hint

log = structlog.get_logger(__name__)

RETRY_S = 1.0


class Source(Protocol):
    """Where hints come from: `db.hints.Hints`."""

    def listen(self) -> AsyncGenerator[Hint, None]:
        """Yield hints for ever."""


class Relay:
    """Runs while its context is open; `listeners` are called in order and must return at once."""

    def __init__(self, source: Source, *listeners: Callable[[Hint], None]) -> None:
        self._source = source
        self._listeners = listeners
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="hint-relay")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait((self._task,))

    async def _run(self) -> None:
        while True:
            try:
                await self._pass_on()
            except Exception:
                log.exception("hint relay failed")
            await asyncio.sleep(RETRY_S)

    async def _pass_on(self) -> None:
        async with aclosing(self._source.listen()) as hints:
            async for hint in hints:
                for listener in self._listeners:
                    listener(hint)
