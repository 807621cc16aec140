"""Who is connected at any hub, by the record: one look at PostgreSQL every three seconds for all watched exams.

It finds what nobody tells: candidates of hubs that died, of hubs nothing is heard from, and what was stored before
this hub began. Nothing is asked about exams that nobody watches here.
"""

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import AWAY
from db.queries.connections import presence as records
from hub.board.follower import Audience
from hub.presence.presence import Presence
from hub.tasks import Background

log = structlog.get_logger(__name__)

LOOK_S: Final = 3.0
BEAT_S: Final = 0.5
"""How soon somebody notices that an exam is watched."""

SHARES: Final = 5
"""Each look counts one attempt in so many, and those somebody looks at closely: all of them within 15 s."""

AT_ONCE: Final = 1_000
"""How many attempts' numbers one statement asks for."""


class PresencePoll(Background):
    """Looks while its context is open."""

    name = "census"

    def __init__(
        self,
        engine: AsyncEngine,
        audience: Audience,
        presence: Presence,
        *,
        look_s: float = LOOK_S,
        beat_s: float = BEAT_S,
    ) -> None:
        self._engine = engine
        self._audience = audience
        self._presence = presence
        self._look_s = look_s
        self._beat_s = beat_s
        self._unseen: set[UUID] = set()
        self._looks = 0

    async def look(self) -> None:
        """Look once at every watched exam; one not seen yet is counted whole. Raises what PostgreSQL's absence does."""
        focus = self._watch()
        if not focus:
            return
        async with self._engine.connect() as conn:
            found = await records.read_presence(conn, list(focus))
            for exam_id, connected in found.items():
                self._presence.recorded(exam_id, connected)
            unseen = self._unseen & focus.keys()
            await self._count(conn, [(key, ix) for key in unseen for ix in self._presence.known(key)], at_once=True)
            self._looks += 1
            share = [
                (key, ix)
                for key in focus.keys() - unseen
                for ix in self._presence.known(key)
                if ix % SHARES == self._looks % SHARES or ix in focus[key]
            ]
            await self._count(conn, share, at_once=False)
        self._unseen -= unseen

    def _watch(self) -> dict[UUID, frozenset[int]]:
        """What is watched, and looked at closely, now."""
        focus = {
            exam_id: frozenset[int]().union(*(one.focus(exam_id) for one in subscribers))
            for exam_id, subscribers in self._audience.watched()
        }
        self._unseen |= self._presence.watch(focus.keys())
        self._unseen &= focus.keys()
        return focus

    async def _count(self, conn: AsyncConnection, attempts: Sequence[tuple[UUID, int]], *, at_once: bool) -> None:
        for start in range(0, len(attempts), AT_ONCE):
            rows = await records.read_counts(conn, attempts[start : start + AT_ONCE])
            self._presence.counted(rows, at_once=at_once)

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        due_s, away = 0.0, False
        while True:
            try:
                self._watch()
                if self._unseen or clock() >= due_s:
                    due_s = clock() + self._look_s
                    await self.look()
                away = False
            except AWAY as error:
                if not away:
                    log.warning("census not taken", error=type(error).__name__)
                away = True
            except Exception:
                log.exception("census failed")
            await asyncio.sleep(self._beat_s)
