import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from uuid import UUID, uuid4

import pytest

from db.notify import HubTopic, Notification, Notifier, Publisher
from hub.board.listener import Listener
from hub.presence.gossip import FOCUS_VALID_S, MESSAGE_ATTEMPTS, Gossip
from hub.presence.presence import HubPresence
from hub.sockets import now_ms
from tests.hub.exam_room import EXAM, FakeConnection, FakeConsole, FocusedConsole, until
from veritas.embedded.valkey import Redis


class PresenceHub:
    """The presence part of one hub, where `consoles` watch the exam."""

    def __init__(self, publisher: Publisher, *consoles: FakeConsole, focus_valid_s: float = FOCUS_VALID_S) -> None:
        self.consoles = list(consoles)
        self.presence = HubPresence()
        self.presence.watch([EXAM] if consoles else [])
        self.gossip = Gossip(publisher, self, self.presence, interval_s=0.02, focus_valid_s=focus_valid_s)

    def watched(self) -> Iterable[tuple[UUID, Iterable[FakeConsole]]]:
        return [(EXAM, self.consoles)] if self.consoles else []

    @property
    def values(self) -> list[tuple[int, bool, int]]:
        return sorted((value.ix, value.online, value.events) for value in self.presence.all_values(EXAM))


class FakePublisher:
    """Delivers every message to all hubs at once."""

    def __init__(self) -> None:
        self.hubs: list[PresenceHub] = []
        self.sizes: list[int] = []

    async def publish(self, channel: HubTopic, data: bytes) -> None:
        self.sizes.append(len(data))
        for hub in self.hubs:
            hub.gossip.on_notification(Notification(channel, data=data))


@pytest.fixture
def publisher() -> FakePublisher:
    return FakePublisher()


async def test_a_hub_learns_about_the_candidates_of_another(publisher: FakePublisher) -> None:
    there, here = PresenceHub(publisher), PresenceHub(publisher, FakeConsole())
    publisher.hubs += [there, here]
    ada = FakeConnection(1, committed=5)
    async with there.gossip, here.gossip:
        there.presence.opened(ada, 100)
        await until(lambda: here.values == [(1, True, 5)])
        there.presence.closed(ada, 200)
        await until(lambda: here.values == [(1, False, 5)])


async def test_counts_are_sent_only_for_attempts_in_focus_at_another_hub(publisher: FakePublisher) -> None:
    console = FocusedConsole(2)
    there, here = PresenceHub(publisher, FocusedConsole(1)), PresenceHub(publisher, console)
    publisher.hubs += [there, here]
    ada, bob = FakeConnection(1), FakeConnection(2, stream_id=UUID(int=30))
    async with there.gossip, here.gossip:
        for connection in (ada, bob):
            there.presence.opened(connection, 100)
        await until(lambda: len(here.values) == 2 and bool(there.gossip._focus_elsewhere))
        for connection in (ada, bob):
            there.presence.stored(connection, 9, 110)
        await until(lambda: here.values == [(1, True, 0), (2, True, 9)])
        console.ixs = frozenset()
        await until(lambda: not any(focus for focus, _ in there.gossip._focus_elsewhere[EXAM].values()))
        there.presence.stored(bob, 12, 120)
        there.presence.closed(ada, 130)
        await until(lambda: (1, False, 9) in here.values)  # sent with the connection, after any count of bob
        assert here.values == [(1, False, 9), (2, True, 9)]


async def test_the_focus_of_a_hub_that_is_silent_expires(publisher: FakePublisher) -> None:
    there, here = PresenceHub(publisher, focus_valid_s=0.1), PresenceHub(publisher, FocusedConsole(1))
    publisher.hubs += [there, here]
    async with there.gossip:
        async with here.gossip:
            await until(lambda: EXAM in there.gossip._focus_elsewhere)
        await until(lambda: there.gossip._focus_elsewhere == {})


async def test_a_large_exam_is_sent_in_several_messages(publisher: FakePublisher) -> None:
    there, here = PresenceHub(publisher), PresenceHub(publisher, FakeConsole())
    publisher.hubs += [here]
    for ix in range(1, 2 * MESSAGE_ATTEMPTS + 2):
        there.presence.opened(FakeConnection(ix), now_ms())
    async with there.gossip:
        await until(lambda: len(here.values) == 2 * MESSAGE_ATTEMPTS + 1)
    assert len(publisher.sizes) == 3
    assert max(publisher.sizes) < 64 * 1024


async def test_messages_that_cannot_be_decoded_are_ignored(publisher: FakePublisher) -> None:
    here = PresenceHub(publisher, FakeConsole())
    for data in (b"", b"\xff", b"\x91\xa1x", b"\x80"):
        here.gossip.on_notification(Notification("live", data=data))
    here.gossip.on_notification(Notification("feed", EXAM))
    assert here.values == []


async def test_it_continues_after_a_failure() -> None:
    class FailingPublisher(FakePublisher):
        failed = asyncio.Event()

        async def publish(self, channel: HubTopic, data: bytes) -> None:
            if not self.failed.is_set():
                self.failed.set()
                raise KeyError("x")
            await super().publish(channel, data)

    publisher = FailingPublisher()
    there, here = PresenceHub(publisher), PresenceHub(publisher, FakeConsole())
    publisher.hubs += [here]
    async with there.gossip:
        there.presence.opened(FakeConnection(1), 100)
        await publisher.failed.wait()
        there.presence.opened(FakeConnection(2), 100)
        await until(lambda: here.values == [(2, True, 0)])


async def test_hubs_learn_from_each_other_through_redis_and_since_when_it_is_away(redis: Redis) -> None:
    async with AsyncExitStack() as stack:
        hubs = []
        for consoles in ([], [FakeConsole()]):
            notifier = Notifier.connect(redis.url)
            stack.push_async_callback(notifier.close)
            hub = PresenceHub(notifier, *consoles)
            assert hub.gossip.away_since is not None
            await stack.enter_async_context(hub.gossip)
            await stack.enter_async_context(Listener(notifier, hub.gossip.on_notification))
            hubs.append(hub)
        there, here = hubs
        await until(lambda: here.gossip.away_since is None and there.gossip.away_since is None)
        there.presence.opened(FakeConnection(1), 100)
        await until(lambda: here.values == [(1, True, 0)])

        before = now_ms()
        redis.kill()
        await until(lambda: here.gossip.away_since is not None)
        assert here.gossip.away_since is not None
        assert before <= here.gossip.away_since <= now_ms()
        there.presence.opened(FakeConnection(2, stream_id=uuid4()), 100)
        redis.run()
        await until(lambda: here.gossip.away_since is None and there.gossip.away_since is None)
        await asyncio.sleep(1.1)  # a client that failed publishes nothing for a second
        there.presence.closed(FakeConnection(1), 200)
        await until(lambda: (1, False, 0) in here.values)
