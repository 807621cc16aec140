"""uvicorn's HTTP with two deadlines: for a request's headers, and for its body; a websocket's handshake is a request.

The server waits for ever for a request that never ends, and for the first one of a connection (a "slow loris"), and
each such connection is a descriptor nobody counts. Nothing is timed once a request is here: answers take their time.
"""

from asyncio import TimerHandle, Transport
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hub import metrics

HEADERS_S: Final = 10.0
"""How long the headers of a request may take, from its first byte, or from the connection's first moment."""

REQUEST_S: Final = 60.0
"""How long a request's body may take after that."""


class PromptHttp(HttpToolsProtocol):
    """Give it to uvicorn as `http=`."""

    headers_s = HEADERS_S
    request_s = REQUEST_S
    _deadline: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Expect a request."""
        super().connection_made(transport)
        self._expect(self.headers_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing any more."""
        self._expect(None)
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Expect the headers of one more request; of the first they are expected already."""
        super().on_message_begin()
        if self._deadline is None:
            self._expect(self.headers_s)

    def on_headers_complete(self) -> None:
        """Expect the body."""
        super().on_headers_complete()
        self._expect(self.request_s)

    def on_message_complete(self) -> None:
        """Let the request take its time: it is here."""
        super().on_message_complete()
        self._expect(None)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over to the websocket, which has deadlines of its own."""
        self._expect(None)
        super().handle_websocket_upgrade()

    def _expect(self, within_s: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if within_s is None else self.loop.call_later(within_s, self._give_up)

    def _give_up(self) -> None:
        self._deadline = None
        metrics.REQUESTS_UNFINISHED.inc()
        self.transport.close()
