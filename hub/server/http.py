"""uvicorn's HTTP protocol with two deadlines: for the headers of a request, and for its body.

Without them a connection that never finishes its request (a "slow loris") stays open forever and uses a file
descriptor. Websocket handshakes are requests, too. Never limits how long a response takes.
"""

from asyncio import TimerHandle, Transport
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hub import metrics

HEADERS_S: Final = 10.0
"""How long the headers of a request may take, from its first byte or from the start of the connection."""

REQUEST_S: Final = 60.0
"""How long the body may take after that."""


class PromptHttp(HttpToolsProtocol):
    """Passed to uvicorn as `http=`."""

    headers_s = HEADERS_S
    request_s = REQUEST_S
    _deadline: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Start the deadline for the first request."""
        super().connection_made(transport)
        self._start_deadline(self.headers_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the deadline."""
        self._start_deadline(None)
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Start the deadline for the headers of a further request."""
        super().on_message_begin()
        if self._deadline is None:
            self._start_deadline(self.headers_s)

    def on_headers_complete(self) -> None:
        """Start the deadline for the body."""
        super().on_headers_complete()
        self._start_deadline(self.request_s)

    def on_message_complete(self) -> None:
        """Stop the deadline: the request is complete."""
        super().on_message_complete()
        self._start_deadline(None)

    def handle_websocket_upgrade(self) -> None:
        """Stop the deadline; the websocket has others."""
        self._start_deadline(None)
        super().handle_websocket_upgrade()

    def _start_deadline(self, within_s: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if within_s is None else self.loop.call_later(within_s, self._give_up)

    def _give_up(self) -> None:
        self._deadline = None
        metrics.REQUESTS_UNFINISHED.inc()
        self.transport.close()
