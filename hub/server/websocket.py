"""uvicorn's websocket protocol with a close that never waits for a peer that has stopped reading.

An ASGI `send` waits while the peer's buffers are full, also for a close, so a peer that stops reading could never be
closed with a code. When the server stops, its sockets close with 4505 instead of 1012, which tells clients to reconnect
spread over time (docs/wire/README.md). Pings and message fragments cost bounded memory. Changes nothing else.
"""

from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from protocol.codes import CloseCode

CLOSE_NOW: Final = "veritas.close_now"
"""Scope extension: `close_now(code, reason)`, which returns at once."""

IS_GONE: Final = "veritas.is_gone"
"""Scope extension: `is_gone()`, whether the connection has ended, even while received frames wait to be read."""

SHUT_DOWN: Final = "veritas.shut_down"
"""Scope extension that is set once the server has closed the socket because it stops."""

PONG_BYTES: Final = 64 * 1024
"""A peer with so many unread bytes gets no more pongs; it would not read them either."""


class ClosingWebSocket(WebSocketsSansIOProtocol):
    """Passed to uvicorn as `ws=`. Handlers find `close_now` and `is_gone` in the extensions of their scope."""

    _fragments: bytearray

    abort_after = 60.0
    """Seconds for which unread frames and a close code stay in the buffer of a peer that does not read."""

    def handle_connect(self, event: Request) -> None:
        """Open as uvicorn does, then add the extensions; the application's task has not run yet."""
        super().handle_connect(event)
        scope = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"][CLOSE_NOW] = self.close_now
            scope["extensions"][IS_GONE] = self.is_gone

    def handle_ping(self) -> None:
        """Send a pong as uvicorn does, but not to a peer that does not read."""
        pong = b"".join(self.conn.data_to_send())
        if self.transport.get_write_buffer_size() <= PONG_BYTES:
            self.transport.write(pong)

    def handle_cont(self, event: Frame) -> None:
        """Join the fragments of a message in one buffer; in a list, each would cost much more than its few bytes."""
        if self.frames:
            self._fragments = bytearray(self.frames.pop())
        self._fragments += event.data
        if event.fin:
            self.frames = [bytes(self._fragments)]
            self._fragments = bytearray()
            self.send_receive_event_to_app()

    def is_gone(self) -> bool:
        """Return whether the peer can no longer be reached."""
        return self.disconnected or self.transport.is_closing()

    def close_now(self, code: int, reason: str) -> None:
        """Write the close frame after everything buffered, and end the connection a little later."""
        if self.disconnected or self.close_sent or not self.handshake_complete or self.transport.is_closing():
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self._give_up)

    def shutdown(self) -> None:
        """Close an open socket with 4505 because the server stops, and leave the rest to uvicorn."""
        if self.handshake_complete and not self.close_sent:
            extensions: dict[Any, Any] = self.scope["extensions"]
            extensions[SHUT_DOWN] = True
            self.close_now(int(CloseCode.DRAINING), CloseCode.DRAINING.reason)
        super().shutdown()

    def _give_up(self) -> None:
        """End the connection of a peer that did not answer the close, once its buffer is empty or too old."""
        if self.transport.get_write_buffer_size() == 0:
            self.transport.close()
            return
        self.close_timer = self.loop.call_later(self.abort_after, self.transport.abort)
