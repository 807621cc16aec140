"""Polls PostgreSQL for presence: one query set every three seconds for all watched exams.

It finds what no hub reports: candidates of hubs that have died or cannot be reached, and events stored before this hub
started. Never reads exams that no console here watches.
"""

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.engine import reading
from db.periodic import Periodic
from db.queries.connections.presence import read_counts, read_presence
from hub.board.subscriber import Subscriptions, focus_of
from hub.presence.presence import HubPresence

POLL_S: Final = 3.0
CHECK_S: Final = 0.5
"""How often new watched exams are looked up: they are polled at once."""

POLL_SHARES: Final = 5
"""One poll counts one share of the attempts, and those in focus: all of them within 15 s."""

QUERY_ATTEMPTS: Final = 1_000
"""How many attempts one query counts."""


class PresencePoll(Periodic):
    """Polls while its context is open."""

    def __init__(
        self,
        engine: AsyncEngine,
        subscriptions: Subscriptions,
        presence: HubPresence,
        *,
        poll_s: float = POLL_S,
        check_s: float = CHECK_S,
    ) -> None:
        self._engine = engine
        self._subscriptions = subscriptions
        self._presence = presence
        self._poll_s = poll_s
        self._due_s = 0.0
        self._new: set[UUID] = set()
        """Watched exams that were not polled yet."""
        self._polls = 0
        super().__init__("presence-poll", check_s, self._check, at_once=True)

    async def poll(self) -> None:
        """Poll every watched exam once; count all attempts of a new one. Raises the errors of `db.errors.AWAY`."""
        focus = self._watch()
        if not focus:
            return
        async with reading(self._engine) as conn:
            connected = await read_presence(conn, list(focus))
            for exam_id, rows in connected.items():
                self._presence.merge_connections(exam_id, rows)
            new = self._new & focus.keys()
            attempts = [(exam_id, ix) for exam_id in new for ix in self._presence.known_attempts(exam_id)]
            await self._count(conn, attempts, send_now=True)
            self._polls += 1
            share = [
                (exam_id, ix)
                for exam_id in focus.keys() - new
                for ix in self._presence.known_attempts(exam_id)
                if ix % POLL_SHARES == self._polls % POLL_SHARES or ix in focus[exam_id]
            ]
            await self._count(conn, share, send_now=False)
        self._new -= new

    def _watch(self) -> dict[UUID, frozenset[int]]:
        """Return the watched exams, each with the attempts in focus."""
        focus = {exam_id: focus_of(exam_id, subscribers) for exam_id, subscribers in self._subscriptions.watched()}
        self._new |= self._presence.watch(focus.keys())
        self._new &= focus.keys()
        return focus

    async def _count(self, conn: AsyncConnection, attempts: Sequence[tuple[UUID, int]], *, send_now: bool) -> None:
        for start in range(0, len(attempts), QUERY_ATTEMPTS):
            rows = await read_counts(conn, attempts[start : start + QUERY_ATTEMPTS])
            self._presence.merge_streams(rows, send_now=send_now)

    async def _check(self) -> None:
        """Poll if it is time, or if an exam is newly watched."""
        clock = asyncio.get_running_loop().time
        self._watch()
        if self._new or clock() >= self._due_s:
            self._due_s = clock() + self._poll_s
            await self.poll()
