import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from uuid import UUID, uuid4

import pytest

from db.notify import HubTopic, Notification, Notifier
from hub.board.listener import Listener
from hub.presence import gossip
from hub.presence.gossip import TOLD_AT_ONCE, Gossip
from hub.presence.presence import Presence
from hub.sockets import now_ms
from tests.hub.exam_room import EXAM, Entry, Looking, Watcher, until
from veritas.embedded.valkey import Redis


class Side:
    """The live part of one hub; `watchers` watch the exam there."""

    def __init__(self, publisher: object, *watchers: Watcher) -> None:
        self.watchers = list(watchers)
        self.presence = Presence()
        self.presence.watch([EXAM] if watchers else [])
        self.gossip = Gossip(publisher, self, self.presence, beat_s=0.02)  # type: ignore[arg-type]

    def watched(self) -> Iterable[tuple[UUID, Iterable[Watcher]]]:
        return [(EXAM, self.watchers)] if self.watchers else []

    @property
    def values(self) -> list[tuple[int, bool, int]]:
        return sorted((one.ix, one.online, one.events) for one in self.presence.everyone(EXAM))


class Wire:
    """Carries what one says to all, at once."""

    def __init__(self) -> None:
        self.sides: list[Side] = []
        self.sizes: list[int] = []

    async def publish(self, channel: HubTopic, data: bytes) -> None:
        self.sizes.append(len(data))
        for side in self.sides:
            side.gossip.on_notification(Notification(channel, data=data))


@pytest.fixture
def wire() -> Wire:
    return Wire()


async def test_a_hub_hears_of_candidates_at_another(wire: Wire) -> None:
    there, here = Side(wire), Side(wire, Watcher())
    wire.sides += [there, here]
    ada = Entry(1, committed=5)
    async with there.gossip, here.gossip:
        there.presence.opened(ada, 100)
        await until(lambda: here.values == [(1, True, 5)])
        there.presence.closed(ada, 200)
        await until(lambda: here.values == [(1, False, 5)])


async def test_counts_are_told_only_of_those_somebody_elsewhere_looks_at_closely(wire: Wire) -> None:
    watcher = Looking(2)
    there, here = Side(wire, Looking(1)), Side(wire, watcher)
    wire.sides += [there, here]
    ada, bob = Entry(1), Entry(2, stream_id=UUID(int=30))
    async with there.gossip, here.gossip:
        for one in (ada, bob):
            there.presence.opened(one, 100)
        await until(lambda: len(here.values) == 2 and bool(there.gossip._asked))
        for one in (ada, bob):
            there.presence.stored(one, 9, 110)
        await until(lambda: here.values == [(1, True, 0), (2, True, 9)])
        watcher.ixs = frozenset()
        await until(lambda: not any(focus for focus, _ in there.gossip._asked[EXAM].values()))
        there.presence.stored(bob, 12, 120)
        await asyncio.sleep(0.1)
        assert here.values == [(1, True, 0), (2, True, 9)]


async def test_a_console_that_is_not_heard_of_any_more_is_forgotten(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gossip, "ASKED_S", 0.1)
    there, here = Side(wire), Side(wire, Looking(1))
    wire.sides += [there, here]
    async with there.gossip:
        async with here.gossip:
            await until(lambda: EXAM in there.gossip._asked)
        await until(lambda: there.gossip._asked == {})


async def test_a_whole_class_is_told_in_pieces(wire: Wire) -> None:
    there, here = Side(wire), Side(wire, Watcher())
    wire.sides += [here]
    for ix in range(1, 2 * TOLD_AT_ONCE + 2):
        there.presence.opened(Entry(ix), now_ms())
    async with there.gossip:
        await until(lambda: len(here.values) == 2 * TOLD_AT_ONCE + 1)
    assert len(wire.sizes) == 3
    assert max(wire.sizes) < 64 * 1024


async def test_what_is_not_understood_is_passed_over(wire: Wire) -> None:
    here = Side(wire, Watcher())
    for data in (b"", b"\xff", b"\x91\xa1x", b"\x80"):
        here.gossip.on_notification(Notification("live", data=data))
    here.gossip.on_notification(Notification("feed", EXAM))
    assert here.values == []


async def test_a_failure_is_survived(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = asyncio.Event()
    there, here = Side(wire), Side(wire, Watcher())
    wire.sides += [here]
    publish = wire.publish

    async def fail_once(channel: HubTopic, data: bytes) -> None:
        if failed.is_set():
            return await publish(channel, data)
        failed.set()
        raise KeyError("x")

    monkeypatch.setattr(wire, "publish", fail_once)
    async with there.gossip:
        there.presence.opened(Entry(1), 100)
        await failed.wait()
        there.presence.opened(Entry(2), 100)
        await until(lambda: here.values == [(2, True, 0)])


async def test_hubs_hear_of_each_other_through_redis_and_know_since_when_it_is_away(redis: Redis) -> None:
    async with AsyncExitStack() as stack:
        sides = []
        for watchers in ([], [Watcher()]):
            notifier = Notifier.connect(redis.url)
            stack.push_async_callback(notifier.close)
            side = Side(notifier, *watchers)
            began = side.gossip.away_since
            assert began is not None
            await stack.enter_async_context(side.gossip)
            await stack.enter_async_context(Listener(notifier, side.gossip.on_notification))
            sides.append(side)
        there, here = sides
        await until(lambda: here.gossip.away_since is None and there.gossip.away_since is None)
        there.presence.opened(Entry(1), 100)
        await until(lambda: here.values == [(1, True, 0)])

        before = now_ms()
        redis.kill()
        await until(lambda: here.gossip.away_since is not None)
        assert here.gossip.away_since is not None
        assert before <= here.gossip.away_since <= now_ms()
        there.presence.opened(Entry(2, stream_id=uuid4()), 100)
        redis.run()
        await until(lambda: here.gossip.away_since is None and there.gossip.away_since is None)
        await asyncio.sleep(1.1)  # a client that failed says nothing for a second
        there.presence.closed(Entry(1), 200)
        await until(lambda: (1, False, 0) in here.values)
