"""The teacher of a simulated exam: follows the board and records when each flag arrived. Sends no commands."""

import asyncio
import time
from collections import deque
from uuid import UUID

import msgspec

from hub.board.board import Board
from protocol.codec import Encoding
from protocol.console import Delta, FlagRow, Live, Presence, Resync, Snapshot
from protocol.limits import FOCUS_ATTEMPTS
from veritas.client import Console
from veritas.client.console import Frame

LATEST = 50
FOCUS_S = 1.0
"""Shortest time between two changes of the focus; students arrive one by one."""


class Arrival(msgspec.Struct, frozen=True):
    """A flag as the console received it; `after_ms` counts from when the last cited event was stored."""

    flag: FlagRow
    after_ms: float | None


class SimulatedTeacher:
    """Board of one exam, built from the frames that a console received."""

    def __init__(self) -> None:
        self.board: Board | None = None
        self.presence: dict[int, Presence] = {}
        """Latest live values by the attempt's index (`ix`)."""
        self.arrivals: dict[UUID, Arrival] = {}
        """First arrival of each flag, in a delta or a snapshot."""
        self.latest: deque[Arrival] = deque(maxlen=LATEST)
        self.loaded = asyncio.Event()
        self.arrived = asyncio.Event()
        """Set when a flag arrives; cleared before waiting for the next one."""
        self._parts: list[Snapshot] = []

    async def follow(self, console: Console, exam_id: UUID) -> None:
        """Follow the board until cancelled, with the first attempts in focus. Raises ClosedForGood."""
        await console.watch(exam_id)
        focus: list[int] = []
        focused_s = 0.0
        async for frame in console:
            self.take(frame, time.time_ns() / 1_000_000)
            if time.monotonic() - focused_s > FOCUS_S and focus != (wanted := self.in_focus()):
                focus, focused_s = wanted, time.monotonic()
                await console.focus(exam_id, focus)

    def in_focus(self) -> list[int]:
        """Return the indexes of the attempts to focus on, as many as a console may have."""
        return sorted(attempt.ix for attempt in self.board.attempts.values())[:FOCUS_ATTEMPTS] if self.board else []

    def take(self, frame: Frame, now_ms: float) -> None:
        """Apply a frame that arrived at `now_ms`, in ms since the epoch."""
        match frame:
            case Snapshot():
                self._take_part(frame, now_ms)
            case Delta():
                # A flag arrives in a delta of its kind; the board applies every other change.
                if self.board is not None and self.board.apply(frame, Encoding.JSON) and frame.kind == "flag":
                    self._note(msgspec.json.decode(frame.body, type=FlagRow), now_ms)
            case Live():
                self.presence.update((attempt.ix, attempt) for attempt in frame.attempts)
            case Resync():
                self.board = None

    def rules_seen(self) -> dict[UUID, set[str]]:
        """Return the rules that raised a flag, by attempt."""
        seen: dict[UUID, set[str]] = {}
        for arrival in self.arrivals.values():
            seen.setdefault(arrival.flag.attempt_id, set()).add(arrival.flag.rule)
        return seen

    def latencies(self) -> list[float]:
        """Return how long each flag took from its last cited event to this console, in ms."""
        return [arrival.after_ms for arrival in self.arrivals.values() if arrival.after_ms is not None]

    def _take_part(self, part: Snapshot, now_ms: float) -> None:
        self._parts = [part] if part.part == 1 else [*self._parts, part]
        if part.part < part.parts:
            return
        self.board = Board.from_parts(self._parts)
        self._parts = []
        self.loaded.set()
        for flag in self.board.flags.values():
            self._note(flag, now_ms)

    def _note(self, flag: FlagRow, now_ms: float) -> None:
        if flag.flag_id in self.arrivals:
            return
        after_ms = None if flag.last_fact_at is None else max(0.0, now_ms - flag.last_fact_at)
        arrival = Arrival(flag, after_ms)
        self.arrivals[flag.flag_id] = arrival
        self.latest.append(arrival)
        self.arrived.set()
