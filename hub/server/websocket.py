"""uvicorn's websocket with one more door: a close that never waits for a peer that has stopped reading.

An ASGI `send` waits while the peer's buffers are full, a close like any other frame, so a peer that stops reading could
never be closed with a code. When the server stops, its sockets close with 4505 instead of 1012: ours says "come back,
spread out" (WIRE §4). And what a peer sends without ever ending a message, pings and pieces, costs bounded memory. No
other behaviour of the server is changed here.
"""

from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from protocol.codes import CloseCode

CLOSE_NOW: Final = "veritas.close_now"
"""The scope extension: `close_now(code, reason)`, which returns at once."""

IS_GONE: Final = "veritas.is_gone"
"""The scope extension: `is_gone()`, whether the connection has ended, known before its frames are read."""

SHUT_DOWN: Final = "veritas.shut_down"
"""The scope extension that stands once the server has closed the socket because it stops."""

PONG_BYTES: Final = 64 * 1024
"""A peer that has so much still to read gets no more pongs: it would not read those either."""


class ClosingWebSocket(WebSocketsSansIOProtocol):
    """Give it to uvicorn as `ws=`; handlers find `close_now` and `is_gone` among their scope's extensions."""

    _pieces: bytearray

    abort_after = 60.0
    """Seconds that a peer which does not read may keep its last frames and its close code waiting in our buffer."""

    def handle_connect(self, event: Request) -> None:
        """Open as uvicorn does, then offer the extensions; the application's task has not run yet."""
        super().handle_connect(event)
        scope = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"][CLOSE_NOW] = self.close_now
            scope["extensions"][IS_GONE] = self.is_gone

    def handle_ping(self) -> None:
        """Answer as uvicorn does, but not into the memory of a peer that does not read."""
        pong = b"".join(self.conn.data_to_send())
        if self.transport.get_write_buffer_size() <= PONG_BYTES:
            self.transport.write(pong)

    def handle_cont(self, event: Frame) -> None:
        """Gather a message's pieces in one buffer: as a list each would cost many times its few bytes."""
        if self.frames:
            self._pieces = bytearray(self.frames.pop())
        self._pieces += event.data
        if event.fin:
            self.frames = [bytes(self._pieces)]
            self._pieces = bytearray()
            self.send_receive_event_to_app()

    def is_gone(self) -> bool:
        """Whether nothing that is said now would reach the peer."""
        return self.disconnected or self.transport.is_closing()

    def close_now(self, code: int, reason: str) -> None:
        """Write the close frame behind what is buffered already, and end the connection for good a little later."""
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
        """The server stops: tell an open peer that it is draining, and leave everything else to uvicorn."""
        if self.handshake_complete and not self.close_sent:
            extensions: dict[Any, Any] = self.scope["extensions"]
            extensions[SHUT_DOWN] = True
            self.close_now(int(CloseCode.DRAINING), CloseCode.DRAINING.reason)
        super().shutdown()

    def _give_up(self) -> None:
        """The peer did not answer: end the connection once our buffer is empty, or without it."""
        if self.transport.get_write_buffer_size() == 0:
            self.transport.close()
            return
        self.close_timer = self.loop.call_later(self.abort_after, self.transport.abort)
