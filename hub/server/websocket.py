"""uvicorn's websocket protocol with budgets for frames and bytes, and a close that never waits for a peer.

Control frames and message pieces have a budget that is applied while bytes are parsed, and what one read contains is
parsed in slices, so that no peer holds the event loop. Before its hello is accepted a peer may send one small frame.
An ASGI `send` waits while the peer's buffers are full, also for a close, so a peer that stops reading could never be
closed with a code. When the server stops, its sockets close with 4505 instead of 1012, which tells clients to reconnect
spread over time (docs/wire/README.md). Never interprets a message.
"""

import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Final

from uvicorn._types import ASGIReceiveEvent, WebSocketReceiveEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import ProtocolError
from websockets.frames import CTRL_OPCODES, Frame
from websockets.frames import CloseCode as StandardCode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from hub import metrics, network_faults
from hub.pages.headers import ANSWER_HEADERS
from hub.server.frame_budget import PIECE_BYTES, FrameBudget
from hub.server.unfinished import UnfinishedBytes
from protocol.codes import CloseCode
from protocol.limits import HELLO_BYTES

CLOSE_NOW: Final = "veritas.close_now"
"""Scope extension: `close_now(code, reason)`, which returns at once."""

IS_GONE: Final = "veritas.is_gone"
"""Scope extension: `is_gone()`, whether the connection has ended, even while received frames wait to be read."""

ADMIT: Final = "veritas.admit"
"""Scope extension: `admit()`; the peer is known, and may send frames of the full size."""

SHUT_DOWN: Final = "veritas.shut_down"
"""Scope extension that is set once the server has closed the socket because it stops."""

PONG_BYTES: Final = 64 * 1024
"""A peer with so many unread bytes gets no more pongs; it would not read them either."""

SLICE_BYTES: Final = 4 * 1024
"""So many bytes are parsed at a time; parsing stops between slices while messages wait for the handler."""

FRAMES_PER_TURN: Final = 256
"""After so many frames of one read, the other sockets get their turn."""

AHEAD_BYTES: Final = 4 * 1024
"""So much of what is sent ahead of the answer to a handshake is read; a peer that leaves meanwhile is noticed."""

CLOSING_BYTES: Final = 256
"""So many bytes are parsed in one turn after a close code was sent: only the peer's own close is looked for."""


class _OverBudget(ProtocolError):
    """The peer has sent too many control frames or message pieces."""


class BudgetedFrames(ServerProtocol):
    """Parses frames, and fails the connection with 1008 at the first one that is over the budget.

    A refused handshake is answered with the headers of every answer.
    """

    def __init__(
        self, clock: Callable[[], float], logger: logging.Logger, answer_headers: Iterable[tuple[bytes, bytes]]
    ) -> None:
        super().__init__(max_size=HELLO_BYTES, logger=logger)
        self._clock = clock
        self._budget = FrameBudget()
        self._answer_headers = answer_headers

    def admit(self, max_size: int) -> None:
        """Allow frames of this size, and the rate of a known peer."""
        self.max_message_size = max_size
        self._budget.admit(self._clock())

    def send_response(self, response: Response) -> None:
        """Answer a handshake."""
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            for name, value in self._answer_headers:
                response.headers.setdefault(name.decode(), value.decode())
        super().send_response(response)

    def recv_frame(self, frame: Frame) -> None:
        """Count a frame that is no complete message, then process it."""
        is_piece = not frame.fin and len(frame.data) < PIECE_BYTES
        if (is_piece or frame.opcode in CTRL_OPCODES) and not self._budget.spend(self._clock()):
            self.fail(StandardCode.POLICY_VIOLATION, "too many control frames")
            raise _OverBudget
        super().recv_frame(frame)


