"""A cheap websocket client: frames are masked before the clock starts, and only `ack` frames are decoded fully.

Handshakes, frames and the window are real; frames are never built while measuring. The client shares the cores with
the server, so every report includes its CPU time. Times are from the performance counter, because the clock of the
event loop counts whole milliseconds.
"""

import asyncio
import time
from array import array
from collections import deque
from typing import cast

from websockets.client import ClientProtocol
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode
from websockets.http11 import Response
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from bench.load.workload import Recording
from protocol.codec import Encoding, decode_to_candidate
from protocol.limits import Window
from protocol.monitor import Ack, Error, Welcome


class SocketClosed(Exception):
    """The socket was closed, or the hub broke the protocol."""


class LoadClient(asyncio.Protocol):
    """One socket that sends a recording, after hello and welcome if there is a hello."""

    def __init__(self, url: str, recording: Recording, hello: bytes | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._encoding = recording.encoding
        self._hello = hello
        self._frames = [(_masked(frame.payload, recording.encoding), frame) for frame in recording.frames]
        self._next = 0
        self._wire = ClientProtocol(parse_uri(url), subprotocols=[Subprotocol(recording.encoding)] if hello else None)
        self._in_flight: deque[tuple[int, int, int, float]] = deque()
        self._window = Window()
        self._events = 0
        self._bytes = 0
        self._flooding = False
        self.acked = 0
        self.sent = 0
        self.waits_ms = array("d")
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self.done: asyncio.Future[None] = self._loop.create_future()
        self._next_ack: asyncio.Future[None] | None = None

    @property
    def per_frame(self) -> int:
        """Events per frame of its recording."""
        return self._frames[0][1].events

    @property
    def left(self) -> int:
        """Number of frames still to send."""
        return len(self._frames) - self._next

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the upgrade request."""
        self._transport = cast(asyncio.Transport, transport)
        self._wire.send_request(self._wire.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Handle received bytes."""
        self._wire.receive_data(data)
        for event in self._wire.events_received():
            if isinstance(event, Response):
                self._shake_hands()
            elif isinstance(event, WireFrame) and event.opcode in (Opcode.TEXT, Opcode.BINARY):
                self._take(bytes(event.data))
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail all waiters of this socket."""
        self._wire.receive_eof()  # only then the close code is known
        fault = SocketClosed(f"the socket was closed: {self._wire.close_code} {self._wire.close_reason or exc}")
        self._fail(fault)

    def flood(self) -> None:
        """Send as fast as the window allows until the end of the recording."""
        self._flooding = True
        self._pump()

    @property
    def may_send(self) -> bool:
        """Whether there is a next frame that fits into the window."""
        if not self.left:
            return False
        frame = self._frames[self._next][1]
        fits = self._events + frame.events <= self._window.events
        return fits and self._bytes + len(frame.payload) <= self._window.bytes

    async def send_when_due(self, due_s: float) -> None:
        """Send the next frame at `due_s`, or when the window has room after that. Raises SocketClosed."""
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
        while not self.may_send:
            await self.settled()
        self.send_next(due_s)

    def send_next(self, due_s: float) -> None:
        """Send the next frame; its latency counts from `due_s`. Raises SocketClosed."""
        if self.done.done():
            self.done.result()
        wire, frame = self._frames[self._next]
        self._next += 1
        self.sent += frame.events
        self._events += frame.events
        self._bytes += len(frame.payload)
        self._in_flight.append((frame.last_seq, frame.events, len(frame.payload), due_s))
        self._transport.write(wire)

    def finish(self) -> None:
        """Stop sending; `done` is set with the last ack."""
        self._frames = self._frames[: self._next]
        self._settle()

    async def settled(self) -> None:
        """Wait for the next ack. Raises SocketClosed."""
        if self.done.done():
            return self.done.result()
        if self._next_ack is None:
            self._next_ack = self._loop.create_future()
        return await self._next_ack

    def close(self) -> None:
        """Close with a close frame."""
        if not self._transport.is_closing():
            self._wire.send_close(1000)
            self._flush()

    def _flush(self) -> None:
        out = b"".join(self._wire.data_to_send())
        if out:
            self._transport.write(out)

    def _shake_hands(self) -> None:
        if self._wire.handshake_exc is not None:
            self.ready.set_exception(SocketClosed(str(self._wire.handshake_exc)))
        elif self._hello is None:
            self.ready.set_result(None)
        else:
            self._transport.write(_masked(self._hello, self._encoding))

    def _take(self, data: bytes) -> None:
        frame = decode_to_candidate(data.decode() if self._encoding is Encoding.JSON else data, self._encoding)
        if isinstance(frame, Ack):
            if frame.rejected:
                self._fail(SocketClosed(f"events were rejected: {frame.rejected[:3]}"))
            self._acknowledge(frame.seq)
        elif isinstance(frame, Welcome):
            self._window = frame.window
            self.ready.set_result(None)
        elif isinstance(frame, Error):
            self._fail(SocketClosed(f"{frame.code}: {frame.detail}"))

    def _acknowledge(self, seq: int) -> None:
        now_s = time.perf_counter()
        while self._in_flight and self._in_flight[0][0] <= seq:
            _, events, size, due_s = self._in_flight.popleft()
            self._events -= events
            self._bytes -= size
            self.acked += events
            self.waits_ms.append((now_s - due_s) * 1000)
        if self._flooding:
            self._pump()
        if self._next_ack is not None:
            self._next_ack.set_result(None)
            self._next_ack = None
        self._settle()

    def _pump(self) -> None:
        now_s = time.perf_counter()
        while self.may_send:
            self.send_next(now_s)

    def _settle(self) -> None:
        if not self.left and not self._in_flight and not self.done.done():
            self.done.set_result(None)

    def _fail(self, fault: SocketClosed) -> None:
        for future in (self.ready, self.done, self._next_ack):
            if future is not None and not future.done():
                future.set_exception(fault)
                # Not all of them are awaited; the error is the same.
                future.exception()


def _masked(payload: bytes, encoding: Encoding) -> bytes:
    opcode = Opcode.TEXT if encoding is Encoding.JSON else Opcode.BINARY
    return WireFrame(opcode, payload).serialize(mask=True, extensions=[])
