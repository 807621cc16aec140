import asyncio
import time
from contextlib import suppress
from uuid import UUID, uuid4

import msgspec
import pytest
from arq import Worker
from redis.exceptions import RedisError

from db import jobs
from db.jobs import CLOSE_S, MODEL_QUEUE, QUEUE, build_worker, close_worker
from db.notify import Notifier
from protocol.jobs import ATTEMPTS_PER_JOB, EVALUATE, LLM_SUMMARY, Evaluate
from veritas.embedded.valkey import Redis


class Recorder:
    """A handler that records the attempts its jobs name."""

    def __init__(self) -> None:
        self.jobs: list[list[UUID]] = []
        self.called = asyncio.Event()

    async def handle(self, _ctx: dict[str, object], payload: object) -> None:
        self.jobs.append(msgspec.convert(payload, Evaluate).attempts)
        self.called.set()


async def run_until(worker: Worker, event: asyncio.Event) -> None:
    running = asyncio.create_task(worker.main())
    waiting = asyncio.create_task(event.wait())
    async with asyncio.timeout(20):
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_a_worker_receives_the_attempts_of_a_job(redis: Redis, notifier: Notifier) -> None:
    attempts = [uuid4(), uuid4()]
    recorder = Recorder()
    worker = build_worker({EVALUATE: recorder.handle}, redis_url=redis.url)
    await notifier.enqueue_evaluate(attempts)
    await run_until(worker, recorder.called)
    await close_worker(worker)
    assert recorder.jobs == [attempts]


async def test_an_idle_worker_takes_a_job_at_its_signal(
    redis: Redis, notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "IDLE_POLL_S", 60)
    recorder = Recorder()
    worker = build_worker({EVALUATE: recorder.handle}, redis_url=redis.url)
    running = asyncio.create_task(run_until(worker, recorder.called))
    async with asyncio.timeout(20):
        while not any("blpop" in client["cmd"] for client in await worker.pool.client_list()):  # noqa: ASYNC110 - polled
            await asyncio.sleep(0.01)
    attempt = uuid4()
    await notifier.enqueue_evaluate([attempt])
    await running
    await close_worker(worker)
    assert recorder.jobs == [[attempt]]


async def test_a_job_whose_signal_is_lost_is_found_by_the_next_look(redis: Redis, notifier: Notifier) -> None:
    recorder = Recorder()
    worker = build_worker({EVALUATE: recorder.handle}, redis_url=redis.url)
    running = asyncio.create_task(run_until(worker, recorder.called))
    attempt = uuid4()
    await notifier.enqueue_evaluate([attempt])
    await worker.pool.delete(QUEUE + jobs.SIGNAL)
    await running
    await close_worker(worker)
    assert recorder.jobs == [[attempt]]


async def test_many_attempts_make_several_jobs(redis: Redis, notifier: Notifier) -> None:
    await notifier.enqueue_evaluate([uuid4() for _ in range(2 * ATTEMPTS_PER_JOB + 1)])
    worker = build_worker({EVALUATE: Recorder().handle}, redis_url=redis.url)
    queued = await worker.pool.queued_jobs(queue_name=QUEUE)
    await close_worker(worker)
    assert sorted(len(job.args[0]["attempts"]) for job in queued) == [1, ATTEMPTS_PER_JOB, ATTEMPTS_PER_JOB]


async def test_no_attempts_make_no_job(redis: Redis, notifier: Notifier) -> None:
    await notifier.enqueue_evaluate([])
    await notifier.enqueue_analysis([])
    await notifier.enqueue_llm_summary([])
    worker = build_worker({EVALUATE: Recorder().handle}, redis_url=redis.url)
    assert await worker.pool.keys("*") == []
    await close_worker(worker)


async def test_requests_to_a_language_model_have_a_separate_queue(redis: Redis, notifier: Notifier) -> None:
    await notifier.enqueue_analysis([uuid4()])
    await notifier.enqueue_llm_summary([uuid4()])
    worker = build_worker({EVALUATE: Recorder().handle}, redis_url=redis.url)
    (job,) = await worker.pool.queued_jobs(queue_name=MODEL_QUEUE)
    assert job.function == LLM_SUMMARY
    assert await worker.pool.zcard(QUEUE) == 1
    await close_worker(worker)


async def test_jobs_and_results_are_never_pickled(redis: Redis, notifier: Notifier) -> None:
    await notifier.enqueue_evaluate([uuid4()])
    worker = build_worker({EVALUATE: Recorder().handle}, redis_url=redis.url)
    [key] = await worker.pool.keys("arq:job:*")
    stored = await worker.pool.get(key)
    assert msgspec.msgpack.decode(stored)["f"] == EVALUATE
    assert worker.job_deserializer is not None
    with pytest.raises(msgspec.DecodeError):
        worker.job_deserializer(b"\x80\x04N.")  # pickle.dumps(None)
    assert worker.pool.job_deserializer is worker.job_deserializer
    assert worker.pool.job_serializer is worker.job_serializer
    await close_worker(worker)


async def test_a_job_that_raises_leaves_nothing_in_redis(redis: Redis, notifier: Notifier) -> None:
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


async def test_a_queue_that_is_too_long_loses_its_oldest_jobs(redis: Redis) -> None:
    notifier = Notifier.connect(redis.url, jobs_max=3)
    attempts = [uuid4() for _ in range(5)]
    for attempt in attempts:
        await notifier.enqueue_evaluate([attempt])
        await asyncio.sleep(0.002)  # a queue orders jobs by the millisecond in which they came
    worker = build_worker({EVALUATE: Recorder().handle}, redis_url=redis.url)
    queued = await worker.pool.queued_jobs(queue_name=QUEUE)
    assert {UUID(job.args[0]["attempts"][0]) for job in queued} == set(attempts[2:])
    await close_worker(worker)
    await notifier.close()


async def test_a_worker_survives_a_restart_of_redis(redis: Redis, notifier: Notifier) -> None:
    recorder = Recorder()
    worker = build_worker({EVALUATE: recorder.handle}, redis_url=redis.url)
    running = asyncio.create_task(worker.main())
    async with asyncio.timeout(20):
        await notifier.enqueue_evaluate([uuid4()])
        await recorder.called.wait()
        redis.kill()
        redis.run()
        recorder.called.clear()
        while not recorder.called.is_set():
            await notifier.enqueue_evaluate([uuid4()])
            with suppress(TimeoutError):
                await asyncio.wait_for(recorder.called.wait(), 0.2)
    assert not running.done()
    running.cancel()
    await asyncio.wait({running})
    await close_worker(worker)


async def test_a_worker_closes_in_bounded_time_without_redis(redis: Redis) -> None:
    worker = build_worker({EVALUATE: Recorder().handle}, redis_url=redis.url)
    running = asyncio.create_task(worker.main())
    await worker.pool.ping()
    redis.kill()
    running.cancel()
    with suppress(asyncio.CancelledError, RedisError):
        await running
    started = time.perf_counter()
    await close_worker(worker)
    assert time.perf_counter() - started < 2 * CLOSE_S + 0.2
