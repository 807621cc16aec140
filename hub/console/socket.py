"""Stage 9 of 9: the console's WebSocket, `/ws/console` (docs/path-of-an-event.md).

Refuses a foreign origin before the handshake; everything else is done by `consoles.py`.
"""

from typing import Any

from litestar import WebSocket, websocket
from litestar.di import NamedDependency

from hub.auth.guards import origin_allowed
from hub.console.consoles import Consoles
from hub.settings import HubSettings


@websocket("/ws/console", summary="The console's WebSocket")
async def console_socket(
    socket: WebSocket[Any, Any, Any], consoles: NamedDependency[Consoles], settings: NamedDependency[HubSettings]
) -> None:
    """Serve one console."""
    if not origin_allowed(socket.headers, settings):
        await socket.close()
        return
    await consoles.serve(socket)
