import asyncio
import os
import signal
import time
from contextlib import aclosing
from uuid import uuid4

from arq.connections import ArqRedis

from db.jobs import close_redis, connect_redis
from db.notify import BOUND_S, Notification, Notifier
from veritas.embedded.valkey import Redis


async def test_calls_to_a_dead_redis_are_lost_and_counted_at_once(redis: Redis, notifier: Notifier) -> None:
    redis.kill()
    started = time.perf_counter()
    await notifier.enqueue_evaluate([uuid4()])
    await notifier.notify("feed", uuid4())
    assert time.perf_counter() - started < 2 * BOUND_S
    assert notifier.failures == 2
    assert not await notifier.is_alive()


async def test_calls_to_a_frozen_redis_wait_no_longer_than_the_bound(redis: Redis, notifier: Notifier) -> None:
    assert await notifier.is_alive()
    os.kill(redis.pid, signal.SIGSTOP)
    started = time.perf_counter()
    for _ in range(20):
        await notifier.enqueue_evaluate([uuid4()])
    took_s = time.perf_counter() - started
    os.kill(redis.pid, signal.SIGCONT)
    assert took_s < 10 * BOUND_S
    assert notifier.failures == 20


async def test_every_failure_is_reported(redis: Redis) -> None:
    failures: list[None] = []
    notifier = Notifier.connect(redis.url, lambda: failures.append(None))
    redis.kill()
    await notifier.notify("feed", uuid4())
    await notifier.notify("feed", uuid4())
    await notifier.close()
    assert len(failures) == notifier.failures == 2


async def test_calls_reach_redis_again_after_the_pause(redis: Redis) -> None:
    notifier = Notifier.connect(redis.url, pause_s=0.0)
    await notifier.notify("feed", uuid4())
    redis.kill()
    await notifier.notify("feed", uuid4())
    redis.run()
    await notifier.notify("feed", uuid4())
    assert notifier.failures == 1
    assert await notifier.is_alive()
    await notifier.close()


async def test_listeners_receive_every_channel(redis: Redis, notifier: Notifier) -> None:
    exam, attempt = uuid4(), uuid4()
    async with asyncio.timeout(10), aclosing(notifier.listen()) as received:
        assert await anext(received) == Notification("reconnected")
        await notifier.notify("feed", exam)
        await notifier.notify("instructions", attempt)
        await notifier.notify("attempt", attempt)
        assert await anext(received) == Notification("feed", exam)
        assert await anext(received) == Notification("instructions", attempt)
        assert await anext(received) == Notification("attempt", attempt)
        await notifier.publish("live", b"\xff presence")
        await notifier.publish("failures", b"\xff a failure")
        assert await anext(received) == Notification("live", data=b"\xff presence")
        assert await anext(received) == Notification("failures", data=b"\xff a failure")


async def test_a_notification_that_cannot_be_read_is_skipped(redis: Redis, notifier: Notifier) -> None:
    exam = uuid4()
    client = connect_redis(redis.url)
    async with asyncio.timeout(10), aclosing(notifier.listen()) as received:
        await anext(received)
        await client.publish("veritas:feed", b"\xff not a uuid")
        await notifier.notify("feed", exam)
        assert await anext(received) == Notification("feed", exam)
    await close_redis(client)


async def test_a_listener_reconnects_when_redis_returns(redis: Redis, notifier: Notifier) -> None:
    exam = uuid4()
    async with asyncio.timeout(20), aclosing(notifier.listen()) as received:
        await anext(received)
        for _ in range(2):
            redis.kill()
            assert await anext(received) == Notification("lost")
            redis.run()
            assert await anext(received) == Notification("reconnected")
            await notifier.notify("feed", exam)
            assert await anext(received) == Notification("feed", exam)


async def test_a_listener_that_starts_before_redis_reports_lost_once(redis: Redis, notifier: Notifier) -> None:
    redis.kill()
    async with asyncio.timeout(20), aclosing(notifier.listen()) as received:
        assert await anext(received) == Notification("lost")
        following = asyncio.ensure_future(anext(received))
        redis.run()
        assert await following == Notification("reconnected")


async def count_pings(client: ArqRedis) -> int:
    stats = await client.info("commandstats")
    return int(stats.get("cmdstat_ping", {}).get("calls", 0))


async def test_an_idle_listener_pings_and_stays_connected(redis: Redis) -> None:
    notifier, client, exam = Notifier.connect(redis.url, idle_s=0.05), connect_redis(redis.url), uuid4()
    async with asyncio.timeout(20), aclosing(notifier.listen()) as received:
        await anext(received)
        following = asyncio.ensure_future(anext(received))
        while await count_pings(client) < 3:
            continue
        await notifier.notify("feed", exam)
        assert await following == Notification("feed", exam)
    await close_redis(client)
    await notifier.close()


async def test_a_frozen_redis_counts_as_lost(redis: Redis) -> None:
    notifier, exam = Notifier.connect(redis.url, idle_s=0.1), uuid4()
    async with asyncio.timeout(20), aclosing(notifier.listen()) as received:
        await anext(received)
        os.kill(redis.pid, signal.SIGSTOP)
        assert await anext(received) == Notification("lost")
        os.kill(redis.pid, signal.SIGCONT)
        assert await anext(received) == Notification("reconnected")
        await notifier.notify("feed", exam)
        assert await anext(received) == Notification("feed", exam)
    await notifier.close()
