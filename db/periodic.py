"""Periodic work: runs again and again, at an interval or when woken, until it is stopped.

Never ends because of an exception, and never runs twice at the same time. What the work is is not decided here.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self

import structlog

from db.errors import AWAY
from protocol.backoff import Backoff

log = structlog.get_logger(__name__)

RETRY_S: Final = 10.0
"""The longest pause after a failed run, however rare the work is, where no `retry` is given."""

Work = Callable[[], Awaitable[None]]


class Outage:
    """Logs when the database goes away and when it is back, once each."""

    def __init__(self, task: str) -> None:
        self._task = task
        self._is_away = False

    def begin(self, error: BaseException) -> None:
        """Note that a query failed because the database is away."""
        if not self._is_away:
            log.warning("database is away", task=self._task, error=type(error).__name__)
        self._is_away = True

    def end(self) -> None:
        """Note that a query succeeded."""
        if self._is_away:
            log.info("database is back", task=self._task)
        self._is_away = False


class Periodic:
    """Runs `work` every `every_s` seconds, measured from the end of one run to the start of the next.

    With `every_s=None` it runs only when woken. Enter its context to run it in a task, which is cancelled on exit; or
    await `run()`, and call `stop()` to let the current run finish first.

    - `at_once`: run when started, instead of after the first interval.
    - `gap_s`: the shortest pause between two runs, however often it is woken.
    - `retry`: pauses after failed runs; without it, `every_s` or ten seconds, whichever is shorter.
    - `on_failure`: called after each failed run.
    """

    def __init__(
        self,
        name: str,
        every_s: float | None,
        work: Work,
        *,
        at_once: bool = False,
        gap_s: float = 0.0,
        retry: Backoff | None = None,
        on_failure: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self._every_s = every_s
        self._work = work
        self._at_once = at_once
        self._gap_s = gap_s
        pause_s = RETRY_S if every_s is None else min(every_s, RETRY_S)
        self._retry = retry or Backoff(pause_s, pause_s)
        self._on_failure = on_failure
        self._outage = Outage(name)
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.run(), name=self.name)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self.stop()
        self._task.cancel()
        await asyncio.wait((self._task,))

    def wake(self) -> None:
        """Run soon: now, or when the pause after the last run (`gap_s` or `retry`) is over.

        The next regular run is not put off by it.
        """
        self._woken.set()

    def stop(self) -> None:
        """End after the current run."""
        self._stopping.set()
        self._woken.set()

    async def run(self) -> None:
        """Work until `stop` or cancelled."""
        now = asyncio.get_running_loop().time
        due_s = self._after(now(), 0.0 if self._at_once else self._every_s)
        rest_s = 0.0
        while True:
            woken = await self._pause(rest_s, due_s)
            if self._stopping.is_set():
                return
            self._woken.clear()
            is_regular = not woken or (due_s is not None and now() >= due_s)
            if await self._try():
                rest_s = self._gap_s
                due_s = self._after(now(), self._every_s) if is_regular else due_s
            else:
                rest_s = max(self._gap_s, self._retry.next_s())
                retry_s = now() + rest_s
                due_s = retry_s if is_regular or due_s is None else min(due_s, retry_s)

    async def _try(self) -> bool:
        try:
            await self._work()
        except AWAY as error:
            self._outage.begin(error)
        except Exception:
            log.exception("periodic task failed", task=self.name)
        else:
            self._outage.end()
            self._retry.reset()
            return True
        if self._on_failure is not None:
            self._on_failure()
        return False

    async def _pause(self, rest_s: float, due_s: float | None) -> bool:
        """Rest, which only `stop` ends early; then wait until due or woken. Returns whether it was woken."""
        if rest_s > 0 and await is_set_within(self._stopping, rest_s):
            return True
        left_s = None if due_s is None else due_s - asyncio.get_running_loop().time()
        return await is_set_within(self._woken, left_s)

    @staticmethod
    def _after(now_s: float, pause_s: float | None) -> float | None:
        return None if pause_s is None else now_s + pause_s


async def is_set_within(event: asyncio.Event, timeout_s: float | None) -> bool:
    """Wait for an event, for `timeout_s` seconds at most. Returns whether it is set."""
    try:
        async with asyncio.timeout(timeout_s):
            return await event.wait()
    except TimeoutError:
        return event.is_set()
