"""Taking jobs off the queue: one arq worker after another, for as long as Redis comes and goes.

arq's main loop ends when Redis is away for long. Nothing waits for it: what its jobs would have named, the sweep finds.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import structlog
from arq import Worker

from db.jobs import JOB_LIMIT_S, QUEUE, RETRIES, Handler, build_worker, cancel, close_worker
from workers import metrics

log = structlog.get_logger(__name__)

JOBS_END_S: Final = 5.0
"""How long jobs may go on after `stop`; what is cut then is rolled back, and folded by somebody's sweep."""

_BACKOFF_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
_STEADY_S: Final = 30.0


async def take_jobs(
    handlers: Mapping[str, Handler],
    redis_url: str,
    stop: asyncio.Event,
    *,
    queue: str = QUEUE,
    limit_s: int = JOB_LIMIT_S,
    retries: int = RETRIES,
) -> None:
    """Run the jobs that hints ask for on one queue, each for so long at most, until `stop`."""
    failed = 0
    while not stop.is_set():
        started = time.monotonic()
        worker = build_worker(handlers, redis_url=redis_url, queue=queue, limit_s=limit_s, retries=retries)
        try:
            await _run(worker, stop)
        except Exception as error:
            failed = 0 if time.monotonic() - started > _STEADY_S else failed
            metrics.ROUNDS_FAILED.labels(round="queue").inc()
            log.warning("queue lost", error=type(error).__name__)
        finally:
            await close_worker(worker)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _BACKOFF_S[min(failed, len(_BACKOFF_S) - 1)])
        failed += 1


async def _run(worker: Worker, stop: asyncio.Event) -> None:
    """Run an arq worker until `stop`, then let its jobs end. Raises what ends its main loop before that."""
    running = asyncio.create_task(worker.main(), name="arq")
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        worker.allow_pick_jobs = False
        jobs = [job for job in worker.tasks.values() if not job.done()]
        if jobs:
            await asyncio.wait(jobs, timeout=JOBS_END_S)
    finally:
        await cancel([running, stopping])
