import asyncio
from collections.abc import AsyncIterator

import pytest

from db.notify import HubTopic, Notification, Notifier, Publisher
from hub.auth.failures import Failures
from hub.auth.limits import Allowance, FailureLimits, Try
from hub.board.listener import Listener
from hub.errors import TooManyFailures, Unauthenticated
from hub.tasks import DetachedTasks
from tests.hub.exam_room import until
from veritas.embedded.valkey import Redis

HERE = "203.0.113.7"


class Wire:
    """Delivers what one hub publishes to all hubs, including itself."""

    def __init__(self) -> None:
        self.hubs: list[Failures] = []
        self.published: list[bytes] = []

    async def publish(self, channel: HubTopic, data: bytes) -> None:
        self.published.append(data)
        for hub in self.hubs:
            hub.on_notification(Notification(channel, data=data))


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
async def tasks() -> AsyncIterator[DetachedTasks]:
    async with DetachedTasks() as tasks:
        yield tasks


def hub_on(publisher: Publisher, tasks: DetachedTasks, *, per_name: int = 2) -> Failures:
    limits = FailureLimits(Allowance(per_name=per_name, per_address=100))
    return Failures(limits, publisher, tasks)


def fail(failures: Failures, name: str = "ada") -> None:
    with pytest.raises(Unauthenticated), failures.count(Try(HERE, name)):
        raise Unauthenticated("wrong")


def is_refused(failures: Failures, name: str = "ada") -> bool:
    try:
        with failures.count(Try(HERE, name)):
            return False
    except TooManyFailures:
        return True


async def test_a_failure_counts_at_all_hubs_once(wire: Wire, tasks: DetachedTasks) -> None:
    one, other = hub_on(wire, tasks), hub_on(wire, tasks)
    wire.hubs += [one, other]
    fail(one)
    await until(lambda: len(wire.published) == 1)
    assert not is_refused(one)
    fail(other)
    await until(lambda: len(wire.published) == 2)
    assert is_refused(one)
    assert is_refused(other)


async def test_a_guessed_code_counts_at_all_hubs(wire: Wire, tasks: DetachedTasks) -> None:
    one, other = (Failures(FailureLimits(Allowance(per_address=2)), wire, tasks) for _ in range(2))
    wire.hubs += [one, other]
    assert str(one.refuse_guess(HERE, "The code is not valid.")) == "The code is not valid."
    other.refuse_guess(HERE, "The code is not valid.")
    await until(lambda: len(wire.published) == 2)
    for hub in (one, other):
        with pytest.raises(TooManyFailures):
            hub.refuse_guess(HERE, "The code is not valid.")
    assert is_refused(one)


async def test_a_failure_of_a_known_device_counts_only_for_it(wire: Wire, tasks: DetachedTasks) -> None:
    one, other = (Failures(FailureLimits(Allowance(per_device=1)), wire, tasks) for _ in range(2))
    wire.hubs += [one, other]
    with pytest.raises(Unauthenticated), one.count(Try(HERE, "ada", "laptop")):
        raise Unauthenticated("wrong")
    await until(lambda: len(wire.published) == 1)
    with pytest.raises(TooManyFailures), other.count(Try("198.51.100.1", "ada", "laptop")):
        raise AssertionError("let in")
    assert not is_refused(other)


async def test_a_success_is_not_published(wire: Wire, tasks: DetachedTasks) -> None:
    failures = hub_on(wire, tasks)
    with failures.count(Try(HERE, "ada")):
        pass
    await asyncio.sleep(0)
    assert wire.published == []


async def test_invalid_and_other_notifications_are_ignored(wire: Wire, tasks: DetachedTasks) -> None:
    failures = hub_on(wire, tasks, per_name=1)
    for data in (b"", b"\xff", b"\x91\xa1x", b"\x80"):
        failures.on_notification(Notification("failures", data=data))
    fail(hub_on(wire, tasks), "ada")
    await until(lambda: len(wire.published) == 1)
    failures.on_notification(Notification("live", data=wire.published[0]))
    assert not is_refused(failures)


async def test_hubs_share_failures_through_redis_and_count_alone_without_it(redis: Redis, tasks: DetachedTasks) -> None:
    notifier = [Notifier.connect(redis.url) for _ in range(2)]
    one, other = (hub_on(client, tasks, per_name=1) for client in notifier)
    up = asyncio.Event()
    async with Listener(
        notifier[1],
        other.on_notification,
        lambda notification: up.set() if notification.channel == "reconnected" else None,
    ):
        await up.wait()
        fail(one)
        await until(lambda: is_refused(other))
        redis.kill()
        fail(one, "eve")
        assert is_refused(one, "eve")
        assert not is_refused(other, "eve")
    for client in notifier:
        await client.close()
