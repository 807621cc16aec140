"""A crowd of seats in one process (`python -m bench.load.crowd`): connects, writes at fixed times, and reconnects.

Reads a `CrowdRequest` from standard input, prints `CrowdReady` once every seat is welcomed, writes from `go` on, and
prints a `CrowdOutcome`. The sockets stay open until standard input ends. Never evaluates a result.
"""

import asyncio
import heapq
import sys
import time
from functools import partial
from random import Random
from typing import Final
from uuid import UUID

import msgspec
import uvloop

from bench.figures import Latency, latency
from bench.load.seat import PlannedFrame, Seat, Tally, wire_of
from protocol.events import Event
from protocol.monitor import Events, Mark
from veritas.client.reconnect import ReconnectPause

OPENING: Final = 200
"""Handshakes at the same time."""

OPEN_S: Final = 30.0
VARIANTS: Final = 20
"""Different recordings; seats share them."""

LEFT_MS: Final = 2_000
"""How long before the planted paste the page was left; every rule for absences alone needs longer."""


class CrowdSeat(msgspec.Struct, frozen=True):
    """An attempt and its tickets, one for each connection."""

    attempt_id: UUID
    tickets: list[str]


class CrowdRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The load: `per_frame` 0 is one event in frames of even seats and two in odd ones.

    `kind` is `write` or `alive`. One seat in `planted_every` leaves, comes back and pastes; 0 is none.
    """

    port: int
    seats: list[CrowdSeat]
    rate: float
    seconds: float
    per_frame: int = 0
    kind: str = "write"
    planted_every: int = 0
    seed: int = 1
    patience_s: float = 120.0


class CrowdReady(msgspec.Struct, frozen=True):
    """All seats are welcomed."""

    seconds: float
    cpu_s: float
    opened: Latency


class CrowdOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent and acknowledged, by seat. `planted` has when each planted paste was sent, s since the epoch.

    `back_s` is when each seat was welcomed again, s after the first socket was lost. `late_ms` is the most that the
    generator was late itself.
    """

    sent: list[int]
    acked: list[int]
    seconds: float
    cpu_s: float
    waits: Latency | None
    planted: dict[UUID, float]
    refusals: list[str]
    told_to_wait: int
    closes: dict[int, int]
    resent: int
    back_s: list[float]
    late_ms: float


