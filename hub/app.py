"""Builds one hub: creates every part and connects it to the others. Builds nothing at import, and decides nothing."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

import msgspec
from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components
from litestar.types import AnyCallable, ControllerRouterHandler
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import connect_writer, create_engine
from db.notify import Notifier
from hub import metrics
from hub.auth.failures import Failures
from hub.auth.guards import SECURITY_SCHEMES
from hub.auth.limits import FailureLimits
from hub.auth.passwords import Passwords
from hub.auth.pseudonyms import KEY_STATE
from hub.board.feeds import Feeds
from hub.board.listener import Listener
from hub.commands.commands import Commands
from hub.console.consoles import Consoles
from hub.console.socket import console_socket
from hub.drain import HubDrain
from hub.errors import exception_handlers
from hub.handshake import Gate
from hub.ingest.budget import Budget
from hub.ingest.duplicates import Duplicates
from hub.ingest.job_notifier import JobNotifier
from hub.ingest.quotas import Quotas
from hub.ingest.writer import Ingest
from hub.lease import Lease
from hub.monitor.admission import Admission
from hub.monitor.close_log import CloseLog
from hub.monitor.instruction_results import InstructionResults
from hub.monitor.orphans import OrphanCloser
from hub.monitor.registry import Registry
from hub.monitor.socket import monitor_socket
from hub.pages import routes as pages
from hub.pages.site import DIST, Site
from hub.presence.broadcast import Broadcast
from hub.presence.gossip import Gossip
from hub.presence.poll import PresencePoll
from hub.presence.presence import HubPresence
from hub.rest import (
    account,
    admin,
    auth,
    erasure,
    health,
    monitor,
    service_keys,
    service_reports,
    student,
    teacher,
)
from hub.rest.exams import exams, items, permissions, policies, rosters
from hub.rest.http.bodies import BODY_BYTES, BoundedRequest
from hub.rest.http.idempotency import Replayed, answer_again, provide_once
from hub.rest.http.openapi import DescribedStructs
from hub.rest.student.batches import AttemptBatches
from hub.rest.teacher import grades
from hub.server.edge import Edge, HubApp
from hub.server.hello_queue import HelloQueue
from hub.server.loop_stalls import LoopStalls
from hub.server.security_log import LOG_STATE, SecurityLog
from hub.settings import HubSettings
from hub.tasks import DetachedTasks
from hub.timing import TIMING, Timing
from judgement.rules import HEARD
from protocol.codes import CloseCode

SPARE_CONNECTIONS: Final = 2
"""Pooled connections that hellos leave free for everything else."""

WATCH_CONNECTIONS: Final = 2
"""A separate pool for what must not wait: the lease, the registry, and the checks of consoles' sign-ins."""

ROUTES: Final[Sequence[ControllerRouterHandler]] = (
    auth.router,
    account.router,
    exams.router,
    items.router,
    policies.router,
    rosters.router,
    permissions.router,
    student.router,
    monitor.router,
    teacher.router,
    grades.router,
    service_reports.router,
    admin.router,
    erasure.router,
    service_keys.router,
    health.router,
    health.read_metrics,
    pages.router,
    monitor_socket,
    console_socket,
)
"""All routes of a hub; tests/hub/rest/access has a row for each with the roles that may use it."""


class Hub(msgspec.Struct, frozen=True):
    """The parts of one hub that handlers use, and in `running` everything to start, in this order."""

    engine: AsyncEngine
    watch_engine: AsyncEngine
    notifier: Notifier
    ingest: Ingest
    gate: Gate
    security: SecurityLog
    failures: Failures
    commands: Commands
    candidates: Admission
    batches: AttemptBatches
    consoles: Consoles
    drain: HubDrain
    running: tuple[AbstractAsyncContextManager[object], ...]


def create_app(
    settings: HubSettings,
    *,
    passwords: Passwords | None = None,
    limits: FailureLimits | None = None,
    site: Site | None = None,
    timing: Timing = TIMING,
) -> Litestar:
    """Build a hub with these settings. It connects to nothing before its lifespan begins."""
    return create_hub(settings, passwords=passwords, limits=limits, site=site, timing=timing)[0]


def create_hub(
    settings: HubSettings,
    *,
    passwords: Passwords | None = None,
    limits: FailureLimits | None = None,
    site: Site | None = None,
    timing: Timing = TIMING,
) -> tuple[Litestar, HubDrain]:
    """Build a hub and its drain, for a server that drains it before the end of its lifespan."""
    hub, site = _connect_parts(settings, limits or FailureLimits(), timing), site or Site(DIST)
    passwords = passwords or Passwords(settings.bcrypt_cost, threads=settings.bcrypt_threads)

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(hub.engine.dispose)
            stack.push_async_callback(hub.watch_engine.dispose)
            stack.push_async_callback(hub.notifier.close)
            stack.callback(passwords.close)
            for part in hub.running:
                await stack.enter_async_context(part)
            yield

    openapi = OpenAPIConfig(
        title="Veritas",
        version="1",
        openapi_router=pages.docs_router(),
        use_handler_docstrings=True,
        components=Components(security_schemes=SECURITY_SCHEMES),
        render_plugins=[pages.DocsPage(site)],
    )
    app = HubApp(
        edge=Edge(settings),
        route_handlers=[route for route in ROUTES if route is not health.read_metrics or settings.shows_metrics],
        lifespan=[lifespan],
        dependencies=_provide(
            settings=settings,
            engine=hub.engine,
            notifier=hub.notifier,
            passwords=passwords,
            failures=hub.failures,
            ingest=hub.ingest,
            gate=hub.gate,
            commands=hub.commands,
            candidates=hub.candidates,
            batches=hub.batches,
            consoles=hub.consoles,
            site=site,
        ),
        state=State({KEY_STATE: settings.keys.data, LOG_STATE: hub.security}),
        middleware=[hub.gate.guard],
        request_class=BoundedRequest,
        request_max_body_size=BODY_BYTES,
        exception_handlers={**exception_handlers, Replayed: answer_again},
        cors_config=CORSConfig(allow_origins=list(settings.allowed_origins)) if settings.allowed_origins else None,
        openapi_config=openapi if settings.shows_docs else None,
        plugins=[DescribedStructs()],
        logging_config=None,
    )
    return app, hub.drain


