"""Failed sign-ins as all hubs count them: each keeps its own buckets, and tells the others through Redis.

Nobody waits for Redis here, and without it every hub limits what it sees itself. A success is told to nobody.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID, uuid4

import msgspec
import structlog

from db.notify import Notification, Publisher
from hub.auth.limits import FailureLimits
from hub.errors import Unauthenticated
from hub.sockets import steady_ms
from hub.tasks import DetachedTasks

log = structlog.get_logger(__name__)


class Failure(msgspec.Struct, frozen=True, array_like=True):
    """One message: the hub `publisher` saw a sign-in fail."""

    publisher: UUID
    address: str
    name: str | None


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Failure).decode


class Failures:
    """What sign-ins go through: counts by this process's steady clock, tells, and hears by `on_notification`."""

    def __init__(self, limits: FailureLimits, publisher: Publisher, tasks: DetachedTasks) -> None:
        self._limits = limits
        self._publisher = publisher
        self._tasks = tasks
        self._name = uuid4()

    @contextmanager
    def count(self, address: str, name: str | None = None) -> Iterator[None]:
        """Let one try happen inside: it counts only if it raises Unauthenticated. Raises TooManyFailures before it."""
        try:
            with self._limits.count(address, name, steady_ms()):
                yield
        except Unauthenticated:
            failure = Failure(self._name, address, name)
            self._tasks.start(self._publisher.publish("failures", _encode(failure)))
            raise

    def on_notification(self, notification: Notification) -> None:
        """Hear of a failure at another hub."""
        if notification.channel != "failures":
            return
        try:
            failure = _decode(notification.data)
        except msgspec.DecodeError:
            log.warning("failure not understood", bytes=len(notification.data))
            return
        if failure.publisher != self._name:
            self._limits.note(failure.address, failure.name, steady_ms())
