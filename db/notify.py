"""Hints: the one door to Redis. Every client, arq pool and arq worker of the project is built here.

A hint may be lost and never waits: what it would have said is in PostgreSQL, and whoever listens looks there now and
then. So every call is bounded in time, none raises when Redis is away, and nothing here is the only copy of anything.
Payloads are MessagePack and names, never pickle.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Coroutine, Mapping
from typing import Any, Final, Literal, Protocol, Self
from uuid import UUID

import msgspec
import structlog
from arq import Worker, func
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from protocol.jobs import ANALYSE, ATTEMPTS_PER_JOB, EVALUATE, LLM_SUMMARY, Analyse, Evaluate, LlmSummary

log = structlog.get_logger(__name__)

BOUND_S: Final = 0.5
"""The longest a hint may take; a hub waits no longer for a dead Redis."""

PAUSE_S: Final = 1.0
"""After a failure hints are dropped at once for so long: then one of them tries again."""

QUEUE: Final = "veritas:jobs"
MODEL_QUEUE: Final = "veritas:model"
"""Of its own: who waits for a model holds up nobody's flags."""

LLM_JOB_LIMIT_S: Final = 900
QUEUE_JOBS_MAX: Final = 1_000
"""With no worker running the oldest jobs are forgotten beyond these: a worker's first sweep finds what they named."""

JOB_LIFE_S: Final = 60
JOB_LIMIT_S: Final = 60
POLL_S: Final = 0.02

RETRIES: Final = 25
"""How often a worker tries a command anew, up to half a second apart: a restart of Redis takes less."""

HubTopic = Literal["live", "failures"]
"""What hubs tell each other in their own words."""

Topic = Literal["feed", "instructions", "attempt"]
"""What has something new: the feed of an exam, the instructions of an attempt, or how an attempt stands."""

Channel = Literal[Topic, HubTopic, "reconnected", "lost"]
Handler = Callable[..., Coroutine[Any, Any, None]]

_ON_REDIS: Final[dict[Channel, str]] = {
    "feed": "veritas:feed",
    "instructions": "veritas:instructions",
    "attempt": "veritas:attempt",
    "live": "veritas:live",
    "failures": "veritas:failures",
}
_CHANNELS: Final = {name.encode(): channel for channel, name in _ON_REDIS.items()}
_AWAY: Final = (RedisError, OSError, TimeoutError)
_IDLE_S: Final = 5.0
_BACKOFF_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0)

# Results are not kept, but arq encodes an exception before it knows: hence `repr` for what has no MessagePack form.
_encode: Final = msgspec.msgpack.Encoder(enc_hook=repr).encode
_decode: Final = msgspec.msgpack.Decoder().decode


class Notification(msgspec.Struct, frozen=True):
    """Something changed: the feed of exam `key`, the instructions of attempt `key`, or how attempt `key` stands.

    `live` and `failures` have no key but `data`, as a hub told it. `reconnected` and `lost` have neither: hints may
    have been missed, so everything is worth a look; or none come from now on.
    """

    channel: Channel
    key: UUID | None = None
    data: bytes = b""


class Publisher(Protocol):
    """Who carries what hubs tell each other."""

    async def tell(self, channel: HubTopic, data: bytes) -> None:
        """Tell every hub; never raises, never waits long."""


