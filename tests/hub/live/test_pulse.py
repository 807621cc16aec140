import asyncio
from collections.abc import Iterable, Sequence
from uuid import UUID

import pytest

from hub.live import pulse
from hub.live.presence import Presence
from hub.live.pulse import Pulse
from hub.wire import Frame, size_of
from protocol import console
from protocol.codec import Encoding, decode_to_console
from protocol.limits import FRAME_BYTES

EXAM = UUID(int=1)


class Spectator:
    def __init__(self, encoding: Encoding = Encoding.JSON) -> None:
        self.encoding = encoding
        self.wanting = True
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

    def take(self) -> list[console.Presence]:
        values: list[console.Presence] = []
        for frame in self.frames:
            live = decode_to_console(frame, self.encoding)
            assert isinstance(live, console.Live)
            assert live.exam_id == EXAM
            values += live.attempts
        self.frames.clear()
        return values


class Audience:
    def __init__(self, *spectators: Spectator) -> None:
        self.spectators = spectators

    def watched(self) -> Iterable[tuple[UUID, Iterable[Spectator]]]:
        return [(EXAM, self.spectators)]


def test_a_console_is_shown_everyone_and_then_what_changes() -> None:
    presence, spectator = Presence(), Spectator()
    beats = Pulse(Audience(spectator), presence)
    presence.opened(UUID(int=11), EXAM, 1, 100)
    presence.opened(UUID(int=12), EXAM, 2, 100)
    beats.beat(counts=False)
    assert [one.ix for one in spectator.take()] == [1, 2]
    beats.beat(counts=True)
    assert spectator.take() == []
    presence.received(UUID(int=12), 3, 200)
    beats.beat(counts=False)
    assert spectator.take() == []
    beats.beat(counts=True)
    assert spectator.take() == [console.Presence(2, True, 3, 200)]


def test_a_console_that_comes_later_misses_nothing_and_costs_the_others_nothing() -> None:
    presence, early, late = Presence(), Spectator(), Spectator(Encoding.MSGPACK)
    audience = Audience(early)
    beats = Pulse(audience, presence)
    presence.opened(UUID(int=11), EXAM, 1, 100)
    beats.beat(counts=True)
    early.take()
    presence.opened(UUID(int=12), EXAM, 2, 100)
    audience.spectators = (early, late)
    beats.beat(counts=True)
    assert [one.ix for one in early.take()] == [2]
    assert [one.ix for one in late.take()] == [1, 2]


def test_large_exams_are_shown_in_frames_within_the_limit() -> None:
    presence, spectator = Presence(), Spectator()
    for ix in range(5_000):
        presence.opened(UUID(int=100 + ix), EXAM, ix, 2**41)
    Pulse(Audience(spectator), presence).beat(counts=True)
    assert len(spectator.frames) == 5
    assert max(map(size_of, spectator.frames)) <= FRAME_BYTES
    assert len(spectator.take()) == 5_000


async def test_it_beats_by_itself_and_outlives_a_failure() -> None:
    presence, spectator = Presence(), Spectator()
    presence.opened(UUID(int=11), EXAM, 1, 100)

    class Failing(Audience):
        failed = False

        def watched(self) -> Iterable[tuple[UUID, Iterable[Spectator]]]:
            if not self.failed:
                self.failed = True
                raise KeyError("x")
            return super().watched()

    async with Pulse(Failing(spectator), presence, beat_s=0.01):
        await spectator.shown.wait()
    assert len(spectator.take()) == 1


async def test_who_left_long_ago_is_forgotten_by_and_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "REMEMBER_MS", 0)
    presence, spectator = Presence(), Spectator()
    presence.opened(UUID(int=11), EXAM, 1, 100)
    presence.closed(UUID(int=11), 200)
    async with Pulse(Audience(spectator), presence, beat_s=0.01):
        await spectator.shown.wait()
        spectator.shown.clear()
        spectator.wanting = True
        await spectator.shown.wait()
    assert presence.everyone(EXAM) == []