class Crowd:
    """All seats of a request."""

    def __init__(self, request: CrowdRequest) -> None:
        self._request = request
        self._random = Random(request.seed)  # noqa: S311 - a seed makes a run repeatable
        self._tally = Tally()
        self._epoch_s = time.perf_counter()
        self._epoch_ms = time.time_ns() // 1_000_000
        period_s = max(1.0, request.per_frame or 2) / request.rate if request.rate else 1.0
        count = len(request.seats)
        self.seats = [
            Seat(seat.attempt_id, list(seat.tickets), number / count * period_s, self._epoch_s, self._tally)
            for number, seat in enumerate(request.seats)
        ]
        self._opening = asyncio.Semaphore(OPENING)
        self._opened_ms: list[float] = []
        self._first_lost_s: float | None = None
        self._back_s: list[float] = []
        self._late_ms = 0.0
        self._keeping: list[asyncio.Task[None]] = []

    async def open(self) -> CrowdReady:
        """Open every socket; each is kept open from now on."""
        began_s, cpu_s = time.perf_counter(), time.process_time()
        self._keeping = [asyncio.create_task(self._keep(number, seat)) for number, seat in enumerate(self.seats)]
        async with asyncio.timeout(self._request.patience_s):
            await asyncio.gather(*(seat.welcomed.wait() for seat in self.seats))
        opened = latency(self._opened_ms)
        return CrowdReady(time.perf_counter() - began_s, time.process_time() - cpu_s, opened)

    async def write(self) -> CrowdOutcome:
        """Send what is planned when it is due; wait for all acknowledgements, also over reconnections."""
        started_s, cpu_s = time.perf_counter(), time.process_time()
        self._plan(started_s)
        due = [(seat.phase_s + seat.frames[0].due_s, n, 0) for n, seat in enumerate(self.seats) if seat.frames]
        heapq.heapify(due)
        while due:
            await asyncio.sleep(max(0.001, started_s + due[0][0] - time.perf_counter()))
            now_s = time.perf_counter() - started_s
            while due and due[0][0] <= now_s:
                due_s, number, at = due[0]
                seat = self.seats[number]
                self._late_ms = max(self._late_ms, (now_s - due_s) * 1000)
                seat.due = at + 1
                seat.pump()
                if at + 1 < len(seat.frames):
                    heapq.heapreplace(due, (seat.phase_s + seat.frames[at + 1].due_s, number, at + 1))
                else:
                    heapq.heappop(due)
        give_up_s = time.perf_counter() + self._request.patience_s
        # Looking at all seats now and then is cheaper than an event for every acknowledgement.
        while not all(seat.is_done for seat in self.seats) and time.perf_counter() < give_up_s:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        return self._outcome(time.perf_counter() - started_s, time.process_time() - cpu_s)

    def close(self) -> None:
        """Close every socket."""
        for task in self._keeping:
            task.cancel()
        for seat in self.seats:
            seat.close()

    async def _keep(self, number: int, seat: Seat) -> None:
        """Connect, and reconnect with the pauses of a real client."""
        pause = ReconnectPause(Random(self._request.seed * 1_000_003 + number))  # noqa: S311 - repeatable
        while seat.can_open:
            is_first = seat.welcomes == 0
            opened_s = time.perf_counter()
            if await self._connect(number, seat):
                if is_first:
                    self._opened_ms.append((time.perf_counter() - opened_s) * 1000)
                elif self._first_lost_s is not None:
                    self._back_s.append(time.perf_counter() - self._first_lost_s)
                await seat.lost.wait()
                if self._first_lost_s is None:
                    self._first_lost_s = time.perf_counter()
            await asyncio.sleep(pause.after_s(proven=seat.has_ack))

    async def _connect(self, number: int, seat: Seat) -> bool:
        loop = asyncio.get_running_loop()
        async with self._opening:
            try:
                async with asyncio.timeout(OPEN_S):
                    await loop.create_connection(
                        lambda: seat, "127.0.0.1", self._request.port, local_addr=(network(number), 0)
                    )
                    welcomed, lost = (asyncio.ensure_future(each.wait()) for each in (seat.welcomed, seat.lost))
                    await asyncio.wait({welcomed, lost}, return_when=asyncio.FIRST_COMPLETED)
                    welcomed.cancel()
                    lost.cancel()
            except (OSError, TimeoutError):
                seat.close()
                return False
        return seat.welcomed.is_set()

    def _plan(self, started_s: float) -> None:
        """Build the frames of each variant, and give them to the seats."""
        mono_ms = int((started_s - self._epoch_s) * 1000)
        make = partial(plan, self._request, mono_ms=mono_ms, at_ms=self._epoch_ms + mono_ms)
        every = self._request.planted_every
        plain = [make(number) for number in range(VARIANTS)]
        pasting = [make(number, pastes=True) for number in range(VARIANTS)] if every else []
        for number, seat in enumerate(self.seats):
            # Neither the number modulo the variants nor their parity may decide who pastes.
            seat.frames = (pasting if every and number % every == every - 1 else plain)[
                (number // every if every else number) % VARIANTS
            ]
            seat.started_s = started_s

    def _outcome(self, seconds: float, cpu_s: float) -> CrowdOutcome:
        tally = self._tally
        return CrowdOutcome(
            sent=[seat.sent for seat in self.seats],
            acked=[seat.acked for seat in self.seats],
            seconds=seconds,
            cpu_s=cpu_s,
            waits=latency(tally.waits_ms) if tally.waits_ms else None,
            planted=tally.planted_at,
            refusals=tally.refusals[:20],
            told_to_wait=tally.told_to_wait,
            closes=tally.closes,
            resent=tally.resent,
            back_s=self._back_s,
            late_ms=self._late_ms,
        )


def plan(request: CrowdRequest, variant: int, *, mono_ms: int, at_ms: int, pastes: bool = False) -> list[PlannedFrame]:
    """Return the frames of one variant, due from 0 on. Pure: `mono_ms` and `at_ms` are the clocks at the start."""
    random = Random(request.seed * 1_000 + variant)  # noqa: S311 - a seed makes a run repeatable
    per_frame = request.per_frame or 1 + variant % 2
    count = int(request.rate * request.seconds) // per_frame * per_frame
    away = max(1, round(LEFT_MS / 1000 * request.rate))
    earliest = max(count // 3, away + 2)
    paste_at = random.randrange(earliest, max(earliest + 1, count * 4 // 5)) if pastes else -1
    frames: list[PlannedFrame] = []
    for first in range(0, count, per_frame):
        due_s = (first + per_frame - 1) / request.rate
        events = []
        for number in range(first, first + per_frame):
            kind, data = _event(request, random, number, paste_at, away)
            after_ms = int(number / request.rate * 1000)
            events.append(Event(kind, at_ms + after_ms, mono_ms + after_ms, data))
        marks = tuple(Mark(first + 1 + n, event.at, event.mono) for n, event in enumerate(events))
        is_planted = any(event.type == "paste" for event in events)
        frames.append(PlannedFrame(wire_of(Events(first + 1, events)), first + per_frame, due_s, marks, is_planted))
    return frames


def network(number: int) -> str:
    """Return the source address of a seat: candidates come from many networks."""
    return f"127.{1 + number % 200}.{1 + number // 200 % 250}.1"


def _event(
    request: CrowdRequest, random: Random, number: int, paste_at: int, away: int
) -> tuple[str, dict[str, object]]:
    if request.kind == "alive":
        return "alive", {}
    if paste_at >= 0 and number == paste_at - away - 1:
        return "tab_hidden", {}
    if paste_at >= 0 and number == paste_at - 1:
        return "tab_visible", {}
    if number == paste_at:
        return "paste", {"chars": 340, "item": "q1"}
    item, chosen = f"q{1 + number // 40}", random.random()
    if number % 40 == 0:
        return "item_opened", {"item": item}
    if chosen < 0.05 or paste_at - away - 1 < number < paste_at:
        return "alive", {}
    if chosen < 0.10:
        return "answered", {"item": item, "value": f"choice {random.randrange(4)}", "ms": 9_000}
    chars = random.randint(2, 12)
    return "typing", {"item": item, "chars": chars, "ms": chars * 180}


async def run() -> None:
    """Serve one request."""
    loop = asyncio.get_running_loop()
    request = msgspec.json.decode(await loop.run_in_executor(None, sys.stdin.buffer.readline), type=CrowdRequest)
    crowd = Crowd(request)
    _print(await crowd.open())
    if (await loop.run_in_executor(None, sys.stdin.buffer.readline)).strip() == b"go":
        _print(await crowd.write())
        await loop.run_in_executor(None, sys.stdin.buffer.read)
    crowd.close()
    await asyncio.sleep(0.1)


def _print(message: CrowdReady | CrowdOutcome) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    """Run on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


if __name__ == "__main__":
    main()