def _connect_parts(settings: HubSettings, limits: FailureLimits, timing: Timing) -> Hub:
    engine = create_engine(settings)
    # Many hellos at once may use up the first pool; the lease and the registry must still be in time.
    watch_engine = create_engine(msgspec.structs.replace(settings, pool_size=WATCH_CONNECTIONS))
    notifier = Notifier.connect(settings.redis_url, metrics.NOTIFICATIONS_FAILED.inc)
    presence = HubPresence()
    tasks = DetachedTasks()
    failures = Failures(limits, notifier, tasks)

    job_notifier = JobNotifier(notifier.enqueue_evaluate)
    budget = Budget(settings.ingest_bytes // 2, settings.ingest_bytes)
    security = SecurityLog(settings.keys.data)
    gate = Gate(settings, budget, refused_s=timing.refused_s, security=security)
    registry = Registry(watch_engine, budget, tick_s=timing.tick_s, poll_s=timing.poll_s)
    close_candidates = partial(registry.close_all, CloseCode.INTERNAL)
    lease = Lease(watch_engine, close_candidates, renew_s=timing.renew_s)
    duplicates = Duplicates(engine)
    ingest = _build_ingest(settings, timing, job_notifier, duplicates, close_candidates)
    metrics.INGEST_WAITING.set_function(lambda: ingest.waiting_bytes)
    results = InstructionResults(engine, notifier)
    close_log = CloseLog(engine)
    times = {"orphans_s": timing.orphans_s, "young_s": timing.young_s, "silent_s": timing.silent_s}
    orphans = OrphanCloser(engine, lease, registry, close_log, **times)
    candidates = Admission(
        settings=settings,
        timing=timing,
        engine=engine,
        ingest=ingest,
        duplicates=duplicates,
        budget=budget,
        quotas=Quotas(timing.quotas),
        presence=presence,
        registry=registry,
        results=results,
        tasks=tasks,
        lease=lease,
        close_log=close_log,
        hellos=_build_hello_queue(settings),
    )

    batches = AttemptBatches(engine, notifier, settings, tasks, slots=max(1, settings.pool_size // 3))
    feeds = Feeds(engine)
    commands = Commands(engine, notifier)
    consoles = Consoles(settings, engine, watch_engine, feeds, commands)
    gossip = Gossip(notifier, feeds, presence)
    broadcast = Broadcast(feeds, presence, lambda: gossip.away_since)
    listener = Listener(
        notifier, feeds.on_notification, registry.on_notification, gossip.on_notification, failures.on_notification
    )

    # Stopped in the reverse order: first sockets, then what they store and send, then what that depends on.
    storing = (lease, job_notifier, duplicates, ingest, results, close_log, orphans, tasks, commands, feeds)
    stalls = LoopStalls(metrics.LOOP_LATE_SECONDS.observe)
    running = (stalls, *storing, PresencePoll(engine, feeds, presence), gossip, broadcast, listener, registry, consoles)
    drain = HubDrain(gate, registry, consoles, in_ms=settings.drain_ms)
    return Hub(
        *(engine, watch_engine, notifier, ingest, gate, security, failures, commands, candidates, batches),
        *(consoles, drain),
        running=running,
    )


def _build_hello_queue(settings: HubSettings) -> HelloQueue:
    hellos = HelloQueue(max(1, settings.pool_size - SPARE_CONNECTIONS), on_deferred=metrics.HELLOS_DEFERRED.inc)
    metrics.HELLOS_WAITING.set_function(lambda: len(hellos))
    return hellos


def _build_ingest(
    settings: HubSettings,
    timing: Timing,
    job_notifier: JobNotifier,
    duplicates: Duplicates,
    on_epoch_change: Callable[[], None],
) -> Ingest:
    return Ingest(
        partial(connect_writer, settings),
        job_notifier.put,
        writers=settings.writers,
        max_bytes=settings.ingest_bytes,
        on_known=duplicates.put,
        on_epoch_change=on_epoch_change,
        limits=timing.flush,
        notable=HEARD,
    )


def _provide(**parts: object) -> dict[str, Provide | AnyCallable]:
    """Make each part a dependency of handlers under its name."""

    def provider(part: object) -> Callable[[], object]:
        return lambda: part

    provided = {name: Provide(provider(part), sync_to_thread=False) for name, part in parts.items()}
    return {"once": Provide(provide_once), **provided}
