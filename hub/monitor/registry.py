"""The roll of this hub's candidates: who is connected, and what time and other processes ask of them.

Every few seconds one query tells how their attempts stand and who of them must go (a newer connection elsewhere, a
sign-in that has ended, off the roster), and one what is still to be asked of whom; hints only make that sooner. What a
session makes of it is decided in `session.py`, never here.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from types import TracebackType
from typing import Protocol
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import AWAY
from db.notify import Notification
from db.queries.connections import connections
from db.queries.connections.connections import SocketCheck, SocketKey
from db.queries.console import instructions
from hub.ingest.budget import Budget
from hub.sockets import steady_ms
from protocol.codes import CloseCode
from protocol.limits import Window
from protocol.monitor import Attempt, Instruct

log = structlog.get_logger(__name__)

TICK_S = 0.25
LOOK_S = 2.0
"""How often PostgreSQL is asked; on a busy machine, too, a superseded socket hears of it within 3 s (WIRE §2)."""


class Candidate(Protocol):
    """What the roll needs of one candidate's socket."""

    @property
    def attempt_id(self) -> UUID:
        """Whose connection this is."""

    @property
    def standing(self) -> SocketKey:
        """Which connection of the attempt this is, and by which sign-in."""

    def close(self, code: CloseCode) -> None:
        """Close for a reason from outside."""

    def change(self, attempt: Attempt) -> None:
        """Tell how the attempt stands, if that has changed."""

    def instruct(self, waiting: Sequence[Instruct]) -> None:
        """Pass on what is still to be asked."""

    def resize(self, window: Window) -> None:
        """Change how much the client may have unacknowledged."""

    def drain(self, in_ms: int) -> None:
        """Tell the client that this hub is going away."""

    def retire(self) -> None:
        """Have what was taken stored, then close: the hub is going away."""

    def tick(self, now_ms: int) -> None:
        """Let time pass."""


class Registry:
    """The sockets of one hub process: all of them for the clock, the newest of each attempt for everything else."""

    def __init__(self, engine: AsyncEngine, budget: Budget) -> None:
        self._engine = engine
        self._budget = budget
        self.window = budget.window()
        """What every candidate may have unacknowledged now."""
        self._sockets: set[Candidate] = set()
        self._empty = asyncio.Event()
        self._newest: dict[UUID, Candidate] = {}
        self._notified: set[UUID] = set()
        self._look = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def __len__(self) -> int:
        return len(self._sockets)

    async def __aenter__(self) -> "Registry":
        loops = (self._tick_all(), self._watch())
        self._tasks = [asyncio.create_task(loop, name="registry") for loop in loops]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def arrive(self, candidate: Candidate) -> None:
        """Let time pass for a socket from its first moment."""
        self._sockets.add(candidate)
        self._empty.clear()

    def enter(self, candidate: Candidate) -> None:
        """Make this the attempt's newest socket here; the older one makes room at once."""
        older = self._newest.get(candidate.attempt_id)
        if older is not None and older.standing.generation > candidate.standing.generation:
            candidate.close(CloseCode.SUPERSEDED)
            return
        self._newest[candidate.attempt_id] = candidate
        if older is not None:
            older.close(CloseCode.SUPERSEDED)

    def leave(self, candidate: Candidate) -> None:
        """Forget an attempt's socket, unless a newer one has taken its place."""
        if self._newest.get(candidate.attempt_id) is candidate:
            del self._newest[candidate.attempt_id]

    def holds(self, attempt_id: UUID, generation: int) -> bool:
        """Whether this connection's socket is here, as its attempt's newest."""
        newest = self._newest.get(attempt_id)
        return newest is not None and newest.standing.generation == generation

    def depart(self, candidate: Candidate) -> None:
        """Let no more time pass for a socket that is gone."""
        self._sockets.discard(candidate)
        if not self._sockets:
            self._empty.set()

    def everybody(self) -> list[Candidate]:
        """Every socket that is here now, welcomed or not."""
        return list(self._sockets)

    def close_all(self, code: CloseCode) -> None:
        """Close every socket with this code, for a reason that is the hub's own."""
        for candidate in self.everybody():
            candidate.close(code)

    async def wait_empty(self, timeout_s: float) -> bool:
        """Wait until no socket is left; whether that was in time."""
        return not self._sockets or await _wait(self._empty, timeout_s)

    def on_notification(self, notification: Notification) -> None:
        """Look at an attempt and its instructions now instead of a few seconds later."""
        if notification.channel in ("instructions", "attempt") and notification.key in self._newest:
            self._notified.add(notification.key)
            self._look.set()

    async def _tick_all(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now = steady_ms()
            window = self._budget.window()
            resized = window != self.window
            self.window = window
            for candidate in self.everybody():
                try:
                    candidate.tick(now)
                    if resized:
                        candidate.resize(window)
                except Exception:
                    # One session's fault must not stop the clock of the others.
                    log.exception("session failed on its clock")

    async def _watch(self) -> None:
        clock = asyncio.get_running_loop().time
        due_s = clock()
        while True:
            notified, self._notified = self._notified, set()
            self._look.clear()
            try:
                # However many hints come: everybody has their turn every few seconds.
                if clock() >= due_s:
                    due_s = clock() + LOOK_S
                    await self._look_at(list(self._newest))
                elif notified:
                    await self._look_at(notified)
            except AWAY as error:
                log.warning("roll not checked", error=type(error).__name__)
            except Exception:
                log.exception("roll not checked")
            await _wait(self._look, max(0.0, due_s - clock()))

    async def _look_at(self, attempt_ids: Collection[UUID]) -> None:
        newest = ((attempt_id, self._newest.get(attempt_id)) for attempt_id in attempt_ids)
        standings = {attempt_id: candidate.standing for attempt_id, candidate in newest if candidate is not None}
        if not standings:
            return
        async with self._engine.connect() as conn:
            self._tell(standings, await connections.check_sockets(conn, standings))
            await self._pass_instructions(conn, standings.keys())

    def _tell(self, asked: Mapping[UUID, SocketKey], found: Mapping[UUID, SocketCheck]) -> None:
        for attempt_id, finding in found.items():
            candidate = self._newest.get(attempt_id)
            # Since the question was asked it may have signed in anew, or another may have taken its place.
            if candidate is None or candidate.standing != asked[attempt_id]:
                continue
            if finding.code is None:
                candidate.change(finding.attempt)
            else:
                candidate.close(finding.code)

    async def _pass_instructions(self, conn: AsyncConnection, attempt_ids: Collection[UUID]) -> None:
        pending = await instructions.list_pending(conn, list(attempt_ids))
        for attempt_id, waiting in pending.items():
            candidate = self._newest.get(attempt_id)
            if candidate is not None:
                candidate.instruct(waiting)


async def _wait(event: asyncio.Event, timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(timeout_s):
            return await event.wait()
    except TimeoutError:
        return False
