"""The roll of this hub's candidates: who is connected, and what time and other processes ask of them.

Every three seconds one query tells which of them have a newer connection elsewhere, and one which have instructions
waiting; hints only make that sooner. What a session makes of it is decided in `session.py`, never here.
"""

import asyncio
from collections.abc import Collection, Sequence
from types import TracebackType
from typing import Protocol
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import AWAY
from db.hints import Hint
from db.queries import instructions, streams
from hub.wire import now_ms
from protocol.monitor import Instruct

log = structlog.get_logger(__name__)

TICK_S = 0.25
LOOK_S = 3.0
"""How often PostgreSQL is asked: so late, at most, does a superseded socket hear of it without a hint (WIRE §2)."""


class Candidate(Protocol):
    """What the roll needs of one candidate's socket."""

    @property
    def attempt_id(self) -> UUID:
        """Whose connection this is."""

    @property
    def generation(self) -> int:
        """Which connection of the attempt this is."""

    def supersede(self) -> None:
        """Make room for a newer connection of the same attempt."""

    def instruct(self, waiting: Sequence[Instruct]) -> None:
        """Pass on those instructions that were not passed on yet."""

    def tick(self, now_ms: int) -> None:
        """Let time pass."""


class Roll:
    """The sockets of one hub process: all of them for the clock, the newest of each attempt for everything else."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._sockets: set[Candidate] = set()
        self._newest: dict[UUID, Candidate] = {}
        self._hinted: set[UUID] = set()
        self._look = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def __len__(self) -> int:
        return len(self._sockets)

    async def __aenter__(self) -> "Roll":
        loops = (self._tick_all(), self._watch())
        self._tasks = [asyncio.create_task(loop, name="roll") for loop in loops]
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

    def enter(self, candidate: Candidate) -> None:
        """Make this the attempt's newest socket here; the older one makes room at once."""
        older = self._newest.get(candidate.attempt_id)
        if older is not None and older.generation > candidate.generation:
            candidate.supersede()
            return
        self._newest[candidate.attempt_id] = candidate
        if older is not None:
            older.supersede()

    def depart(self, candidate: Candidate) -> None:
        """Let no more time pass for a socket that is gone."""
        self._sockets.discard(candidate)

    def leave(self, candidate: Candidate) -> None:
        """Forget an attempt's socket, unless a newer one has taken its place."""
        if self._newest.get(candidate.attempt_id) is candidate:
            del self._newest[candidate.attempt_id]

    def on_hint(self, hint: Hint) -> None:
        """Look for an attempt's instructions now instead of within three seconds."""
        if hint.channel == "instructions" and hint.key in self._newest:
            self._hinted.add(hint.key)
            self._look.set()

    async def _tick_all(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now = now_ms()
            for candidate in list(self._sockets):
                try:
                    candidate.tick(now)
                except Exception:
                    # One session's fault must not stop the clock of the others.
                    log.exception("session failed on its clock")

    async def _watch(self) -> None:
        clock = asyncio.get_running_loop().time
        due_s = clock()
        while True:
            hinted, self._hinted = self._hinted, set()
            self._look.clear()
            try:
                # However many hints come: everybody has their turn every few seconds.
                if clock() >= due_s:
                    due_s = clock() + LOOK_S
                    await self._check_all()
                elif hinted:
                    await self._pass_instructions(hinted)
            except AWAY as error:
                log.warning("roll not checked", error=type(error).__name__)
            except Exception:
                log.exception("roll not checked")
            await _wait(self._look, max(0.0, due_s - clock()))

    async def _check_all(self) -> None:
        generations = {attempt_id: candidate.generation for attempt_id, candidate in self._newest.items()}
        if not generations:
            return
        async with self._engine.connect() as conn:
            superseded = await streams.superseded(conn, generations)
        for attempt_id in superseded:
            candidate = self._newest.get(attempt_id)
            if candidate is not None and candidate.generation == generations[attempt_id]:
                candidate.supersede()
        await self._pass_instructions(generations.keys())

    async def _pass_instructions(self, attempt_ids: Collection[UUID]) -> None:
        async with self._engine.connect() as conn:
            pending = await instructions.pending(conn, list(attempt_ids))
        for attempt_id, waiting in pending.items():
            candidate = self._newest.get(attempt_id)
            if candidate is not None:
                candidate.instruct(waiting)


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
