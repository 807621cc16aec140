"""Limit failed sign-ins across all hubs: each hub counts for itself, and publishes its failures through Redis.

A sign-in must never wait for Redis: without it, each hub limits the failures it sees. Successes are not published.
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
    """One message: a sign-in failed at the hub `publisher`."""

    publisher: UUID
    address: str
    name: str | None


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Failure).decode


class Failures:
    """Counts failed sign-ins by the monotonic clock, and publishes them to the other hubs."""

    def __init__(self, limits: FailureLimits, publisher: Publisher, tasks: DetachedTasks) -> None:
        self._limits = limits
        self._publisher = publisher
        self._tasks = tasks
        self._name = uuid4()

    @contextmanager
    def count(self, address: str, name: str | None = None) -> Iterator[None]:
        """Run one sign-in in the block, as `FailureLimits.count` does, and publish its failure."""
        try:
            with self._limits.count(address, name, steady_ms()):
                yield
        except Unauthenticated:
            failure = Failure(self._name, address, name)
            self._tasks.start(self._publisher.publish("failures", _encode(failure)))
            raise

    def on_notification(self, notification: Notification) -> None:
        """Count a failure at another hub."""
        if notification.channel != "failures":
            return
        try:
            failure = _decode(notification.data)
        except msgspec.DecodeError:
            log.warning("failure not understood", bytes=len(notification.data))
            return
        if failure.publisher != self._name:
            self._limits.note(failure.address, failure.name, steady_ms())
