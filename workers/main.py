"""One worker process: jobs from the queues and periodic tasks, side by side, until a signal.

It builds all parts, either those of the evaluation or that of the model: never both in one process. No part waits for
Redis, and none ends because PostgreSQL is away for a while.
"""

import asyncio
import contextlib
import ipaddress
import signal
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import create_engine, note_unretrieved
from db.errors import AWAY, SettingsError
from db.jobs import LLM_JOB_LIMIT_S, MODEL_QUEUE, Handler
from db.notify import Notifier
from db.periodic import Periodic
from db.queries.retention import worker_settings
from db.queries.retention.worker_settings import DataSettings
from db.retention.times import times_of
from protocol.backoff import Backoff
from protocol.jobs import ANALYZE, EVALUATE, LLM_SUMMARY
from workers import metrics
from workers.arq_worker import take_jobs
from workers.jobs import (
    audit_chain,
    coverage,
    instruction_expiry,
    lost_connections,
    maintenance,
    retention,
    summary_views,
    timeouts,
)
from workers.jobs.analyze import Analyst
from workers.jobs.evaluate import Evaluator
from workers.jobs.llm_summary import LlmSummarizer
from workers.jobs.sweep import Sweep
from workers.llm.client import Model, OpenAIModel
from workers.settings import WorkerSettings

log = structlog.get_logger(__name__)

GRACE_S: Final = 10.0
"""How long running transactions may take after a signal."""

LLM_POLL_S: Final = 5.0
"""How often PostgreSQL is polled for analyses that wait for a model and that no job has named."""


class Parts:
    """The parts of a worker process: its queues with their jobs, and its periodic tasks.

    The model has a separate process, so that nothing that its server answers can harm the evaluation. Where no model
    is set, the worker only marks the analyses that wait for one.
    """

    def __init__(self, settings: WorkerSettings, engine: AsyncEngine, notifier: Notifier, model: Model | None) -> None:
        self.jobs: dict[str, Handler] = {}
        self.llm_jobs: dict[str, Handler] = {}
        self.tasks: list[Periodic] = []
        self._ending: list[Callable[[], None]] = []
        if model is None:
            self._add_evaluation(settings, engine, notifier)
        if model is not None or not settings.llm_base_url:
            self._add_model(settings, engine, notifier, model)

    def _add_evaluation(self, settings: WorkerSettings, engine: AsyncEngine, notifier: Notifier) -> None:
        evaluator = Evaluator(engine, notifier)
        views = summary_views.SummaryViews(engine)
        analyst = Analyst(engine, notifier, evaluator)
        sweep_s = settings.sweep_ms / 1000
        analyses = _periodic("analyses", sweep_s, analyst.poll)
        analyst.on_job = analyses.wake
        expire = partial(instruction_expiry.expire_instructions, engine, notifier)
        self.jobs |= {EVALUATE: evaluator.handle, ANALYZE: analyst.handle}
        self._ending += [evaluator.finish, analyst.finish]
        self.tasks += [
            _periodic("sweep", sweep_s, Sweep(engine, evaluator).run),
            analyses,
            _periodic("views", summary_views.EVERY_S, views.keep_fresh),
            _periodic("coverage", coverage.EVERY_S, coverage.CoverageUpdater(engine, notifier).poll),
            _periodic("absences", lost_connections.EVERY_S, lost_connections.LostConnectionDetector(engine).poll),
            _periodic("timeouts", timeouts.EVERY_S, timeouts.TimeoutEnforcer(engine, notifier).poll),
            _periodic("expiry", instruction_expiry.EVERY_S, expire),
            _periodic("audit", audit_chain.EVERY_S, audit_chain.AuditSealer(engine).seal),
            _periodic("upkeep", maintenance.EVERY_S, partial(maintenance.run_maintenance, engine)),
            _periodic("retention", retention.EVERY_S, retention.Retention(engine, times_of(settings)).poll),
        ]

    def _add_model(
        self, settings: WorkerSettings, engine: AsyncEngine, notifier: Notifier, model: Model | None
    ) -> None:
        summarizer = LlmSummarizer(
            engine, notifier, model, timeout_s=settings.llm_timeout_s, exam_tokens=settings.llm_exam_tokens
        )
        self.llm_jobs[LLM_SUMMARY] = summarizer.handle
        self._ending.append(summarizer.finish)
        self.tasks.append(_periodic("model", LLM_POLL_S, summarizer.poll))

    def finish(self) -> None:
        """Let everything end after the transaction that it is in."""
        for end in self._ending:
            end()
        for task in self.tasks:
            task.stop()


