import asyncio
from collections.abc import Iterable, Sequence
from uuid import UUID

import pytest

from hub.presence.broadcast import Broadcast
from hub.presence.presence import COUNT_SHARES, HubPresence
from hub.sockets import Frame, size_of
from protocol import console
from protocol.codec import Encoding, decode_to_console
from protocol.limits import FOCUS_ATTEMPTS, FRAME_BYTES
from tests.hub.exam_room import EXAM, FakeConnection


class LiveConsole:
    """A subscriber that keeps the live frames it receives."""

    def __init__(self, encoding: Encoding = Encoding.JSON) -> None:
        self.encoding = encoding
        self.is_new = True
        self.in_focus: frozenset[int] = frozenset()
        self.focus_changed = False
        self.frames: list[Frame] = []
        self.received = asyncio.Event()

    def needs_all_values(self, exam_id: UUID) -> bool:
        return self.is_new and exam_id == EXAM

    def send_values(self, exam_id: UUID, frames: Sequence[Frame]) -> None:
        assert exam_id == EXAM
        self.frames += frames
        self.received.set()

    def send_all_values(self, exam_id: UUID, frames: Sequence[Frame]) -> None:
        self.is_new = False
        self.send_values(exam_id, frames)

    def set_focus(self, *ixs: int) -> None:
        self.in_focus, self.focus_changed = frozenset(ixs), True

    def focus(self, exam_id: UUID) -> frozenset[int]:
        assert exam_id == EXAM
        return self.in_focus

    def take_focus(self, exam_id: UUID, changed: frozenset[int]) -> frozenset[int]:
        assert exam_id == EXAM
        focus_changed, self.focus_changed = self.focus_changed, False
        return self.in_focus if focus_changed else self.in_focus & changed

    def take_frames(self) -> list[console.Live]:
        frames = [decode_to_console(frame, self.encoding) for frame in self.frames]
        self.frames.clear()
        live = [frame for frame in frames if isinstance(frame, console.Live) and frame.exam_id == EXAM]
        assert live == frames
        return live

    def take(self) -> list[console.Presence]:
        return [value for live in self.take_frames() for value in live.attempts]


class LiveSubscriptions:
    def __init__(self, *consoles: LiveConsole) -> None:
        self.consoles = consoles

    def watched(self) -> Iterable[tuple[UUID, Iterable[LiveConsole]]]:
        return [(EXAM, self.consoles)]


@pytest.fixture
def presence() -> HubPresence:
    presence = HubPresence()
    presence.watch([EXAM])
    return presence


def test_a_console_gets_all_values_and_then_what_changes(presence: HubPresence) -> None:
    client = LiveConsole()
    broadcast = Broadcast(LiveSubscriptions(client), presence)
    presence.opened(FakeConnection(1), 100)
    presence.opened(FakeConnection(2), 100)
    broadcast.broadcast()
    assert [value.ix for value in client.take()] == [1, 2]
    presence.closed(FakeConnection(1), 200)
    presence.stored(FakeConnection(2), 3, 200)
    broadcast.broadcast()
    received = client.take()
    for _ in range(COUNT_SHARES):
        broadcast.broadcast()
    received += client.take()
    assert sorted(received, key=lambda value: value.ix) == [
        console.Presence(1, online=False, events=0, seen_at=200),
        console.Presence(2, online=True, events=3, seen_at=200),
    ]


def test_attempts_in_focus_are_sent_with_every_broadcast_and_only_to_that_console(presence: HubPresence) -> None:
    focused, other = LiveConsole(), LiveConsole(Encoding.MSGPACK)
    broadcast = Broadcast(LiveSubscriptions(focused, other), presence)
    for ix in range(1, COUNT_SHARES):
        presence.opened(FakeConnection(ix), 100)
    broadcast.broadcast()
    focused.take(), other.take()
    focused.set_focus(20, 21, 99)
    broadcast.broadcast()
    assert sorted(value.ix for value in focused.take()) == [20, 21]
    for seq in range(1, 4):
        presence.stored(FakeConnection(20), seq, 200)
        broadcast.broadcast()
        assert [(value.ix, value.events) for value in focused.take()] == [(20, seq)]
    focused.set_focus()
    presence.stored(FakeConnection(20), 9, 200)
    broadcast.broadcast()
    assert focused.take() == other.take() == []


