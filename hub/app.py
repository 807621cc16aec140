"""Builds one hub: every part, wired to the others, in one place. Nothing is built at import, nothing decided here."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial

import msgspec
from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components
from litestar.types import AnyCallable
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from db.engine import connect_writer, create_engine
from db.hints import Hints
from hub import metrics
from hub.auth.guards import SECURITY_SCHEMES
from hub.auth.limits import FailureLimits
from hub.auth.passwords import Passwords
from hub.errands import Errands
from hub.errors import exception_handlers
from hub.ingest.hinter import Hinter
from hub.ingest.writer import Ingest
from hub.live.commands import Commands
from hub.live.feed import Feed
from hub.live.presence import Presence
from hub.live.pulse import Pulse
from hub.live.relay import Relay
from hub.live.socket import ConsoleDoor, console_socket
from hub.monitor.answers import Answers
from hub.monitor.roll import Roll
from hub.monitor.socket import CandidateDoor, monitor_socket
from hub.rest import auth, exams, health, student
from hub.settings import HubSettings


class Hub(msgspec.Struct, frozen=True):
    """The parts of one hub that handlers work with, and all that runs while it is up, in the order to start it."""

    engine: AsyncEngine
    hints: Hints
    ingest: Ingest
    candidates: CandidateDoor
    consoles: ConsoleDoor
    running: tuple[AbstractAsyncContextManager[object], ...]


def create_app(
    settings: HubSettings, *, passwords: Passwords | None = None, limits: FailureLimits | None = None
) -> Litestar:
    """Build the hub these settings describe; it connects to nothing before its lifespan begins."""
    hub = _wire(settings)
    passwords = passwords or Passwords(settings.bcrypt_cost)

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(hub.engine.dispose)
            stack.push_async_callback(hub.hints.close)
            stack.callback(passwords.close)
            for part in hub.running:
                await stack.enter_async_context(part)
            yield

    return Litestar(
        route_handlers=[auth.router, exams.router, student.router, health.router, monitor_socket, console_socket],
        lifespan=[lifespan],
        dependencies=_provide(
            settings=settings,
            engine=hub.engine,
            hints=hub.hints,
            passwords=passwords,
            limits=limits or FailureLimits(),
            ingest=hub.ingest,
            candidates=hub.candidates,
            consoles=hub.consoles,
        ),
        exception_handlers=exception_handlers,
        cors_config=CORSConfig(allow_origins=list(settings.allowed_origins)) if settings.allowed_origins else None,
        openapi_config=OpenAPIConfig(
            title="Veritas",
            version="1",
            path="/docs",
            use_handler_docstrings=True,
            components=Components(security_schemes=SECURITY_SCHEMES),
            render_plugins=[JsonRenderPlugin(path="/")],
        ),
        logging_config=None,
    )


def _wire(settings: HubSettings) -> Hub:
    engine = create_engine(settings)
    hints = Hints.connect(settings.redis_url, metrics.HINTS_FAILED.inc)
    presence = Presence()
    errands = Errands()

    hinter = Hinter(hints.enqueue_evaluate)
    connect = partial(connect_writer, settings)
    ingest = Ingest(connect, hinter.hint, writers=settings.writers, max_bytes=settings.ingest_bytes)
    roll = Roll(engine)
    answers = Answers(engine, hints)
    candidates = CandidateDoor(settings, engine, ingest, presence, roll, answers, errands, hub_id=uuid7())

    feed = Feed(engine)
    commands = Commands(engine, hints)
    consoles = ConsoleDoor(settings, engine, feed, commands)
    relay = Relay(hints, feed.on_hint, roll.on_hint)

    # Left in the reverse order: sockets first, then what they store and say, then what carries it.
    carriers = (hinter, ingest, answers, errands, commands, feed)
    running = (*carriers, Pulse(feed, presence), relay, roll, consoles)
    return Hub(engine, hints, ingest, candidates, consoles, running)


def _provide(**parts: object) -> dict[str, Provide | AnyCallable]:
    """Offer each part to handlers under its name."""

    def provider(part: object) -> Callable[[], object]:
        return lambda: part

    return {name: Provide(provider(part), sync_to_thread=False) for name, part in parts.items()}
