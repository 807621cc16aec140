import asyncio
import os
import signal
import time
from contextlib import aclosing, suppress
from uuid import UUID, uuid4

import msgspec
import pytest
from arq import Worker
from redis.exceptions import RedisError

from db import notify as rooms
from db.notify import QUEUE, Notification, Notifier, build_worker, close_worker
from protocol.jobs import ATTEMPTS_PER_JOB, EVALUATE, Evaluate
from veritas.embedded.valkey import Redis


class Named:
    """A handler that remembers which attempts its jobs named."""

    def __init__(self) -> None:
        self.jobs: list[list[UUID]] = []
        self.called = asyncio.Event()

    async def __call__(self, _ctx: dict[str, object], payload: object) -> None:
        self.jobs.append(msgspec.convert(payload, Evaluate).attempts)
        self.called.set()

    async def handle(self, ctx: dict[str, object], payload: object) -> None:
        await self(ctx, payload)


async def run_until(worker: Worker, event: asyncio.Event) -> None:
    running = asyncio.create_task(worker.main())
    waiting = asyncio.create_task(event.wait())
    async with asyncio.timeout(20):
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_a_worker_receives_the_attempts_a_hint_names(redis: Redis, notifier: Notifier) -> None:
    attempts = [uuid4(), uuid4()]
    named = Named()
    worker = build_worker({EVALUATE: named.handle}, redis_url=redis.url)
    await notifier.enqueue_evaluate(attempts)
    await run_until(worker, named.called)
    await close_worker(worker)
    assert named.jobs == [attempts]


async def test_many_attempts_make_several_jobs(redis: Redis, notifier: Notifier) -> None:
    await notifier.enqueue_evaluate([uuid4() for _ in range(2 * ATTEMPTS_PER_JOB + 1)])
    pool = build_worker({EVALUATE: Named().handle}, redis_url=redis.url).pool
    jobs = await pool.queued_jobs(queue_name=QUEUE)
    await pool.aclose(close_connection_pool=True)
    assert sorted(len(job.args[0]["attempts"]) for job in jobs) == [1, ATTEMPTS_PER_JOB, ATTEMPTS_PER_JOB]


async def test_no_attempts_make_no_job(redis: Redis, notifier: Notifier) -> None:
    await notifier.enqueue_evaluate([])
    assert notifier.failures == 0


async def test_jobs_and_results_are_never_pickled(redis: Redis, notifier: Notifier) -> None:
    await notifier.enqueue_evaluate([uuid4()])
    worker = build_worker({EVALUATE: Named().handle}, redis_url=redis.url)
    [key] = await worker.pool.keys("arq:job:*")
    stored = await worker.pool.get(key)
    assert msgspec.msgpack.decode(stored)["f"] == EVALUATE
    assert worker.job_deserializer is not None
    with pytest.raises(msgspec.DecodeError):
        worker.job_deserializer(b"\x80\x04N.")  # pickle.dumps(None)
    assert worker.pool.job_deserializer is worker.job_deserializer
    assert worker.pool.job_serializer is worker.job_serializer
    await close_worker(worker)


async def test_a_job_that_raises_leaves_nothing_behind(redis: Redis, notifier: Notifier) -> None:
    raised = asyncio.Event()

    async def handle(_ctx: dict[str, object], _payload: object) -> None:
        raised.set()
        raise ValueError("broken")

    await notifier.enqueue_evaluate([uuid4()])
    worker = build_worker({EVALUATE: handle}, redis_url=redis.url)
    await run_until(worker, raised)
    await asyncio.gather(*worker.tasks.values())
    assert await worker.pool.keys("arq:*") == []
    await close_worker(worker)


async def test_the_queue_forgets_its_oldest_jobs(
    redis: Redis, notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "QUEUE_JOBS_MAX", 3)
    for _ in range(5):
        await notifier.enqueue_evaluate([uuid4()])
    worker = build_worker({EVALUATE: Named().handle}, redis_url=redis.url)
    assert await worker.pool.zcard(QUEUE) == 3
    await close_worker(worker)


async def test_hints_to_a_dead_redis_are_lost_and_counted_at_once(redis: Redis, notifier: Notifier) -> None:
    redis.kill()
    started = time.perf_counter()
    await notifier.enqueue_evaluate([uuid4()])
    await notifier.notify("feed", uuid4())
    assert time.perf_counter() - started < 2 * rooms.BOUND_S
    assert notifier.failures == 2
    assert not await notifier.is_alive()


async def test_hints_to_a_frozen_redis_wait_no_longer_than_the_bound(redis: Redis, notifier: Notifier) -> None:
    assert await notifier.is_alive()
    os.kill(redis.pid, signal.SIGSTOP)
    started = time.perf_counter()
    for _ in range(20):
        await notifier.enqueue_evaluate([uuid4()])
    took_s = time.perf_counter() - started
    os.kill(redis.pid, signal.SIGCONT)
    assert took_s < 10 * rooms.BOUND_S
    assert notifier.failures == 20