def test_a_later_console_gets_all_values_and_the_others_only_changes(presence: HubPresence) -> None:
    early, late = LiveConsole(), LiveConsole(Encoding.MSGPACK)
    subscriptions = LiveSubscriptions(early)
    broadcast = Broadcast(subscriptions, presence)
    presence.opened(FakeConnection(1), 100)
    broadcast.broadcast()
    early.take()
    presence.opened(FakeConnection(2), 100)
    subscriptions.consoles = (early, late)
    broadcast.broadcast()
    assert [value.ix for value in early.take()] == [2]
    assert [value.ix for value in late.take()] == [1, 2]


def test_consoles_learn_since_when_redis_is_away_and_that_it_is_back(presence: HubPresence) -> None:
    away: list[int | None] = [None]
    client, late = LiveConsole(), LiveConsole()
    subscriptions = LiveSubscriptions(client)
    broadcast = Broadcast(subscriptions, presence, lambda: away[-1])
    broadcast.broadcast()
    assert client.take_frames() == []
    away.append(7_000)
    broadcast.broadcast()
    subscriptions.consoles = (client, late)
    broadcast.broadcast()
    presence.opened(FakeConnection(1), 100)
    broadcast.broadcast()
    away.append(None)
    broadcast.broadcast()
    value = console.Presence(1, online=True, events=0, seen_at=100)
    expected = [console.Live(EXAM, [], 7_000), console.Live(EXAM, [value], 7_000), console.Live(EXAM, [])]
    assert client.take_frames() == late.take_frames() == expected


def test_large_exams_are_sent_in_frames_within_the_limit(presence: HubPresence) -> None:
    client = LiveConsole()
    for ix in range(1, 5_001):
        presence.opened(FakeConnection(ix), 2**41)
    Broadcast(LiveSubscriptions(client), presence).broadcast()
    assert len(client.frames) == 5
    assert max(map(size_of, client.frames)) <= FRAME_BYTES
    assert len(client.take()) == 5_000


def test_five_thousand_busy_candidates_are_at_most_30_kilobytes_a_second(presence: HubPresence) -> None:
    """Two events per second each, 200 of them in focus, an hour after the start, in JSON: the largest case."""
    client = LiveConsole()
    broadcast = Broadcast(LiveSubscriptions(client), presence)
    now_ms, seq = 1_800_000_000_000, 7_200
    for ix in range(1, 5_001):
        presence.opened(FakeConnection(ix, committed=seq), now_ms)
    broadcast.broadcast()
    client.take()
    client.set_focus(*range(4_001, 4_001 + FOCUS_ATTEMPTS))
    sizes = []
    for _ in range(2 * COUNT_SHARES):
        seq, now_ms = seq + 1, now_ms + 500
        for ix in range(1, 5_001):
            presence.stored(FakeConnection(ix), seq, now_ms)
        broadcast.broadcast()
        sizes.append(sum(map(size_of, client.frames)))
        client.frames.clear()
    per_second = 2 * sum(sizes) / len(sizes)
    print(f"live, 5,000 candidates × 2 events/s, {FOCUS_ATTEMPTS} in focus: {per_second / 1000:.1f} kB/s a console")  # noqa: T201
    assert per_second <= 30_000
    assert max(sizes) <= 1.2 * min(sizes)


async def test_it_repeats_and_continues_after_a_failure(presence: HubPresence) -> None:
    client = LiveConsole()
    presence.opened(FakeConnection(1), 100)

    class FailingSubscriptions(LiveSubscriptions):
        failed = False

        def watched(self) -> Iterable[tuple[UUID, Iterable[LiveConsole]]]:
            if not self.failed:
                self.failed = True
                raise KeyError("x")
            return super().watched()

    async with Broadcast(FailingSubscriptions(client), presence, interval_s=0.01):
        await client.received.wait()
    assert len(client.take()) == 1
