"""A websocket client that costs little: frames are masked before the clock starts, and only `ack` is read closely.

Real handshakes, real frames, a real window; it only never builds a frame while it is measured. It shares the cores
with what it measures, so what it costs is part of every report. Moments are of the performance counter: the event
loop's own clock counts whole milliseconds.
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

from bench.workload import Tape
from protocol.codec import Encoding, decode_to_candidate
from protocol.limits import Window
from protocol.monitor import Ack, Error, Welcome


class ClientFault(Exception):
    """The other side did not do what the protocol says."""


class Client(asyncio.Protocol):
    """One socket that plays a tape. A hello is sent first, and a welcome awaited, where there is one."""

    def __init__(self, url: str, tape: Tape, hello: bytes | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._encoding = tape.encoding
        self._hello = hello
        self._frames = [(_masked(frame.payload, tape.encoding), frame) for frame in tape.frames]
        self._next = 0
        self._wire = ClientProtocol(parse_uri(url), subprotocols=[Subprotocol(tape.encoding)] if hello else None)
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
        self._heard: asyncio.Future[None] | None = None

    @property
    def per_frame(self) -> int:
        """How many events a frame of its tape holds."""
        return self._frames[0][1].events

    @property
    def left(self) -> int:
        """How many frames are still to be sent."""
        return len(self._frames) - self._next

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast(asyncio.Transport, transport)
        self._wire.send_request(self._wire.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Take what the other side says."""
        self._wire.receive_data(data)
        for event in self._wire.events_received():
            if isinstance(event, Response):
                self._shake_hands()
            elif isinstance(event, WireFrame) and event.opcode in (Opcode.TEXT, Opcode.BINARY):
                self._take(bytes(event.data))
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever still waits for this socket is told why that is in vain."""
        fault = ClientFault(f"the socket was closed: {self._wire.close_code} {self._wire.close_reason or exc}")
        self._fail(fault)

    def flood(self) -> None:
        """Send as fast as the window allows until the tape is at its end."""
        self._flooding = True
        self._pump()

    @property
    def may_send(self) -> bool:
        """Whether there is a next frame and the window has room for it."""
        if not self.left:
            return False
        frame = self._frames[self._next][1]
        fits = self._events + frame.events <= self._window.events
        return fits and self._bytes + len(frame.payload) <= self._window.bytes

    async def send_when_due(self, due_s: float) -> None:
        """Send the next frame at `due_s`, or as soon as the window then has room. Raises ClientFault."""
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
        while not self.may_send:
            await self.settled()
        self.send_next(due_s)

    def send_next(self, due_s: float) -> None:
        """Send the next frame; its wait counts from `due_s`. Raises ClientFault when the socket has ended."""
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
        """Nothing more will be sent: `done` comes with the last acknowledgement."""
        self._frames = self._frames[: self._next]
        self._settle()

    async def settled(self) -> None:
        """Wait for the next acknowledgement. Raises ClientFault when the socket ends instead."""
        if self.done.done():
            return self.done.result()
        if self._heard is None:
            self._heard = self._loop.create_future()
        return await self._heard

    def close(self) -> None:
        """Leave with a proper close frame."""
        if not self._transport.is_closing():
            self._wire.send_close(1000)
            self._flush()

    def _flush(self) -> None:
        out = b"".join(self._wire.data_to_send())
        if out:
            self._transport.write(out)

    def _shake_hands(self) -> None:
        if self._wire.handshake_exc is not None:
            self.ready.set_exception(ClientFault(str(self._wire.handshake_exc)))
        elif self._hello is None:
            self.ready.set_result(None)
        else:
            self._transport.write(_masked(self._hello, self._encoding))

    def _take(self, data: bytes) -> None:
        frame = decode_to_candidate(data.decode() if self._encoding is Encoding.JSON else data, self._encoding)
        if isinstance(frame, Ack):
            if frame.rejected:
                self._fail(ClientFault(f"events were rejected: {frame.rejected[:3]}"))
            self._acknowledge(frame.seq)
        elif isinstance(frame, Welcome):
            self._window = frame.window
            self.ready.set_result(None)
        elif isinstance(frame, Error):
            self._fail(ClientFault(f"{frame.code}: {frame.detail}"))

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
        if self._heard is not None:
            self._heard.set_result(None)
            self._heard = None
        self._settle()

    def _pump(self) -> None:
        now_s = time.perf_counter()
        while self.may_send:
            self.send_next(now_s)

    def _settle(self) -> None:
        if not self.left and not self._in_flight and not self.done.done():
            self.done.set_result(None)

    def _fail(self, fault: ClientFault) -> None:
        for future in (self.ready, self.done, self._heard):
            if future is not None and not future.done():
                future.set_exception(fault)
                # Not all of them are awaited; their fault is the same.
                future.exception()


def _masked(payload: bytes, encoding: Encoding) -> bytes:
    opcode = Opcode.TEXT if encoding is Encoding.JSON else Opcode.BINARY
    return WireFrame(opcode, payload).serialize(mask=True, extensions=[])
