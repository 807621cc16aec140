"""One hub process: the app behind uvicorn, until a signal. What the app is made of stands in `app.py`."""

import structlog
import uvicorn
from litestar import Litestar

from hub.app import create_app
from hub.closing import ClosingWebSocket
from hub.settings import HubSettings
from protocol.limits import SOCKET_BYTES

log = structlog.get_logger(__name__)

GRACEFUL_S = 15
"""How long requests under way may finish after a signal."""


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
    """Serve until SIGTERM or SIGINT."""
    log.info("hub starts", host=settings.host, port=settings.port)
    await uvicorn.Server(configure(create_app(settings), settings.host, settings.port)).serve()
