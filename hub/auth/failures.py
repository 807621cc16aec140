"""Limit failed sign-ins across all hubs: each hub counts for itself, and publishes its failures through Redis.

A sign-in must never wait for Redis: without it, each hub limits the failures it sees. Successes are not published. A
right code or token is never limited.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID, uuid4

import msgspec
import structlog

from db.notify import Notification, Publisher
from hub.auth.limits import FailureLimits, Try
from hub.errors import Unauthenticated
from hub.sockets import steady_ms
from hub.tasks import DetachedTasks

log = structlog.get_logger(__name__)


class Failure(msgspec.Struct, frozen=True, array_like=True):
    """One message: a sign-in failed at the hub `publisher`. Without a name, a code or token did not exist."""

    publisher: UUID
    address: str
    name: str | None
    device: str | None = None


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
    def count(self, attempt: Try) -> Iterator[None]:
        """Run one sign-in by password in the block, as `FailureLimits.count` does, and publish its failure."""
        try:
            with self._limits.count(attempt, steady_ms()):
                yield
        except Unauthenticated:
            self._publish(Failure(self._name, attempt.address, attempt.name, attempt.device))
            raise

    def refuse_guess(self, address: str, detail: str) -> Unauthenticated:
        """Count a code or token that does not exist, and return the error to raise.

        Raises TooManyFailures instead when this network has used up its failures. The guess was looked up all the same,
        so a right one is accepted at any time.
        """
        now = steady_ms()
        self._limits.check_guess(address, now)
        self._limits.note_guess(address, now)
        self._publish(Failure(self._name, address, None))
        return Unauthenticated(detail)

    def on_notification(self, notification: Notification) -> None:
        """Count a failure at another hub."""
        if notification.channel != "failures":
            return
        try:
            failure = _decode(notification.data)
        except msgspec.DecodeError:
            log.warning("failure not understood", bytes=len(notification.data))
            return
        if failure.publisher == self._name:
            return
        if failure.name is None:
            self._limits.note_guess(failure.address, steady_ms())
        else:
            self._limits.note(Try(failure.address, failure.name, failure.device), steady_ms())

    def _publish(self, failure: Failure) -> None:
        self._tasks.start(self._publisher.publish("failures", _encode(failure)))
