"""Measures how late the event loop wakes up. What holds it makes everything wait, acknowledgements too.

Never does any other work.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

EVERY_S: Final = 0.1


class LoopStalls:
    """While its context is open, passes to `observe` how many seconds too late each wake-up was."""

    def __init__(self, observe: Callable[[float], None], *, every_s: float = EVERY_S) -> None:
        self._observe = observe
        self._every_s = every_s
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self._plan()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _plan(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time() + self._every_s
        self._timer = loop.call_at(due_s, self._wake, due_s)

    def _wake(self, due_s: float) -> None:
        self._observe(max(0.0, asyncio.get_running_loop().time() - due_s))
        self._plan()
