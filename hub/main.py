"""One hub process: the app behind uvicorn, until a signal. What the app is made of stands in `app.py`.

The signals are ours: uvicorn's own answer would close every socket at once with 1012. Nothing is stopped here before
every client was sent away in its turn.
"""

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from typing import Final

import structlog
import uvicorn
from litestar import Litestar

from hub.app import create_hub
from hub.drain import Drain
from hub.server.http import PromptHttp
from hub.server.websocket import ClosingWebSocket
from hub.settings import HubSettings
from protocol.limits import SOCKET_BYTES

log = structlog.get_logger(__name__)

ENDING: Final = (signal.SIGINT, signal.SIGTERM)
GRACEFUL_S: Final = 10
"""How long requests under way may finish after the drain."""

FAREWELL_S: Final = 3.0
"""How long the last peers may take to answer their close; cut before, some would never read its code."""


class HubServer(uvicorn.Server):
    """A server that drains before it stops; a second signal hurries the drain, a third stops at once."""

    def __init__(self, config: uvicorn.Config, drain: Drain) -> None:
        super().__init__(config)
        self._drain = drain
        self._ending: asyncio.Task[None] | None = None
        self._signals = 0

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Answer SIGTERM and SIGINT ourselves while the server runs, and end with its own exit code."""
        loop = asyncio.get_running_loop()
        for number in ENDING:
            loop.add_signal_handler(number, self.end)
        try:
            yield
        finally:
            for number in ENDING:
                loop.remove_signal_handler(number)

    def end(self) -> None:
        """Go away; asked again, faster."""
        self._signals += 1
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(), name="drain")
        elif self._signals == 2:
            self._drain.hurry()
        else:
            self.should_exit = self.force_exit = True

    async def _end(self) -> None:
        try:
            await self._drain.run()
            await self._hear_farewells()
        except Exception:
            log.exception("drain failed")
        finally:
            log.info("hub ends", websockets=self._count_websockets())
            self.should_exit = True

    async def _hear_farewells(self) -> None:
        """A connection cut while its peer still sends is reset, and the close code with it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                while self._count_websockets():  # noqa: ASYNC110 - uvicorn tells nobody
                    await asyncio.sleep(0.02)

    def _count_websockets(self) -> int:
        return sum(isinstance(one, ClosingWebSocket) for one in self.server_state.connections)


def configure(app: Litestar, host: str, port: int) -> uvicorn.Config:
    """Describe the server of one hub process; port 0 takes a free one."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        lifespan="on",
        log_config=None,
        # The access log would print query strings, and a line per request.
        access_log=False,
        backlog=4096,
        http=PromptHttp,
        ws=ClosingWebSocket,
        ws_max_size=SOCKET_BYTES,
        # Clients batch: deflate would cost 37 KiB a socket and invite compression bombs.
        ws_per_message_deflate=False,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        timeout_graceful_shutdown=GRACEFUL_S,
        server_header=False,
    )


async def run(settings: HubSettings) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    log.info("hub starts", host=settings.host, port=settings.port)
    app, drain = create_hub(settings)
    await HubServer(configure(app, settings.host, settings.port), drain).serve()
