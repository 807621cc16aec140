"""One worker process: jobs, sweeps, the lookout, time-outs, the expiry, the upkeep, side by side until a signal.

Everything is built here. None of them waits for Redis, and none ends because PostgreSQL is away for a while.
"""

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import create_engine
from db.jobs import LLM_JOB_LIMIT_S, MODEL_QUEUE
from db.notify import Notifier
from protocol.jobs import ANALYSE, EVALUATE, LLM_SUMMARY
from workers import metrics
from workers.arq_worker import take_jobs
from workers.jobs.analyse import Analyst
from workers.jobs.evaluate import Evaluator
from workers.jobs.instruction_expiry import EXPIRE_S, expire
from workers.jobs.llm_summary import LlmSummarizer
from workers.jobs.lost_connections import LOOK_S, Lookout
from workers.jobs.maintenance import keep_up
from workers.jobs.summary_views import LOOK_S as VIEWS_S
from workers.jobs.summary_views import Views
from workers.jobs.timeouts import LOOK_S as TIME_S
from workers.jobs.timeouts import Timekeeper
from workers.llm.client import OpenAIModel
from workers.periodic import repeat
from workers.settings import WorkerSettings

log = structlog.get_logger(__name__)

GRACE_S: Final = 10.0
"""How long the transactions under way may take after a signal."""

UPKEEP_S: Final = 3600.0

CONSULT_S: Final = 5.0
"""How often PostgreSQL is asked for analyses that wait for a model and no hint has led to."""


async def run(settings: WorkerSettings, stop: asyncio.Event | None = None) -> None:
    """Work until SIGTERM, SIGINT or `stop`; transactions under way end first.

    Raises OSError when the metrics port is taken, and whatever a part of it fails with for good.
    """
    stop = stop or asyncio.Event()
    with _signals(stop), metrics.serve(settings.metrics_host, settings.metrics_port):
        engine = create_engine(settings)
        notifier = Notifier.connect(settings.redis_url, metrics.HINTS_FAILED.inc)
        try:
            async with asyncio.timeout(None) as limit:
                await _work(settings, engine, notifier, stop, limit)
        except TimeoutError:
            log.warning("stopped in the middle of a transaction")
        finally:
            await notifier.close()
            await engine.dispose()


async def _work(
    settings: WorkerSettings, engine: AsyncEngine, notifier: Notifier, stop: asyncio.Event, limit: asyncio.Timeout
) -> None:
    evaluator = Evaluator(engine, notifier)
    views = Views(engine)
    analyst = Analyst(engine, notifier, evaluator, views)
    model = OpenAIModel(settings) if settings.llm_base_url else None
    consultant = LlmSummarizer(
        engine, notifier, model, timeout_s=settings.llm_timeout_s, exam_tokens=settings.llm_exam_tokens
    )
    async with contextlib.aclosing(model) if model else contextlib.nullcontext(), asyncio.TaskGroup() as parts:
        jobs = {EVALUATE: evaluator.handle, ANALYSE: analyst.handle}
        parts.create_task(take_jobs(jobs, settings.redis_url, stop), name="queue")
        consulting = take_jobs(
            {LLM_SUMMARY: consultant.handle}, settings.redis_url, stop, queue=MODEL_QUEUE, limit_s=LLM_JOB_LIMIT_S
        )
        parts.create_task(consulting, name="model queue")
        parts.create_task(repeat("model", consultant.consult, CONSULT_S, stop), name="model")
        parts.create_task(repeat("sweep", evaluator.sweep, settings.sweep_ms / 1000, stop), name="sweep")
        parts.create_task(repeat("analyses", analyst.sweep, settings.sweep_ms / 1000, stop), name="analyses")
        parts.create_task(repeat("views", views.keep_fresh, VIEWS_S, stop), name="views")
        parts.create_task(repeat("absences", Lookout(engine).look, LOOK_S, stop), name="absences")
        parts.create_task(repeat("timeouts", Timekeeper(engine, notifier).look, TIME_S, stop), name="timeouts")
        parts.create_task(repeat("expiry", lambda: expire(engine, notifier), EXPIRE_S, stop), name="expiry")
        parts.create_task(repeat("upkeep", lambda: keep_up(engine), UPKEEP_S, stop), name="upkeep")
        log.info("working")
        await stop.wait()
        evaluator.finish()
        analyst.finish()
        consultant.finish()
        limit.reschedule(asyncio.get_running_loop().time() + GRACE_S)


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    wanted = (signal.SIGTERM, signal.SIGINT)
    for number in wanted:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in wanted:
            loop.remove_signal_handler(number)
