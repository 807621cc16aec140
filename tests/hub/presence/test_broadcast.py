import asyncio
from collections.abc import Iterable, Sequence
from uuid import UUID

import pytest

from hub.presence.broadcast import Broadcast
from hub.presence.presence import TURNS, Presence
from hub.sockets import Frame, size_of
from protocol import console
from protocol.codec import Encoding, decode_to_console
from protocol.limits import FOCUS_ATTEMPTS, FRAME_BYTES
from tests.hub.exam_room import EXAM, Entry


class Spectator:
    def __init__(self, encoding: Encoding = Encoding.JSON) -> None:
        self.encoding = encoding
        self.wanting = True
        self.close: frozenset[int] = frozenset()
        self.refocused = False
        self.frames: list[Frame] = []
        self.shown = asyncio.Event()

    def wants_all(self, exam_id: UUID) -> bool:
        return self.wanting and exam_id == EXAM

    def show(self, exam_id: UUID, frames: Sequence[Frame]) -> None:
        assert exam_id == EXAM
        self.frames += frames
        self.shown.set()

    def show_all(self, exam_id: UUID, frames: Sequence[Frame]) -> None:
        self.wanting = False
        self.show(exam_id, frames)

    def focus_on(self, *ixs: int) -> None:
        self.close, self.refocused = frozenset(ixs), True

    def take_focus(self, exam_id: UUID, changed: frozenset[int]) -> frozenset[int]:
        assert exam_id == EXAM
        refocused, self.refocused = self.refocused, False
        return self.close if refocused else self.close & changed

    def take_frames(self) -> list[console.Live]:
        frames = [decode_to_console(frame, self.encoding) for frame in self.frames]
        self.frames.clear()
        assert all(isinstance(live, console.Live) and live.exam_id == EXAM for live in frames)
        return frames  # type: ignore[return-value]

    def take(self) -> list[console.Presence]:
        return [value for live in self.take_frames() for value in live.attempts]


class Audience:
    def __init__(self, *spectators: Spectator) -> None:
        self.spectators = spectators

    def watched(self) -> Iterable[tuple[UUID, Iterable[Spectator]]]:
        return [(EXAM, self.spectators)]


@pytest.fixture
def presence() -> Presence:
    presence = Presence()
    presence.watch([EXAM])
    return presence


def test_a_console_is_shown_everyone_and_then_what_changes(presence: Presence) -> None:
    spectator = Spectator()
    pulse = Broadcast(Audience(spectator), presence)
    presence.opened(Entry(1), 100)
    presence.opened(Entry(2), 100)
    pulse.beat()
    assert [one.ix for one in spectator.take()] == [1, 2]
    presence.closed(Entry(1), 200)
    presence.stored(Entry(2), 3, 200)
    pulse.beat()
    seen = spectator.take()
    for _ in range(TURNS):
        pulse.beat()
    seen += spectator.take()
    assert sorted(seen, key=lambda one: one.ix) == [
        console.Presence(1, online=False, events=0, seen_at=200),
        console.Presence(2, online=True, events=3, seen_at=200),
    ]


def test_whoever_is_looked_at_closely_is_shown_with_every_beat_and_to_nobody_else(presence: Presence) -> None:
    close, other = Spectator(), Spectator(Encoding.MSGPACK)
    pulse = Broadcast(Audience(close, other), presence)
    for ix in range(1, TURNS):
        presence.opened(Entry(ix), 100)
    pulse.beat()
    close.take(), other.take()
    close.focus_on(20, 21, 99)
    pulse.beat()
    assert sorted(one.ix for one in close.take()) == [20, 21]
    for seq in range(1, 4):
        presence.stored(Entry(20), seq, 200)
        pulse.beat()
        assert [(one.ix, one.events) for one in close.take()] == [(20, seq)]
    close.focus_on()
    presence.stored(Entry(20), 9, 200)
    pulse.beat()
    assert close.take() == other.take() == []


def test_a_console_that_comes_later_misses_nothing_and_costs_the_others_nothing(presence: Presence) -> None:
    early, late = Spectator(), Spectator(Encoding.MSGPACK)
    audience = Audience(early)
    pulse = Broadcast(audience, presence)
    presence.opened(Entry(1), 100)
    pulse.beat()
    early.take()
    presence.opened(Entry(2), 100)
    audience.spectators = (early, late)
    pulse.beat()
    assert [one.ix for one in early.take()] == [2]
    assert [one.ix for one in late.take()] == [1, 2]


def test_consoles_are_told_since_when_redis_is_away_and_when_it_is_back(presence: Presence) -> None:
    away: list[int | None] = [None]
    spectator, late = Spectator(), Spectator()
    audience = Audience(spectator)
    pulse = Broadcast(audience, presence, lambda: away[-1])
    pulse.beat()
    assert spectator.take_frames() == []
    away.append(7_000)
    pulse.beat()
    audience.spectators = (spectator, late)
    pulse.beat()
    presence.opened(Entry(1), 100)
    pulse.beat()
    away.append(None)
    pulse.beat()
    value = console.Presence(1, online=True, events=0, seen_at=100)
    told = [console.Live(EXAM, [], 7_000), console.Live(EXAM, [value], 7_000), console.Live(EXAM, [])]
    assert spectator.take_frames() == late.take_frames() == told


def test_large_exams_are_shown_in_frames_within_the_limit(presence: Presence) -> None:
    spectator = Spectator()
    for ix in range(1, 5_001):
        presence.opened(Entry(ix), 2**41)
    Broadcast(Audience(spectator), presence).beat()
    assert len(spectator.frames) == 5
    assert max(map(size_of, spectator.frames)) <= FRAME_BYTES
    assert len(spectator.take()) == 5_000


def test_five_thousand_busy_candidates_are_at_most_30_kilobytes_a_second(presence: Presence) -> None:
    """Two events a second each, 200 of them looked at closely, an hour in; whoever shows most is JSON."""
    spectator = Spectator()
    pulse = Broadcast(Audience(spectator), presence)
    now_ms, seq = 1_800_000_000_000, 7_200
    for ix in range(1, 5_001):
        presence.opened(Entry(ix, committed=seq), now_ms)
    pulse.beat()
    spectator.take()
    spectator.focus_on(*range(4_001, 4_001 + FOCUS_ATTEMPTS))
    sizes = []
    for _ in range(2 * TURNS):
        seq, now_ms = seq + 1, now_ms + 500
        for ix in range(1, 5_001):
            presence.stored(Entry(ix), seq, now_ms)
        pulse.beat()
        sizes.append(sum(map(size_of, spectator.frames)))
        spectator.frames.clear()
    per_second = 2 * sum(sizes) / len(sizes)
    print(f"live, 5,000 candidates × 2 events/s, {FOCUS_ATTEMPTS} in focus: {per_second / 1000:.1f} kB/s a console")  # noqa: T201
    assert per_second <= 30_000
    assert max(sizes) <= 1.2 * min(sizes)


async def test_it_beats_by_itself_and_outlives_a_failure(presence: Presence) -> None:
    spectator = Spectator()
    presence.opened(Entry(1), 100)

    class Failing(Audience):
        failed = False

        def watched(self) -> Iterable[tuple[UUID, Iterable[Spectator]]]:
            if not self.failed:
                self.failed = True
                raise KeyError("x")
            return super().watched()

    async with Broadcast(Failing(spectator), presence, beat_s=0.01):
        await spectator.shown.wait()
    assert len(spectator.take()) == 1
