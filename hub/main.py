"""One hub process: serves the app of `app.py` with uvicorn until a signal.

Handles signals itself, because uvicorn would close every socket at once with 1012. Never stops before the drain is over
or a second signal has come.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterable, Iterator
from functools import partial
from importlib.metadata import version
from typing import Final, cast

import structlog
import uvicorn
from litestar import Litestar

from db.engine import note_unretrieved
from hub import metrics, network_faults
from hub.app import create_hub
from hub.drain import HubDrain
from hub.interpreter import tune_interpreter
from hub.pages.headers import ANSWER_HEADERS, answer_headers
from hub.server.http import PromptHttp
from hub.server.metrics_port import serve_metrics
from hub.server.turns import ACCEPT_PER_TURN
from hub.server.unfinished import UNFINISHED_BYTES, UnfinishedBytes
from hub.server.websocket import ClosingWebSocket
from hub.settings import HubSettings
from protocol.limits import SOCKET_BYTES

log = structlog.get_logger(__name__)

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
KEEP_ALIVE_S: Final = 75
"""How long an idle HTTP connection stays open: longer than a proxy's, usually 60 s, or it would use dead ones."""

GRACEFUL_S: Final = 10
"""How long running requests may take after the drain."""

CLOSE_S: Final = 3.0
"""How long the last peers may take to answer their close. If they are cut off earlier, some never read its code."""


BACKLOG: Final = 4096
"""How many connections may wait in the kernel until they are accepted."""


class HubServer(uvicorn.Server):
    """A server that drains before it stops. A second signal makes the drain fast, a third stops at once."""

    def __init__(self, config: uvicorn.Config, drain: HubDrain) -> None:
        super().__init__(config)
        self._drain = drain
        self._ending: asyncio.Task[None] | None = None
        self._signals = 0

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGTERM and SIGINT while the server runs; the process ends with exit code 0."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self.end)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    def end(self) -> None:
        """Drain and stop; faster with each further call."""
        self._signals += 1
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(), name="drain")
        elif self._signals == 2:
            self._drain.hurry()
        else:
            self.should_exit = self.force_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then set up Python for a process that serves."""
        await super().startup(sockets)
        lengthen_backlog(self)
        tune_interpreter()

    async def _end(self) -> None:
        try:
            await self._drain.run()
            await self._wait_for_closes()
        except Exception:
            log.exception("drain failed")
        finally:
            log.info("hub ends", websockets=self._count_websockets())
            self.should_exit = True

    async def _wait_for_closes(self) -> None:
        # A connection that is cut while its peer still sends is reset, and the peer never reads the close code.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                while self._count_websockets():  # noqa: ASYNC110 - uvicorn has no event for it
                    await asyncio.sleep(0.02)

    def _count_websockets(self) -> int:
        return sum(isinstance(connection, ClosingWebSocket) for connection in self.server_state.connections)


def lengthen_backlog(server: uvicorn.Server) -> None:
    """Let more connections wait in the kernel than asyncio accepts in one turn; it has one number for both."""
    for listening in (found for part in server.servers for found in part.sockets):
        with socket.socket(fileno=os.dup(listening.fileno())) as same:
            same.listen(BACKLOG)


def configure(
    app: Litestar,
    host: str,
    port: int,
    unfinished_bytes: int = UNFINISHED_BYTES,
    headers: Iterable[tuple[bytes, bytes]] = ANSWER_HEADERS,
) -> uvicorn.Config:
    """Configure the server of one hub process. Port 0 means a free port. Answers without the app have `headers`."""
    unfinished = UnfinishedBytes(unfinished_bytes)
    metrics.UNFINISHED_BYTES.set_function(lambda: unfinished.total)
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        lifespan="on",
        log_config=None,
        # The access log would print query strings, and a line per request.
        access_log=False,
        # The app reads the headers of proxies (hub/server/edge.py).
        proxy_headers=False,
        backlog=ACCEPT_PER_TURN,
        http=cast("type[asyncio.Protocol]", partial(PromptHttp, unfinished=unfinished, answer_headers=headers)),
        ws=cast("type[asyncio.Protocol]", partial(ClosingWebSocket, unfinished=unfinished, answer_headers=headers)),
        ws_max_size=SOCKET_BYTES,
        # Clients batch events; deflate would need 37 KiB a socket and allow compression bombs.
        ws_per_message_deflate=False,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACEFUL_S,
        server_header=False,
    )


async def run(settings: HubSettings) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    log.info("hub starts", host=settings.host, port=settings.port, version=version("veritas-proctor"))
    _warn(settings)
    app, drain = create_hub(settings)
    headers = answer_headers(settings.public_url)
    config = configure(app, settings.host, settings.port, settings.unfinished_bytes, headers)
    logging.getLogger("asyncio").addFilter(network_faults.CountLostWrites())
    note_unretrieved(asyncio.get_running_loop(), partial(network_faults.note, "server_connection_lost"))
    with serve_metrics(metrics.REGISTRY, settings.metrics_host, settings.metrics_port):
        await HubServer(config, drain).serve()


def _warn(settings: HubSettings) -> None:
    """Log settings that are allowed, but unsafe where they were not meant."""
    unsafe = [origin for origin in settings.allowed_origins if not origin.lower().startswith("https://")]
    if unsafe:
        log.warning("allowed origins without TLS: any program on the way can use them", origins=unsafe)
    if settings.public_url and settings.metrics_port is None:
        log.info("no metrics: set VERITAS_METRICS_PORT to serve them on a port of their own")