class ClosingWebSocket(WebSocketsSansIOProtocol):
    """Passed to uvicorn as `ws=`. Handlers find `close_now`, `is_gone` and `admit` in the extensions of their scope."""

    conn: BudgetedFrames
    _fragments: bytearray

    abort_after = 60.0
    """Seconds for which unread frames and a close code stay in the buffer of a peer that does not read."""

    def __init__(
        self,
        *args: Any,
        unfinished: UnfinishedBytes | None = None,
        answer_headers: Iterable[tuple[bytes, bytes]] = ANSWER_HEADERS,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.conn = BudgetedFrames(self.loop.time, self.logger, answer_headers)
        self._fragments = bytearray()
        self._unfinished = unfinished or UnfinishedBytes()
        self._held_bytes = 0
        self._unparsed = b""
        """What was received and not parsed yet; reading is paused while it is not empty."""
        self._is_scheduled = False
        self._has_begun = False
        """Whether the application handles the socket; what is sent ahead of that is kept, and parsed afterwards."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Hold no more bytes."""
        self._unparsed = b""
        self._hold(0)
        super().connection_lost(exc)

    def handle_connect(self, event: Request) -> None:
        """Open as uvicorn does, then add the extensions; the application's task has not run yet."""
        super().handle_connect(event)
        scope = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"][CLOSE_NOW] = self.close_now
            scope["extensions"][IS_GONE] = self.is_gone
            scope["extensions"][ADMIT] = self.admit

    def admit(self) -> None:
        """Allow what a known peer may send."""
        self.conn.admit(self.config.ws_max_size)

    def data_received(self, data: bytes) -> None:
        """Parse what was received, up to the first messages."""
        self._unparsed += data
        self._parse()

    def _parse(self) -> None:
        if self._is_waiting:
            self._keep_ahead()
            return
        data, at, frames = self._unparsed, 0, 0
        while at < len(data) and not self.read_paused and not self._is_waiting and not self.transport.is_closing():
            if frames > FRAMES_PER_TURN or (at and self.close_sent):
                self.read_paused = True
                self.transport.pause_reading()
                self._schedule()
                break
            piece = data[at : at + (CLOSING_BYTES if self.close_sent else SLICE_BYTES)]
            at += len(piece)
            self.conn.receive_data(piece)
            if self.conn.parser_exc is not None:
                self._unparsed = b""
                self.handle_parser_exception()
                return
            frames += len(self.conn.events)
            self.handle_events()
        self._unparsed = data[at:]
        buffered = len(self.conn.reader.buffer) + len(self._fragments) + sum(map(len, self.frames))
        self._hold(len(self._unparsed) + buffered)

    @property
    def _is_waiting(self) -> bool:
        """Whether the handshake waits for its turn."""
        return self.handshake_initiated and not self._has_begun

    def _keep_ahead(self) -> None:
        # Otherwise a flood of handshakes with something behind them would be worked on without waiting for its turn.
        self._hold(len(self._unparsed))
        if len(self._unparsed) > AHEAD_BYTES and not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self.loop.call_soon(self._parse_on)

    def _parse_on(self) -> None:
        """Parse more of what was received; read again once all of it is parsed."""
        self._is_scheduled = False
        if self.disconnected or self.transport.is_closing() or not self.read_paused:
            return
        self.read_paused = False
        self._parse()
        if not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    async def receive(self) -> ASGIReceiveEvent:
        """Return the next message; after the last one, parse more or read again."""
        message = await self.queue.get()
        if not self._has_begun:
            self._has_begun = True
            self.read_paused = self.read_paused or bool(self._unparsed)
        if self.read_paused and self.queue.empty():
            if self._unparsed:
                self._schedule()
            else:
                self.read_paused = False
                self.transport.resume_reading()
        return message

    def _hold(self, size: int) -> None:
        if size:
            self._held_bytes = size
            self._unfinished.hold(self, size, self._evict)
        elif self._held_bytes:
            self._held_bytes = 0
            self._unfinished.release(self)

    def _evict(self) -> None:
        """Close with 1013: the process holds too many bytes of unfinished messages, and this one is the oldest."""
        self._held_bytes = 0
        self._unparsed = b""
        metrics.UNFINISHED_EVICTED.labels(kind="message").inc()
        self.conn.fail(StandardCode.TRY_AGAIN_LATER)
        self.handle_parser_exception()

    def handle_parser_exception(self) -> None:
        """Close as uvicorn does, also before the handshake is complete; never wait long for a peer to read it."""
        self._hold(0)
        if isinstance(self.conn.parser_exc, _OverBudget):
            metrics.CONTROL_REFUSED.inc()
        if self.conn.close_sent is None:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": StandardCode.ABNORMAL_CLOSURE})
            self.transport.abort()
            return
        super().handle_parser_exception()
        if self.transport.get_write_buffer_size():
            self.loop.call_later(self.abort_after, self.transport.abort)

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

    def send_receive_event_to_app(self) -> None:
        """Queue a complete message; close with 1007 if it is text that is not UTF-8, which any peer may send."""
        (data,), self.frames = self.frames, []
        if self.close_sent:
            return
        message: WebSocketReceiveEvent = {"type": "websocket.receive", "bytes": data}
        if self.curr_msg_data_type == "text":
            try:
                message = {"type": "websocket.receive", "text": data.decode()}
            except UnicodeDecodeError:
                network_faults.note("text_not_utf8")
                self.conn.fail(StandardCode.INVALID_DATA, "text must be UTF-8")
                self.handle_parser_exception()
                return
        self.queue.put_nowait(message)
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

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
            self._schedule()
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
