"""Tasks of this process: tasks that outlive their caller, and queues of what is to be stored soon.

Never decides what the work is; never drops an exception silently.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from itertools import islice
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar

import structlog

from db.errors import AWAY
from db.periodic import Periodic, is_set_within
from protocol.backoff import Backoff

log = structlog.get_logger(__name__)
_T = TypeVar("_T")

Dropped = Literal["full", "failed", "late"]
"""Why a queue dropped something: no room, an unexpected exception, or the database was away for too many tries."""


class Service:
    """A part of the hub that works in the background while its context is open.

    Subclasses set `_loops`: each is entered when the service is, and left in the reverse order.
    """

    _loops: Sequence[AbstractAsyncContextManager[object]]

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for loop in self._loops:
                await stack.enter_async_context(loop)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)


class DetachedTasks:
    """Tasks that belong to the process; leaving the context waits for the running ones."""

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
        """Start some work without waiting for it."""
        task = asyncio.create_task(work, name="detached")
        self._tasks.add(task)
        task.add_done_callback(self._end)
        return task

    async def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do some work and return its result. When the caller is cancelled, the work continues."""
        return await asyncio.shield(self.start(work))

    def _end(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # asyncio logs exceptions that are never read


def _count(_item: object) -> int:
    return 1


class RetryQueue(Generic[_T]):
    """A bounded queue of items that `record` stores, in order, up to `batch` of them in one call.

    While the database is away the first batch is tried again. On exit it waits up to `last_s` seconds for the rest.

    - `bound`: the largest sum of `size` over all waiting items; `size` counts 1 for each where it is not given.
    - `on_drop`: called with items that will never be recorded, and why.
    - `tries`: how often a batch is tried before it is dropped as "late"; None for no limit.

    `record` must tolerate an item that is stored already: after a failed COMMIT it is called again.
    """

    def __init__(
        self,
        name: str,
        record: Callable[[Sequence[_T]], Awaitable[None]],
        *,
        batch: int,
        bound: int,
        on_drop: Callable[[Sequence[_T], Dropped], None],
        retry: Backoff | None = None,
        tries: int | None = None,
        size: Callable[[_T], int] = _count,
        last_s: float = 5.0,
    ) -> None:
        self._name = name
        self._record = record
        self._batch = batch
        self._bound = bound
        self._on_drop = on_drop
        self._tries = tries
        self._size = size
        self._last_s = last_s
        self._waiting: deque[_T] = deque()
        self._waiting_size = 0
        self._failures = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._loop = Periodic(name, None, self._record_all, retry=retry or Backoff(0.1, 2.0))

    def __len__(self) -> int:
        return len(self._waiting)

    async def __aenter__(self) -> Self:
        await self._loop.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await is_set_within(self._empty, self._last_s)
        await self._loop.__aexit__(kind, error, trace)

    def put(self, item: _T) -> bool:
        """Queue an item; drop it as "full" where there is no room. Returns whether it is queued."""
        size = self._size(item)
        if self._waiting_size + size > self._bound:
            self._on_drop([item], "full")
            return False
        self._waiting.append(item)
        self._waiting_size += size
        self._empty.clear()
        self._loop.wake()
        return True

    async def _record_all(self) -> None:
        while self._waiting:
            batch = list(islice(self._waiting, self._batch))
            try:
                await self._record(batch)
            except AWAY:
                self._failures += 1
                if self._failures == self._tries:
                    self._remove(batch)
                    self._on_drop(batch, "late")
                raise
            except Exception:
                log.exception("items not recorded", queue=self._name, items=len(batch))
                self._remove(batch)
                self._on_drop(batch, "failed")
            else:
                self._remove(batch)

    def _remove(self, batch: Sequence[_T]) -> None:
        """Remove the first batch from the queue."""
        self._failures = 0
        for item in batch:
            self._waiting.popleft()
            self._waiting_size -= self._size(item)
        if not self._waiting:
            self._empty.set()
