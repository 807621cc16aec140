"""Stage 9 of 9: all boards that consoles of this hub watch, one follower each, with one poll per second for all.

A notification only makes a follower query sooner: nothing depends on one arriving. A board without a console is kept
for a while, then dropped.
"""

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from db.notify import Notification
from db.periodic import Periodic
from db.queries import feed
from db.queries.events.database_epoch import read_epoch
from hub.board.follower import RESUME_ROWS, Follower
from hub.board.read_pool import ReadPool
from hub.board.subscriber import Subscriber
from hub.tasks import DetachedTasks
from protocol.console import Since

POLL_S: Final = 1.0
KEEP_S: Final = 60.0
"""How long a board is kept after its last console left: reloads and reconnects find it loaded."""

STOP_S: Final = 2.0
"""How long a query under way may take when the hub stops."""


class Feeds:
    """The boards of one hub process; follows their feeds while its context is open."""

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        poll_s: float = POLL_S,
        keep_s: float = KEEP_S,
        stop_s: float = STOP_S,
        resume_rows: int = RESUME_ROWS,
    ) -> None:
        self._pool = ReadPool(engine)
        self._keep_s = keep_s
        self._stop_s = stop_s
        self._resume_rows = resume_rows
        self._followers: dict[UUID, Follower] = {}
        self._idle_since: dict[UUID, float] = {}
        self._follower_tasks: dict[UUID, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._tasks = DetachedTasks()
        self._poll = Periodic("feed-poll", poll_s, self._poll_all)

    async def __aenter__(self) -> Self:
        await self._poll.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._poll.__aexit__(kind, error, trace)
        for exam_id in list(self._followers):
            self._drop(exam_id)
        if not self._ending:
            return
        _, late = await asyncio.wait(self._ending, timeout=self._stop_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    def watch(self, exam_id: UUID, subscriber: Subscriber) -> None:
        """Show this exam's board to a console, now or as soon as it is loaded."""
        self._follower(exam_id).add(subscriber)

    async def resume(self, exam_id: UUID, subscriber: Subscriber, since: Since) -> None:
        """Show this exam's board to a console that has it up to `since`."""
        follower = self._follower(exam_id)
        # The console gets nothing in the meantime: a board that opened now would then be cut off by the missed rows.
        follower.remove(subscriber)
        missed = await self._tasks.run(follower.read_missed(since))
        # The last other console may have left in the meantime: get the follower again, or the board would be dropped.
        self._follower(exam_id).resume(subscriber, since, missed)

    def reopen(self, exam_id: UUID, subscriber: Subscriber, reason: str) -> None:
        """Show the board again to a console that missed deltas."""
        follower = self._followers.get(exam_id)
        if follower is not None:
            follower.reopen(subscriber, reason)

    def unwatch(self, exam_id: UUID, subscriber: Subscriber) -> None:
        """Stop sending this exam's board to a console."""
        follower = self._followers.get(exam_id)
        if follower is not None:
            follower.remove(subscriber)
            if not follower.subscribers:
                self._idle_since[exam_id] = asyncio.get_running_loop().time()

    def watched(self) -> list[tuple[UUID, Iterable[Subscriber]]]:
        """Return every exam that a console watches, with its consoles."""
        return [
            (exam_id, list(follower.subscribers))
            for exam_id, follower in self._followers.items()
            if follower.subscribers
        ]

    def on_notification(self, notification: Notification) -> None:
        """Query the feed of the changed exam now; every feed after a gap in the notifications."""
        if notification.channel == "reconnected":
            for follower in self._followers.values():
                follower.wake()
        elif notification.channel == "feed" and notification.key in self._followers:
            self._followers[notification.key].wake()

    def _follower(self, exam_id: UUID) -> Follower:
        self._idle_since.pop(exam_id, None)
        follower = self._followers.get(exam_id)
        if follower is None:
            follower = self._followers[exam_id] = Follower(exam_id, self._pool, resume_rows=self._resume_rows)
            self._follower_tasks[exam_id] = asyncio.create_task(follower.run(), name=f"feed-{exam_id}")
        return follower

    def _drop(self, exam_id: UUID) -> None:
        self._followers.pop(exam_id).stop()
        self._idle_since.pop(exam_id, None)
        task = self._follower_tasks.pop(exam_id)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _poll_all(self) -> None:
        self._drop_idle()
        await self._compare_heads()

    async def _compare_heads(self) -> None:
        before = {
            exam_id: follower.board.offset
            for exam_id, follower in self._followers.items()
            if follower.board is not None
        }
        if not before:
            return
        async with self._pool.connect() as conn:
            heads = await feed.read_heads(conn, list(before))
            epoch = await read_epoch(conn)
        for exam_id, head in heads.items():
            follower = self._followers.get(exam_id)
            if follower is not None:
                follower.compare(epoch, head, before[exam_id])

    def _drop_idle(self) -> None:
        now_s = asyncio.get_running_loop().time()
        for exam_id in [key for key, since_s in self._idle_since.items() if now_s - since_s > self._keep_s]:
            self._drop(exam_id)
