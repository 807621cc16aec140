"""The one listener of a hub: passes hints from Redis on to whoever looks at PostgreSQL sooner because of them.

A hint says where to look and never what is there; nothing depends on one arriving.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Protocol

import structlog

from db.notify import Notification
from hub.tasks import Background

log = structlog.get_logger(__name__)

RETRY_S = 1.0


class Source(Protocol):
    """Where hints come from: `db.notify.Notifier`."""

    def listen(self) -> AsyncGenerator[Notification, None]:
        """Yield hints for ever."""


class Listener(Background):
    """Runs while its context is open; `listeners` are called in order and must return at once."""

    name = "hint-relay"

    def __init__(self, source: Source, *listeners: Callable[[Notification], None]) -> None:
        self._source = source
        self._listeners = listeners

    async def _run(self) -> None:
        while True:
            try:
                await self._pass_on()
            except Exception:
                log.exception("hint relay failed")
            await asyncio.sleep(RETRY_S)

    async def _pass_on(self) -> None:
        async with aclosing(self._source.listen()) as notifier:
            async for notification in notifier:
                for listener in self._listeners:
                    listener(notification)