def _periodic(name: str, every_s: float, work: Callable[[], Awaitable[None]]) -> Periodic:
    on_failure = metrics.TASKS_FAILED.labels(round=name).inc
    return Periodic(name, every_s, work, at_once=True, on_failure=on_failure)


async def run(settings: WorkerSettings, stop: asyncio.Event | None = None, *, model_only: bool = False) -> None:
    """Work until SIGTERM, SIGINT or `stop`: all but the model, or only the model. Running transactions end first.

    Raises SettingsError without a model to work with, OSError if the metrics port is taken, and the errors that end one
    of its parts.
    """
    if model_only and not settings.llm_base_url:
        raise SettingsError("VERITAS_LLM_BASE_URL is not set: there is no model to work with")
    stop = stop or asyncio.Event()
    note_unretrieved(asyncio.get_running_loop(), partial(log.info, "connection lost"))
    with _signals(stop), metrics.serve(settings.metrics_host, settings.metrics_port):
        engine = create_engine(settings)
        notifier = Notifier.connect(settings.redis_url, metrics.NOTIFICATIONS_FAILED.inc)
        try:
            async with asyncio.timeout(None) as limit:
                await _work(settings, engine, notifier, stop, limit, model_only=model_only)
        except TimeoutError:
            log.warning("stopped during a transaction")
        finally:
            await notifier.close()
            await engine.dispose()


async def _work(
    settings: WorkerSettings,
    engine: AsyncEngine,
    notifier: Notifier,
    stop: asyncio.Event,
    limit: asyncio.Timeout,
    *,
    model_only: bool,
) -> None:
    model = OpenAIModel(settings) if model_only else None
    async with contextlib.aclosing(model) if model else contextlib.nullcontext(), asyncio.TaskGroup() as group:
        parts = Parts(settings, engine, notifier, model)
        if parts.jobs:
            group.create_task(take_jobs(parts.jobs, settings.redis_url, stop), name="queue")
        if parts.llm_jobs:
            group.create_task(
                take_jobs(parts.llm_jobs, settings.redis_url, stop, queue=MODEL_QUEUE, limit_s=LLM_JOB_LIMIT_S),
                name="model queue",
            )
        for task in parts.tasks:
            group.create_task(task.run(), name=task.name)
        group.create_task(publish_settings(engine, settings), name="settings")
        log.info("working", model_only=model_only)
        if settings.llm_base_url and not model_only:
            log.info("summaries of the model need a separate process: veritas work --only model")
        await stop.wait()
        parts.finish()
        limit.reschedule(asyncio.get_running_loop().time() + GRACE_S)


async def publish_settings(engine: AsyncEngine, settings: WorkerSettings) -> None:
    """Store what this worker does with students' data, so that the notice of each exam says it. Tries until it can."""
    host = urlsplit(settings.llm_base_url).hostname
    data = DataSettings(times_of(settings), model_host=host, is_model_local=host is None or is_local(host))
    backoff = Backoff(1.0, 30.0)
    while True:
        try:
            async with engine.begin() as conn:
                await worker_settings.write_data_settings(conn, data)
        except AWAY as error:
            log.warning("settings not published", error=type(error).__name__)
            await asyncio.sleep(backoff.next_s())
        else:
            return


def is_local(host: str) -> bool:
    """Return whether a host name or address is this machine or a private network.

    >>> [is_local(host) for host in ("localhost", "10.0.0.7", "model", "api.example.com")]
    [True, True, True, False]
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host
    return address.is_private or address.is_loopback


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
