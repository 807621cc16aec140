import asyncio
import time
from contextlib import suppress
from uuid import uuid4

from db.notify import Notifier
from protocol.jobs import EVALUATE
from veritas.embedded.valkey import Redis
from workers import metrics
from workers.arq_worker import take_jobs


class Handler:
    """A job that waits until it is let go."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.may_end = asyncio.Event()
        self.ended = 0
        self.cancelled = 0

    async def handle(self, _ctx: object, _payload: object) -> None:
        self.began.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.ended += 1


async def losses(count: int) -> None:
    """Wait until so many arq workers have ended for want of a Redis."""
    lost = metrics.TASKS_FAILED.labels(round="queue")._value
    before = lost.get()
    while True:
        if lost.get() >= before + count:
            return
        await asyncio.sleep(0.02)


async def test_stopping_lets_a_job_end(redis: Redis, notifier: Notifier) -> None:
    handler, stop = Handler(), asyncio.Event()
    await notifier.enqueue_evaluate([uuid4()])
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(take_jobs({EVALUATE: handler.handle}, redis.url, stop))
        await handler.began.wait()
        stop.set()
        await asyncio.sleep(0.05)
        handler.may_end.set()
    assert (handler.ended, handler.cancelled) == (1, 0)


async def test_a_job_that_does_not_end_is_cancelled(redis: Redis, notifier: Notifier) -> None:
    handler, stop = Handler(), asyncio.Event()
    await notifier.enqueue_evaluate([uuid4()])
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(take_jobs({EVALUATE: handler.handle}, redis.url, stop, jobs_end_s=0.1))
        await handler.began.wait()
        stop.set()
    assert (handler.ended, handler.cancelled) == (0, 1)


async def test_an_arq_worker_that_ended_without_redis_is_replaced(redis: Redis, notifier: Notifier) -> None:
    handler, stop = Handler(), asyncio.Event()
    handler.may_end.set()
    redis.kill()
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(take_jobs({EVALUATE: handler.handle}, redis.url, stop, retries=0))
        await losses(2)
        redis.run()
        while not handler.began.is_set():
            await notifier.enqueue_evaluate([uuid4()])
            with suppress(TimeoutError):
                await asyncio.wait_for(handler.began.wait(), 0.2)
        stop.set()
    assert handler.cancelled == 0


async def test_stopping_does_not_wait_for_a_dead_redis(redis: Redis) -> None:
    handler, stop = Handler(), asyncio.Event()
    redis.kill()
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(take_jobs({EVALUATE: handler.handle}, redis.url, stop))
        await asyncio.sleep(0.1)
        started = time.perf_counter()
        stop.set()
    assert time.perf_counter() - started < 2
