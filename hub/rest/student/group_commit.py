"""Group commit: requests of one group that come together are carried out in one transaction, a lone one at once.

One batch of a group runs at a time, and `slots` bound the batches of all groups. So requests that need the same row of
the database wait here, and not with a pooled connection. It must never answer before COMMIT.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Generic, TypeVar
from uuid import UUID

import msgspec
import structlog

from db.errors import AWAY, RequestError, sqlstate_of
from hub.errors import Busy
from hub.tasks import DetachedTasks

log = structlog.get_logger(__name__)

_R = TypeVar("_R")
_T = TypeVar("_T")

BATCH: Final = 50
"""The most requests of one transaction."""

GATHER_S: Final = 0.03
"""How long requests gather while others of their group were waiting: a batch costs little more than one of them."""

WAITING: Final = 10_000
"""The most requests of one group that wait."""

ANSWER_S: Final = 4.0
"""After this time a caller is told to send the request again. It is still carried out."""


class _Queued(msgspec.Struct, Generic[_R, _T]):
    item: UUID
    request: _R
    answer: "asyncio.Future[_T]"


class GroupCommit(Generic[_R, _T]):
    """Carries out requests, each about one item of a group: `commit(group, requests by item)` in one transaction.

    `commit` returns the result of each item, or why it was refused. If it raises, nothing was stored, and each request
    of the batch is tried alone.
    """

    def __init__(
        self,
        commit: Callable[[UUID, Mapping[UUID, _R]], Awaitable[Mapping[UUID, _T | RequestError]]],
        slots: asyncio.Semaphore,
        tasks: DetachedTasks,
        *,
        gather_s: float = GATHER_S,
        answer_s: float = ANSWER_S,
        waiting: int = WAITING,
    ) -> None:
        self._commit = commit
        self._slots = slots
        self._tasks = tasks
        self._gather_s = gather_s
        self._answer_s = answer_s
        self._most = waiting
        # A group is a key while a task works on it.
        self._groups: dict[UUID, deque[_Queued[_R, _T]]] = {}

    async def run(self, group: UUID, item: UUID, request: _R) -> _T:
        """Carry out a request with others of its group. A caller that goes away does not stop it.

        Raises what refuses it, and Busy when too many wait or the answer takes too long.
        """
        waiting = self._groups.get(group)
        if waiting is not None and len(waiting) >= self._most:
            raise Busy("Too many requests are waiting. Try again in a moment.")
        one = _Queued[_R, _T](item, request, asyncio.get_running_loop().create_future())
        if waiting is None:
            self._groups[group] = deque([one])
            self._tasks.start(self._work(group))
        else:
            waiting.append(one)
        try:
            async with asyncio.timeout(self._answer_s):
                return await one.answer
        except TimeoutError as error:
            if not one.answer.cancelled():
                raise
            raise Busy("This takes longer than usual. Send it again in a moment: nothing is done twice.") from error

    async def _work(self, group: UUID) -> None:
        waiting = self._groups[group]
        try:
            while waiting:
                async with self._slots:
                    await self._answer(group, _take(waiting))
                if waiting:
                    await asyncio.sleep(self._gather_s)
        finally:
            del self._groups[group]
            for one in waiting:  # only if this task was cancelled
                one.answer.cancel()

    async def _answer(self, group: UUID, batch: Mapping[UUID, _Queued[_R, _T]]) -> None:
        try:
            outcomes = await self._commit(group, {item: one.request for item, one in batch.items()})
        except Exception as error:
            is_away = isinstance(error, AWAY) and not sqlstate_of(error)
            if len(batch) == 1 or is_away:
                for one in batch.values():
                    _settle(one, error)
                return
            log.warning("batch failed, each alone", group=str(group), count=len(batch), error=type(error).__name__)
            for item, one in batch.items():
                await self._answer(group, {item: one})
            return
        for item, one in batch.items():
            _settle(one, outcomes[item])


def _take(waiting: deque[_Queued[_R, _T]]) -> dict[UUID, _Queued[_R, _T]]:
    """Take the next batch, in order. A second request about an item stays for the batch after it."""
    batch: dict[UUID, _Queued[_R, _T]] = {}
    later = []
    while waiting and len(batch) < BATCH:
        one = waiting.popleft()
        if one.item in batch:
            later.append(one)
        else:
            batch[one.item] = one
    waiting.extendleft(reversed(later))
    return batch


def _settle(one: _Queued[_R, _T], outcome: _T | Exception) -> None:
    if one.answer.done():  # its caller has gone
        return
    if isinstance(outcome, Exception):
        one.answer.set_exception(outcome)
    else:
        one.answer.set_result(outcome)
