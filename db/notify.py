"""Notifications through Redis: publish that something changed, and listen for it.

A notification may be lost: the change is in PostgreSQL, and readers poll. Every call is bounded in time and none raises
when Redis is away. Nothing is stored in Redis alone.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from typing import Final, Literal, Protocol, Self
from uuid import UUID

import msgspec
import structlog
from arq.connections import ArqRedis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError

from db import jobs
from db.jobs import MODEL_QUEUE, QUEUE, REDIS_AWAY
from protocol.backoff import Backoff
from protocol.jobs import ANALYZE, ATTEMPTS_PER_JOB, EVALUATE, LLM_SUMMARY, Analyze, Evaluate, LlmSummary

log = structlog.get_logger(__name__)

BOUND_S: Final = 0.5
"""The longest that one call may take."""

PAUSE_S: Final = 1.0
"""After a failure, calls are dropped at once for this long. Then one call tries Redis again."""

IDLE_S: Final = 5.0
"""A listener that received nothing for this long sends a ping."""

HubTopic = Literal["live", "failures"]
"""Messages between hubs, in their own format."""

Topic = Literal["feed", "instructions", "attempt"]
"""The kind of change: the feed of an exam, the instructions of an attempt, or the status of an attempt."""

Channel = Literal[Topic, HubTopic, "reconnected", "lost"]

_ON_REDIS: Final[dict[Channel, str]] = {
    "feed": "veritas:feed",
    "instructions": "veritas:instructions",
    "attempt": "veritas:attempt",
    "live": "veritas:live",
    "failures": "veritas:failures",
}
_CHANNELS: Final = {name.encode(): channel for channel, name in _ON_REDIS.items()}


class Notification(msgspec.Struct, frozen=True):
    """The feed of exam `key` changed, or the instructions or the status of attempt `key`.

    `live` and `failures` have `data` instead of a key. `reconnected` and `lost` have neither: after `reconnected`,
    poll everything, because notifications may have been missed; after `lost`, none arrive.
    """

    channel: Channel
    key: UUID | None = None
    data: bytes = b""


class Publisher(Protocol):
    """Publishes messages between hubs."""

    async def publish(self, channel: HubTopic, data: bytes) -> None:
        """Publish a message to every hub. Bounded in time; never raises."""


class Notifier:
    """The Redis client of one process. `failures` counts the lost calls, and `on_failure` is called for each."""

    def __init__(
        self,
        redis: ArqRedis,
        on_failure: Callable[[], None] = lambda: None,
        *,
        bound_s: float = BOUND_S,
        pause_s: float = PAUSE_S,
        idle_s: float = IDLE_S,
        jobs_max: int = jobs.JOBS_MAX,
    ) -> None:
        self._redis = redis
        self._on_failure = on_failure
        self._bound_s = bound_s
        self._pause_s = pause_s
        self._idle_s = idle_s
        self._jobs_max = jobs_max
        self._paused_until = 0.0
        self.failures = 0

    @classmethod
    def connect(
        cls,
        redis_url: str,
        on_failure: Callable[[], None] = lambda: None,
        *,
        bound_s: float = BOUND_S,
        pause_s: float = PAUSE_S,
        idle_s: float = IDLE_S,
        jobs_max: int = jobs.JOBS_MAX,
    ) -> Self:
        """Build the client; it connects with the first call."""
        # No `socket_timeout`: redis-py would send through `wait_for`, which before Python 3.12 may drop the
        # cancellation on which our own bound relies.
        redis = jobs.connect_redis(redis_url, socket_connect_timeout=bound_s)
        return cls(redis, on_failure, bound_s=bound_s, pause_s=pause_s, idle_s=idle_s, jobs_max=jobs_max)

    async def enqueue_evaluate(self, attempts: Collection[UUID]) -> None:
        """Enqueue the fold of the new events of these attempts, in as many jobs as needed."""
        named = list(attempts)
        parts = [named[start : start + ATTEMPTS_PER_JOB] for start in range(0, len(named), ATTEMPTS_PER_JOB)]
        await self._enqueue(EVALUATE, [Evaluate(part) for part in parts], QUEUE)

    async def enqueue_analysis(self, attempts: Collection[UUID]) -> None:
        """Enqueue the analysis of these attempts: they have ended, or the input of their analysis changed."""
        await self._enqueue(ANALYZE, [Analyze(list(attempts))] if attempts else [], QUEUE)

    async def enqueue_llm_summary(self, attempts: Collection[UUID]) -> None:
        """Enqueue requests to a language model for summaries of these attempts."""
        await self._enqueue(LLM_SUMMARY, [LlmSummary(list(attempts))] if attempts else [], MODEL_QUEUE)

    async def notify(self, channel: Topic, key: UUID) -> None:
        """Notify every listener that an exam's feed, an attempt's instructions or an attempt's status changed."""
        await self._send(lambda: self._redis.publish(_ON_REDIS[channel], str(key)))

    async def publish(self, channel: HubTopic, data: bytes) -> None:
        """Publish a message that only hubs can read."""
        await self._send(lambda: self._redis.publish(_ON_REDIS[channel], data))

    async def listen(self) -> AsyncGenerator[Notification, None]:
        """Yield notifications without end. Each connection begins with `reconnected`, once nothing can be missed.

        `lost` follows the last notification of a connection, and comes first when there is no connection at the start.
        A connection that does not answer within twice the idle time counts as lost. To stop, close the generator or
        cancel the task that reads it.
        """
        backoff = Backoff(0.05, 1.0)
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    async with asyncio.timeout(2 * self._bound_s):
                        await _subscribe(pubsub, self._bound_s)
                    backoff.reset()
                    self._paused_until = 0.0
                    yield Notification("reconnected")
                    while True:
                        notification = await _next_notification(pubsub, self._idle_s)
                        if notification is not None:
                            yield notification
            except REDIS_AWAY as error:
                if backoff.failures == 0:
                    log.warning("redis lost while listening", error=str(error))
            if backoff.failures == 0:
                yield Notification("lost")
            await asyncio.sleep(backoff.next_s())

    async def is_alive(self) -> bool:
        """Return whether Redis answers a ping in time."""
        try:
            async with asyncio.timeout(self._bound_s):
                await self._redis.ping()
        except REDIS_AWAY:
            return False
        return True

    async def close(self) -> None:
        """Close every connection."""
        await jobs.close_redis(self._redis)

    async def _enqueue(self, name: str, payloads: Collection[object], queue: str) -> None:
        if payloads:
            await self._send(lambda: jobs.enqueue(self._redis, name, payloads, queue=queue, jobs_max=self._jobs_max))

    async def _send(self, send: Callable[[], Awaitable[object]]) -> None:
        now = asyncio.get_running_loop().time
        if now() < self._paused_until:
            self._fail()
            return
        try:
            async with asyncio.timeout(self._bound_s):
                await send()
        except REDIS_AWAY as error:
            if now() >= self._paused_until:
                log.warning("notification lost", error=str(error) or type(error).__name__)
            self._fail()
            self._paused_until = now() + self._pause_s

    def _fail(self) -> None:
        self.failures += 1
        self._on_failure()


async def _subscribe(pubsub: PubSub, bound_s: float) -> None:
    """Subscribe, and wait until Redis has confirmed each channel: from then on no message is missed."""
    await pubsub.subscribe(*_ON_REDIS.values())
    confirmed = 0
    while confirmed < len(_ON_REDIS):
        message = await pubsub.get_message(timeout=bound_s)
        if message is not None and message["type"] == "subscribe":
            confirmed += 1


async def _next_notification(pubsub: PubSub, idle_s: float) -> Notification | None:
    """Read the next notification; None when the connection was idle. Raises RedisConnectionError without an answer."""
    message = await pubsub.get_message(timeout=idle_s)
    if message is None:
        await pubsub.ping()
        message = await pubsub.get_message(timeout=idle_s)
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
        log.warning("notification not understood", channel=channel)
        return None