class Notifier:
    """One process's client; `failures` counts the calls that Redis never heard of, and `on_failure` hears of each."""

    def __init__(self, redis: ArqRedis, on_failure: Callable[[], None]) -> None:
        self._redis = redis
        self._on_failure = on_failure
        self._silent_until = 0.0
        self.failures = 0

    @classmethod
    def connect(cls, redis_url: str, on_failure: Callable[[], None] = lambda: None) -> Self:
        """Build the client; nothing connects until a hint is given or listened to."""
        # No `socket_timeout`: redis-py would send through `wait_for`, which before Python 3.12 may swallow the
        # cancellation by which our own bound works.
        return cls(_client(redis_url, socket_connect_timeout=BOUND_S), on_failure)

    async def enqueue_evaluate(self, attempts: Collection[UUID]) -> None:
        """Ask the workers to fold these attempts' new facts, in as many jobs as it takes."""
        named = list(attempts)
        if not named:
            return

        async def enqueue() -> None:
            for start in range(0, len(named), ATTEMPTS_PER_JOB):
                job = Evaluate(named[start : start + ATTEMPTS_PER_JOB])
                await self._redis.enqueue_job(EVALUATE, job, _expires=JOB_LIFE_S)
            await self._redis.zremrangebyrank(QUEUE, 0, -QUEUE_JOBS_MAX - 1)

        await self._attempt(enqueue)

    async def enqueue_analyse(self, attempts: Collection[UUID]) -> None:
        """Ask the workers to analyse these attempts: they have ended, or their ground has changed."""
        if not attempts:
            return
        job = Analyse(list(attempts))

        async def enqueue() -> None:
            await self._redis.enqueue_job(ANALYSE, job, _expires=JOB_LIFE_S)
            await self._redis.zremrangebyrank(QUEUE, 0, -QUEUE_JOBS_MAX - 1)

        await self._attempt(enqueue)

    async def enqueue_llm_summary(self, attempts: Collection[UUID]) -> None:
        """Ask the workers to ask a model about these attempts."""
        if not attempts:
            return
        job = LlmSummary(list(attempts))

        async def enqueue() -> None:
            await self._redis.enqueue_job(LLM_SUMMARY, job, _queue_name=MODEL_QUEUE, _expires=JOB_LIFE_S)
            await self._redis.zremrangebyrank(MODEL_QUEUE, 0, -QUEUE_JOBS_MAX - 1)

        await self._attempt(enqueue)

    async def notify(self, channel: Topic, key: UUID) -> None:
        """Tell every listener that an exam's feed, an attempt's instructions, or the attempt itself, have changed."""

        async def publish() -> None:
            await self._redis.publish(_ON_REDIS[channel], str(key))

        await self._attempt(publish)

    async def tell(self, channel: HubTopic, data: bytes) -> None:
        """Tell every listener what only hubs can read."""

        async def publish() -> None:
            await self._redis.publish(_ON_REDIS[channel], data)

        await self._attempt(publish)

    async def listen(self) -> AsyncGenerator[Notification, None]:
        """Yield hints for ever. Each (re)connection begins with `reconnected`, once nothing can be missed any more.

        `lost` follows the last hint of a connection, and comes first when there is none to begin with. A connection
        that does not answer within ten seconds counts as lost. Close the generator, or cancel the task that reads it,
        to stop.
        """
        failed = 0
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    async with asyncio.timeout(2 * BOUND_S):
                        await _subscribe(pubsub)
                    failed = 0
                    self._silent_until = 0.0
                    yield Notification("reconnected")
                    while True:
                        notification = await _next_notification(pubsub)
                        if notification is not None:
                            yield notification
            except _AWAY as error:
                if failed == 0:
                    log.warning("redis lost while listening", error=str(error))
            if failed == 0:
                yield Notification("lost")
            await asyncio.sleep(_BACKOFF_S[min(failed, len(_BACKOFF_S) - 1)])
            failed += 1

    async def is_alive(self) -> bool:
        """Whether Redis answers a ping in time."""
        try:
            async with asyncio.timeout(BOUND_S):
                await self._redis.ping()
        except _AWAY:
            return False
        return True

    async def close(self) -> None:
        """Close every connection."""
        await _close(self._redis)

    async def _attempt(self, send: Callable[[], Awaitable[None]]) -> None:
        now = asyncio.get_running_loop().time
        if now() < self._silent_until:
            self._fail()
            return
        try:
            async with asyncio.timeout(BOUND_S):
                await send()
        except _AWAY as error:
            if now() >= self._silent_until:
                log.warning("hint lost", error=str(error) or type(error).__name__)
            self._fail()
            self._silent_until = now() + PAUSE_S

    def _fail(self) -> None:
        self.failures += 1
        self._on_failure()


def build_worker(
    handlers: Mapping[str, Handler],
    *,
    redis_url: str,
    max_jobs: int = 2,
    queue: str = QUEUE,
    limit_s: int = JOB_LIMIT_S,
) -> Worker:
    """Build an arq worker for these jobs, by name; a handler gets arq's context and the payload as plain values.

    It outlives a Redis that is away for some ten seconds; after that its main loop raises and it must be built anew.
    It is driven by `main()`, handles no signals, and keeps no results.
    """
    patient = _client(
        redis_url,
        socket_timeout=5,
        socket_connect_timeout=1,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.02), RETRIES),
        retry_on_error=[RedisConnectionError, RedisTimeoutError, ConnectionError, OSError],
    )
    return Worker(
        [func(handler, name=name) for name, handler in handlers.items()],
        redis_pool=patient,
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
    """End what a worker still runs and its connections; in bounded time, whether Redis is there or not."""
    # arq's own close() first talks to Redis, for as long as its retries last.
    await cancel([task for task in worker.tasks.values() if not task.done()])
    await _close(worker.pool)


async def cancel(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks that use a worker's client, until they are done."""
    # Its sends go through `wait_for`, which before Python 3.12 swallows a cancellation that meets a finished send.
    while waiting := {task for task in tasks if not task.done()}:
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting, timeout=0.3)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # seen: whoever cancels does not ask what else went wrong


def _client(redis_url: str, **options: Any) -> ArqRedis:
    return ArqRedis(
        ConnectionPool.from_url(redis_url, **options),
        job_serializer=_encode,
        job_deserializer=_decode,
        default_queue_name=QUEUE,
    )


async def _close(redis: ArqRedis) -> None:
    try:
        async with asyncio.timeout(BOUND_S):
            await redis.aclose(close_connection_pool=True)
    except _AWAY as error:
        log.debug("redis was away while closing", error=str(error))


async def _subscribe(pubsub: PubSub) -> None:
    """Subscribe and wait until Redis has confirmed each channel: from then on nothing published is missed."""
    await pubsub.subscribe(*_ON_REDIS.values())
    confirmed = 0
    while confirmed < len(_ON_REDIS):
        message = await pubsub.get_message(timeout=BOUND_S)
        if message is not None and message["type"] == "subscribe":
            confirmed += 1


async def _next_notification(pubsub: PubSub) -> Notification | None:
    """The next hint, or None after a silence that was asked about. Raises RedisConnectionError when none answers."""
    message = await pubsub.get_message(timeout=_IDLE_S)
    if message is None:
        await pubsub.ping()
        message = await pubsub.get_message(timeout=_IDLE_S)
        if message is None:
            raise RedisConnectionError("redis did not answer")
    channel = _CHANNELS.get(message["channel"])
    if message["type"] != "message" or channel is None:
        return None
    if channel in ("live", "failures"):
        return Notification(channel, data=message["data"])
    try:
        return Notification(channel, UUID(message["data"].decode()))
    except ValueError:
        log.warning("hint not understood", channel=channel)
        return None
