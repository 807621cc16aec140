"""The one listener of a hub: passes notifications from Redis to the parts of the hub that query PostgreSQL.

A notification carries no data, and nothing depends on one arriving.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final, Protocol

from db.notify import Notification
from db.periodic import Periodic

RETRY_S: Final = 1.0


class NotificationSource(Protocol):
    """A source of notifications: `db.notify.Notifier`."""

    def listen(self) -> AsyncGenerator[Notification, None]:
        """Yield notifications without end."""


class Listener(Periodic):
    """Runs while its context is open; calls `handlers` in order. A handler must return at once."""

    def __init__(
        self, source: NotificationSource, *handlers: Callable[[Notification], None], retry_s: float = RETRY_S
    ) -> None:
        self._source = source
        self._handlers = handlers
        super().__init__("notification-listener", retry_s, self._listen, at_once=True)

    async def _listen(self) -> None:
        async with aclosing(self._source.listen()) as notifications:
            async for notification in notifications:
                for handler in self._handlers:
                    handler(notification)
