"""Run jobs from a queue, with a new arq worker whenever the last one ended because Redis was away for long.

Nothing else waits for it: the sweep and the polls find the attempts that lost jobs have named.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

import structlog
from arq import Worker

from db.jobs import JOB_LIMIT_S, QUEUE, RETRIES, Handler, build_worker, cancel, close_worker
from db.periodic import is_set_within
from protocol.backoff import Backoff
from workers import metrics

log = structlog.get_logger(__name__)

JOBS_END_S: Final = 5.0
"""How long jobs may continue after `stop`. Then they are cancelled and rolled back, and a sweep repeats them."""

STEADY_S: Final = 30.0
"""After running this long without an error, the next error starts with the shortest pause again."""


async def take_jobs(
    handlers: Mapping[str, Handler],
    redis_url: str,
    stop: asyncio.Event,
    *,
    queue: str = QUEUE,
    limit_s: int = JOB_LIMIT_S,
    retries: int = RETRIES,
    jobs_end_s: float = JOBS_END_S,
) -> None:
    """Run the jobs of one queue until `stop`, each for at most `limit_s` seconds."""
    backoff = Backoff(0.1, 2.0)
    while not stop.is_set():
        started = time.monotonic()
        worker = build_worker(handlers, redis_url=redis_url, queue=queue, limit_s=limit_s, retries=retries)
        try:
            await _run(worker, stop, jobs_end_s)
        except Exception as error:
            if time.monotonic() - started > STEADY_S:
                backoff.reset()
            metrics.TASKS_FAILED.labels(round="queue").inc()
            log.warning("queue lost", error=type(error).__name__)
        finally:
            await close_worker(worker)
        await is_set_within(stop, backoff.next_s())


async def _run(worker: Worker, stop: asyncio.Event, jobs_end_s: float) -> None:
    """Run an arq worker until `stop`, then let its jobs end. Raises the error that ends its main loop before that."""
    running = asyncio.create_task(worker.main(), name="arq")
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        worker.allow_pick_jobs = False
        jobs = [job for job in worker.tasks.values() if not job.done()]
        if jobs:
            await asyncio.wait(jobs, timeout=jobs_end_s)
    finally:
        await cancel([running, stopping])
