"""Stage 9 of 9: all boards somebody watches at this hub, one follower each, one look at PostgreSQL a second for all.

Hints from Redis only make followers look sooner. A board nobody watches is kept for a while, then dropped.
"""

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Self
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import AWAY
from db.notify import Notification
from db.queries import feed
from db.queries.events.database_epoch import read_epoch
from hub.board.follower import Doors, Follower, Subscriber
from hub.tasks import DetachedTasks
from protocol.console import Since

log = structlog.get_logger(__name__)

POLL_S = 1.0
KEEP_S = 60.0
"""How long a board outlives its last watcher: reloads and reconnects find it ready."""

STOP_S = 2.0


class Feed:
    """The boards of one hub process; follows while its context is open."""

    def __init__(self, engine: AsyncEngine, *, poll_s: float = POLL_S, keep_s: float = KEEP_S) -> None:
        self._doors = Doors(engine)
        self._poll_s = poll_s
        self._keep_s = keep_s
        self._followers: dict[UUID, Follower] = {}
        self._idle_since: dict[UUID, float] = {}
        self._follower_tasks: dict[UUID, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._tasks = DetachedTasks()
        self._poll: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._poll = asyncio.create_task(self._poll_all(), name="feed-poll")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._poll is not None
        self._poll.cancel()
        for exam_id in list(self._followers):
            self._drop(exam_id)
        _, late = await asyncio.wait({self._poll, *self._ending}, timeout=STOP_S)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    def watch(self, exam_id: UUID, subscriber: Subscriber) -> None:
        """Show this exam's board to a console, now or as soon as it is loaded."""
        self._follower(exam_id).add(subscriber)

    async def resume(self, exam_id: UUID, subscriber: Subscriber, since: Since) -> None:
        """Show it to a console that holds the board up to `since`."""
        follower = self._follower(exam_id)
        # Who watches it anew is shown nothing meanwhile: a board begun now would be cut off by the rows it missed.
        follower.remove(subscriber)
        missed = await self._tasks.run(follower.read_missed(since))
        # The last other console may have left meanwhile: take it up anew, or the board would be dropped as idle.
        self._follower(exam_id).resume(subscriber, since, missed)

    def reopen(self, exam_id: UUID, subscriber: Subscriber, reason: str) -> None:
        """Show it anew to a console that lost its place."""
        follower = self._followers.get(exam_id)
        if follower is not None:
            follower.reopen(subscriber, reason)

    def unwatch(self, exam_id: UUID, subscriber: Subscriber) -> None:
        """Show it to this console no more."""
        follower = self._followers.get(exam_id)
        if follower is not None:
            follower.remove(subscriber)
            if not follower.subscribers:
                self._idle_since[exam_id] = asyncio.get_running_loop().time()

    def watched(self) -> list[tuple[UUID, Iterable[Subscriber]]]:
        """Every exam that somebody watches, with its consoles."""
        return [(key, list(one.subscribers)) for key, one in self._followers.items() if one.subscribers]

    def on_notification(self, notification: Notification) -> None:
        """Look sooner."""
        if notification.channel == "reconnected":
            for follower in self._followers.values():
                follower.wake()
        elif notification.channel == "feed" and notification.key in self._followers:
            self._followers[notification.key].wake()

    def _follower(self, exam_id: UUID) -> Follower:
        self._idle_since.pop(exam_id, None)
        follower = self._followers.get(exam_id)
        if follower is None:
            follower = self._followers[exam_id] = Follower(exam_id, self._doors)
            self._follower_tasks[exam_id] = asyncio.create_task(follower.run(), name=f"feed-{exam_id}")
        return follower

    def _drop(self, exam_id: UUID) -> None:
        self._followers.pop(exam_id).stop()
        self._idle_since.pop(exam_id, None)
        task = self._follower_tasks.pop(exam_id)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _poll_all(self) -> None:
        away = False
        while True:
            await asyncio.sleep(self._poll_s)
            self._drop_idle()
            try:
                await self._compare_heads()
                away = False
            except AWAY as error:
                if not away:
                    log.warning("heads not read", error=type(error).__name__)
                away = True
            except Exception:
                log.exception("feed poll failed")

    async def _compare_heads(self) -> None:
        before = {key: one.board.offset for key, one in self._followers.items() if one.board is not None}
        if not before:
            return
        async with self._doors.look() as conn:
            heads = await feed.read_heads(conn, list(before))
            epoch = await read_epoch(conn)
        for exam_id, head in heads.items():
            follower = self._followers.get(exam_id)
            if follower is not None:
                follower.compare(epoch, head, before[exam_id])

    def _drop_idle(self) -> None:
        now = asyncio.get_running_loop().time()
        for exam_id in [key for key, since in self._idle_since.items() if now - since > self._keep_s]:
            self._drop(exam_id)
