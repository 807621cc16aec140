"""The teacher of a simulated class: follows the board and notes when each flag arrived. It gives no commands."""

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
"""How often at most it changes what it looks at closely: a class comes in one by one."""


class Arrival(msgspec.Struct, frozen=True):
    """A flag as it came to the console: `after_ms` from the storing of the last fact it cites."""

    flag: FlagRow
    after_ms: float | None


class Watcher:
    """One exam's board as a console holds it, folded from the frames it received."""

    def __init__(self) -> None:
        self.board: Board | None = None
        self.presence: dict[int, Presence] = {}
        """Latest live values by the attempt's small number."""
        self.arrivals: dict[UUID, Arrival] = {}
        """By flag; the first time each was seen, in a delta or in a snapshot."""
        self.latest: deque[Arrival] = deque(maxlen=LATEST)
        self.loaded = asyncio.Event()
        self.arrived = asyncio.Event()
        """Set whenever a flag arrives; cleared by whoever waits for the next one."""
        self._parts: list[Snapshot] = []

    async def follow(self, console: Console, exam_id: UUID) -> None:
        """Watch until cancelled, the first attempts closely. Raises ClosedForGood when the hub ends it."""
        await console.watch(exam_id)
        focus: list[int] = []
        looked_s = 0.0
        async for frame in console:
            self.take(frame, time.time_ns() / 1_000_000)
            if time.monotonic() - looked_s > FOCUS_S and focus != (wanted := self.in_focus()):
                focus, looked_s = wanted, time.monotonic()
                await console.focus(exam_id, focus)

    def in_focus(self) -> list[int]:
        """The attempts to look at closely, by their small numbers: as many as a console may."""
        return sorted(attempt.ix for attempt in self.board.attempts.values())[:FOCUS_ATTEMPTS] if self.board else []

    def take(self, frame: Frame, now_ms: float) -> None:
        """Take one frame that arrived at `now_ms`, ms since the epoch."""
        match frame:
            case Snapshot():
                self._take_part(frame, now_ms)
            case Delta():
                # Flags arrive by their own frame; whatever else changed is the board's business.
                if self.board is not None and self.board.apply(frame, Encoding.JSON) and frame.kind == "flag":
                    self._note(msgspec.json.decode(frame.body, type=FlagRow), now_ms)
            case Live():
                self.presence.update((one.ix, one) for one in frame.attempts)
            case Resync():
                self.board = None

    def rules_seen(self) -> dict[UUID, set[str]]:
        """Which rules raised something, by attempt."""
        seen: dict[UUID, set[str]] = {}
        for arrival in self.arrivals.values():
            seen.setdefault(arrival.flag.attempt_id, set()).add(arrival.flag.rule)
        return seen

    def latencies(self) -> list[float]:
        """How long each flag took from its last cited fact to this console, ms."""
        return [one.after_ms for one in self.arrivals.values() if one.after_ms is not None]

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