async def test_every_failure_is_told(redis: Redis) -> None:
    told: list[None] = []
    notifier = Notifier.connect(redis.url, lambda: told.append(None))
    redis.kill()
    await notifier.notify("feed", uuid4())
    await notifier.notify("feed", uuid4())
    await notifier.close()
    assert len(told) == notifier.failures == 2


async def test_hints_go_out_again_after_the_pause(
    redis: Redis, notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "PAUSE_S", 0.0)
    await notifier.notify("feed", uuid4())
    redis.kill()
    await notifier.notify("feed", uuid4())
    redis.run()
    await notifier.notify("feed", uuid4())
    assert notifier.failures == 1
    assert await notifier.is_alive()


async def test_listeners_hear_every_channel(redis: Redis, notifier: Notifier) -> None:
    exam, attempt = uuid4(), uuid4()
    async with asyncio.timeout(10), aclosing(notifier.listen()) as heard:
        assert await anext(heard) == Notification("reconnected")
        await notifier.notify("feed", exam)
        await notifier.notify("instructions", attempt)
        assert await anext(heard) == Notification("feed", exam)
        assert await anext(heard) == Notification("instructions", attempt)
        await notifier.tell("live", b"\xff what hubs say")
        await notifier.tell("failures", b"\xff what failed")
        assert await anext(heard) == Notification("live", data=b"\xff what hubs say")
        assert await anext(heard) == Notification("failures", data=b"\xff what failed")


async def test_a_hint_nobody_understands_is_passed_over(redis: Redis, notifier: Notifier) -> None:
    exam = uuid4()
    worker = build_worker({EVALUATE: Named().handle}, redis_url=redis.url)
    async with asyncio.timeout(10), aclosing(notifier.listen()) as heard:
        await anext(heard)
        await worker.pool.publish("veritas:feed", b"\xff not a uuid")
        await notifier.notify("feed", exam)
        assert await anext(heard) == Notification("feed", exam)
    await close_worker(worker)


async def test_a_listener_comes_back_when_redis_does(redis: Redis, notifier: Notifier) -> None:
    exam = uuid4()
    async with asyncio.timeout(20), aclosing(notifier.listen()) as heard:
        await anext(heard)
        for _ in range(2):
            redis.kill()
            assert await anext(heard) == Notification("lost")
            redis.run()
            assert await anext(heard) == Notification("reconnected")
            await notifier.notify("feed", exam)
            assert await anext(heard) == Notification("feed", exam)


async def test_a_listener_that_starts_before_redis_hears_it_come(redis: Redis, notifier: Notifier) -> None:
    redis.kill()
    async with asyncio.timeout(20), aclosing(notifier.listen()) as heard:
        assert await anext(heard) == Notification("lost")
        following = asyncio.ensure_future(anext(heard))
        done, _ = await asyncio.wait({following}, timeout=0.3)
        assert not done
        redis.run()
        assert await following == Notification("reconnected")


async def test_a_quiet_listener_asks_and_a_frozen_redis_counts_as_lost(
    redis: Redis, notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "_IDLE_S", 0.5)
    exam = uuid4()
    async with asyncio.timeout(20), aclosing(notifier.listen()) as heard:
        await anext(heard)
        following = asyncio.ensure_future(anext(heard))
        await asyncio.wait({following}, timeout=1.7)
        assert not following.done(), "a silence that is answered is no loss"
        os.kill(redis.pid, signal.SIGSTOP)
        assert await following == Notification("lost")
        os.kill(redis.pid, signal.SIGCONT)
        assert await anext(heard) == Notification("reconnected")
        await notifier.notify("feed", exam)
        assert await anext(heard) == Notification("feed", exam)


async def test_a_worker_outlives_a_redis_that_is_killed_and_comes_back(redis: Redis, notifier: Notifier) -> None:
    named = Named()
    worker = build_worker({EVALUATE: named.handle}, redis_url=redis.url)
    running = asyncio.create_task(worker.main())
    async with asyncio.timeout(20):
        await notifier.enqueue_evaluate([uuid4()])
        await named.called.wait()
        redis.kill()
        await asyncio.wait({running}, timeout=0.2)
        redis.run()
        named.called.clear()
        while not named.called.is_set():
            await notifier.enqueue_evaluate([uuid4()])
            with suppress(TimeoutError):
                await asyncio.wait_for(named.called.wait(), 0.2)
    assert not running.done()
    running.cancel()
    await asyncio.wait({running})
    await close_worker(worker)


async def test_a_worker_closes_in_bounded_time_without_redis(redis: Redis) -> None:
    worker = build_worker({EVALUATE: Named().handle}, redis_url=redis.url)
    running = asyncio.create_task(worker.main())
    await asyncio.wait({running}, timeout=0.2)
    redis.kill()
    running.cancel()
    with suppress(asyncio.CancelledError, RedisError):
        await running
    started = time.perf_counter()
    await close_worker(worker)
    assert time.perf_counter() - started < 2 * rooms.BOUND_S + 0.2
