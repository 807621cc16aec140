"""Jobs for the workers: the arq queues, enqueueing, and the arq worker that reads a queue.

A job only names attempts: PostgreSQL knows what is to be done. Payloads are MessagePack, never pickle, and no result is
kept.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from typing import Any, Final, cast

import msgspec
import structlog
from arq import Worker, func
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

log = structlog.get_logger(__name__)

QUEUE: Final = "veritas:jobs"
MODEL_QUEUE: Final = "veritas:model"
"""A separate queue, so that slow requests to a language model delay no flags."""

JOBS_MAX: Final = 1_000
"""When a queue is longer, its oldest jobs are deleted. The sweep of the workers finds the attempts that they named."""

JOB_LIFE_S: Final = 60
JOB_LIMIT_S: Final = 60
LLM_JOB_LIMIT_S: Final = 900
POLL_S: Final = 0.02
"""While jobs run, how often a worker looks for further ones."""

IDLE_POLL_S: Final = 1
"""While none runs, a worker waits for the signal of an enqueued job, and looks without one after this time."""

SIGNAL: Final = ":signal"
"""The suffix of the key with which a queue signals that it has jobs."""

CLOSE_S: Final = 0.5

RETRIES: Final = 25
"""How often a worker repeats a command to Redis, at most half a second apart. A restart of Redis takes less."""

REDIS_AWAY: Final = (RedisError, OSError, TimeoutError)
"""The errors of a call while Redis is not available."""

Handler = Callable[..., Coroutine[Any, Any, None]]

# Results are not kept, but arq encodes an exception before it knows that; `repr` covers what MessagePack cannot encode.
_encode: Final = msgspec.msgpack.Encoder(enc_hook=repr).encode
_decode: Final = msgspec.msgpack.Decoder().decode


def connect_redis(redis_url: str, **options: Any) -> ArqRedis:
    """Build a client; it connects with its first command."""
    return ArqRedis(
        ConnectionPool.from_url(redis_url, **options),
        job_serializer=_encode,
        job_deserializer=_decode,
        default_queue_name=QUEUE,
    )


async def close_redis(redis: ArqRedis) -> None:
    """Close all connections of a client, in bounded time."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await redis.aclose(close_connection_pool=True)
    except REDIS_AWAY as error:
        log.debug("redis was away while closing", error=str(error))


async def enqueue(redis: ArqRedis, name: str, payloads: Collection[object], *, queue: str, jobs_max: int) -> None:
    """Enqueue one job for each payload, and delete the oldest jobs of a queue that is too long."""
    for payload in payloads:
        await redis.enqueue_job(name, payload, _queue_name=queue, _expires=JOB_LIFE_S)
    async with redis.pipeline(transaction=False) as pipe:
        pipe.zremrangebyrank(queue, 0, -jobs_max - 1)
        pipe.lpush(queue + SIGNAL, b"")
        # One signal is enough for one worker; a worker that runs jobs looks for further ones without it.
        pipe.ltrim(queue + SIGNAL, 0, 0)
        await pipe.execute()


class SignalledWorker(Worker):
    """An arq worker that waits for a signal while it has no job, where arq asks Redis fifty times a second."""

    async def main(self) -> None:
        """Run jobs without end. Raises the errors of Redis."""
        self.ctx["redis"] = self.pool
        while True:
            await self._poll_iteration()
            if self.tasks:
                await asyncio.sleep(self.poll_delay_s)
            else:
                await cast("Awaitable[object]", self.pool.blpop([self.queue_name + SIGNAL], timeout=IDLE_POLL_S))


def build_worker(
    handlers: Mapping[str, Handler],
    *,
    redis_url: str,
    max_jobs: int = 2,
    queue: str = QUEUE,
    limit_s: int = JOB_LIMIT_S,
    retries: int = RETRIES,
) -> SignalledWorker:
    """Build an arq worker for these jobs, by name. A handler gets arq's context and the payload as plain values.

    It survives an outage of Redis of about ten seconds. After that `main()` raises, and you build a new worker. It
    handles no signals and keeps no results.
    """
    redis = connect_redis(
        redis_url,
        socket_timeout=5,
        socket_connect_timeout=1,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.02), retries),
        retry_on_error=[RedisConnectionError, RedisTimeoutError, ConnectionError, OSError],
    )
    return SignalledWorker(
        [func(handler, name=name) for name, handler in handlers.items()],
        redis_pool=redis,
        queue_name=queue,
        job_serializer=_encode,
        job_deserializer=_decode,
        handle_signals=False,
        keep_result=0,
        log_results=False,
        poll_delay=POLL_S,
        max_jobs=max_jobs,
        job_timeout=limit_s,
    )


async def close_worker(worker: Worker) -> None:
    """Cancel the running jobs of a worker and close its connections, in bounded time, also without Redis."""
    # Failed jobs are among them: `cancel` reads their exceptions, or asyncio would log each with a traceback.
    # arq's close() first talks to Redis, for as long as its retries last.
    await cancel(list(worker.tasks.values()))
    await close_redis(worker.pool)


async def cancel(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks that use a worker's client, and wait until they are done."""
    # The client sends through `wait_for`, which before Python 3.12 drops a cancellation that meets a finished send.
    while waiting := {task for task in tasks if not task.done()}:
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting, timeout=0.3)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # marks the exception as retrieved
