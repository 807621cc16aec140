"""Builds one hub: every part, wired to the others, in one place. Nothing is built at import, nothing decided here."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

import msgspec
from litestar import Litestar
from litestar.config.cors import CORSConfig
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
from hub.board.feeds import Feeds
from hub.board.listener import Listener
from hub.commands.commands import Commands
from hub.console.consoles import Consoles
from hub.console.socket import console_socket
from hub.drain import Drain
from hub.errors import exception_handlers
from hub.handshake import Gate
from hub.ingest.budget import Budget
from hub.ingest.duplicates import Duplicates
from hub.ingest.job_notifier import JobNotifier
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
from hub.rest import admin, auth, health, monitor, service_keys, service_reports, student, teacher
from hub.rest.exams import exams, items, permissions, policies, rosters
from hub.rest.http.openapi import DescribedStructs
from hub.rest.teacher import grades
from hub.settings import HubSettings
from hub.tasks import DetachedTasks
from protocol.codes import CloseCode

SPARE_CONNECTIONS: Final = 2
"""Pooled connections that hellos leave to everything else."""

WATCH_CONNECTIONS: Final = 2
"""Pooled connections of their own for what must not wait: the lease, the roll, and consoles' sign-ins."""

ROUTES: Final[Sequence[ControllerRouterHandler]] = (
    auth.router,
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
    service_keys.router,
    health.router,
    pages.router,
    monitor_socket,
    console_socket,
)
"""Everything a hub answers: tests/hub/rest/access holds a row of who may for each."""


class Hub(msgspec.Struct, frozen=True):
    """The parts of one hub that handlers work with, and all that runs while it is up, in the order to start it."""

    engine: AsyncEngine
    watch_engine: AsyncEngine
    notifier: Notifier
    ingest: Ingest
    gate: Gate
    failures: Failures
    commands: Commands
    candidates: Admission
    consoles: Consoles
    drain: Drain
    running: tuple[AbstractAsyncContextManager[object], ...]


def create_app(
    settings: HubSettings,
    *,
    passwords: Passwords | None = None,
    limits: FailureLimits | None = None,
    site: Site | None = None,
) -> Litestar:
    """Build the hub these settings describe; it connects to nothing before its lifespan begins."""
    return create_hub(settings, passwords=passwords, limits=limits, site=site)[0]


def create_hub(
    settings: HubSettings,
    *,
    passwords: Passwords | None = None,
    limits: FailureLimits | None = None,
    site: Site | None = None,
) -> tuple[Litestar, Drain]:
    """Build a hub and its way out, for a server that lets it drain before it ends its lifespan."""
    site = site or Site(DIST)
    hub = _wire(settings, limits or FailureLimits())
    passwords = passwords or Passwords(settings.bcrypt_cost)

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

    app = Litestar(
        route_handlers=ROUTES,
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
            consoles=hub.consoles,
            site=site,
        ),
        middleware=[hub.gate.guard],
        exception_handlers=exception_handlers,
        cors_config=CORSConfig(allow_origins=list(settings.allowed_origins)) if settings.allowed_origins else None,
        openapi_config=OpenAPIConfig(
            title="Veritas",
            version="1",
            openapi_router=pages.docs_router(),
            use_handler_docstrings=True,
            components=Components(security_schemes=SECURITY_SCHEMES),
            render_plugins=[pages.DocsPage(site)],
        ),
        plugins=[DescribedStructs()],
        logging_config=None,
    )
    return app, hub.drain


def _wire(settings: HubSettings, limits: FailureLimits) -> Hub:
    engine = create_engine(settings)
    # Whatever a storm of hellos does to the pool: the lease is renewed and the roll looked at in time.
    watch_engine = create_engine(msgspec.structs.replace(settings, pool_size=WATCH_CONNECTIONS))
    notifier = Notifier.connect(settings.redis_url, metrics.HINTS_FAILED.inc)
    presence = HubPresence()
    tasks = DetachedTasks()
    failures = Failures(limits, notifier, tasks)

    job_notifier = JobNotifier(notifier.enqueue_evaluate)
    connect = partial(connect_writer, settings)
    budget = Budget(settings.ingest_bytes // 2, settings.ingest_bytes)
    gate = Gate(settings, budget)
    registry = Registry(watch_engine, budget)
    start_anew = partial(registry.close_all, CloseCode.INTERNAL)
    lease = Lease(watch_engine, start_anew)
    resends = Duplicates(engine)
    ingest = Ingest(
        connect,
        job_notifier.notification,
        writers=settings.writers,
        max_bytes=settings.ingest_bytes,
        known=resends.put,
        on_rewind=start_anew,
    )
    answers = InstructionResults(engine, notifier)
    close_log = CloseLog(engine)
    sweep = OrphanCloser(engine, lease, registry, close_log)
    candidates = Admission(
        settings=settings,
        engine=engine,
        ingest=ingest,
        resends=resends,
        budget=budget,
        presence=presence,
        registry=registry,
        answers=answers,
        tasks=tasks,
        lease=lease,
        close_log=close_log,
        turns=asyncio.Semaphore(max(1, settings.pool_size - SPARE_CONNECTIONS)),
    )

    feeds = Feeds(engine)
    commands = Commands(engine, notifier)
    consoles = Consoles(settings, engine, watch_engine, feeds, commands)
    gossip = Gossip(notifier, feeds, presence)
    broadcast = Broadcast(feeds, presence, lambda: gossip.away_since)
    listener = Listener(
        notifier, feeds.on_notification, registry.on_notification, gossip.on_notification, failures.on_notification
    )

    # Left in the reverse order: sockets first, then what they store and say, then what carries it.
    carriers = (lease, job_notifier, resends, ingest, answers, close_log, sweep, tasks, commands, feeds)
    running = (*carriers, PresencePoll(engine, feeds, presence), gossip, broadcast, listener, registry, consoles)
    drain = Drain(gate, registry, consoles, in_ms=settings.drain_ms)
    return Hub(engine, watch_engine, notifier, ingest, gate, failures, commands, candidates, consoles, drain, running)


def _provide(**parts: object) -> dict[str, Provide | AnyCallable]:
    """Offer each part to handlers under its name."""

    def provider(part: object) -> Callable[[], object]:
        return lambda: part

    return {name: Provide(provider(part), sync_to_thread=False) for name, part in parts.items()}
