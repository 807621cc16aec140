"""The worker's own rounds: what it does by itself every so often, with Redis or without.

A round that fails is logged and counted, and the next one comes; no round is ever skipped because of Redis.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from workers import metrics

log = structlog.get_logger(__name__)

RETRY_S: Final = 10.0
"""A round that failed is repeated after so long, however rare it is otherwise."""


async def repeat(name: str, work: Callable[[], Awaitable[None]], every_s: float, stop: asyncio.Event) -> None:
    """Do some work at once and then every `every_s` seconds, until `stop`."""
    while not stop.is_set():
        pause = every_s
        try:
            await work()
        except Exception as error:
            metrics.ROUNDS_FAILED.labels(round=name).inc()
            log.warning("round failed", round=name, error=type(error).__name__)
            pause = min(every_s, RETRY_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)
