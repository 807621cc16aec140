"""One seat of a hall: a lean websocket client that shares its frames with other seats. Keeps what is not acknowledged.

Frames are masked with a key of zeros, which leaves the payload as it is, so that one copy serves all seats. Times are
from the performance counter. Never encodes an event.
"""

import asyncio
import time
from array import array
from base64 import b64encode
from typing import Any, Final, cast
from uuid import UUID, uuid4

import msgspec

from protocol.codec import Encoding, encode
from protocol.monitor import Ack, Error, Hello, Mark, Welcome, WindowChanged
from protocol.monitor import Client as Identity

CLIENT: Final = Identity("veritas-bench", "1")
_KEY: Final = b64encode(b"bench of veritas").decode()
_NO_MASK: Final = bytes(4)
_TEXT: Final = 0x81
_CLOSE: Final = 0x88
_PING: Final = 0x89
_PONG: Final = 0x8A
_decode: Final = msgspec.json.Decoder(Ack | Welcome | WindowChanged | Error)


class PlannedFrame(msgspec.Struct, frozen=True):
    """A frame as it goes over the wire: its last seq, when it is due after the start, and a mark of each event."""

    wire: bytes
    last_seq: int
    due_s: float
    marks: tuple[Mark, ...]
    is_planted: bool = False


class Tally:
    """What all seats of a load have seen."""

    def __init__(self) -> None:
        self.waits_ms = array("d")
        self.planted_at: dict[UUID, float] = {}
        self.refusals: list[str] = []
        self.told_to_wait = 0
        self.closes: dict[int, int] = {}
        self.resent = 0


class Seat(asyncio.Protocol):
    """One candidate's socket. It may be opened again: it continues after what the hub has stored."""

    def __init__(self, attempt_id: UUID, tickets: list[str], phase_s: float, epoch_s: float, tally: Tally) -> None:
        self.attempt_id = attempt_id
        self.frames: list[PlannedFrame] = []
        self.phase_s = phase_s
        self.acked = 0
        self.sent = 0
        self.due = 0
        self.started_s = 0.0
        self.welcomes = 0
        self.has_ack = False
        self.welcomed = asyncio.Event()
        self.lost = asyncio.Event()
        self._tickets = tickets
        self._epoch_s = epoch_s
        self._tally = tally
        self._boot = uuid4()
        self._stream: UUID | None = None
        self._mac = ""
        self._next = 0
        self._window = 1
        self._buffer = b""
        self._is_open = False
        self._transport: asyncio.Transport | None = None
        self.lost.set()

    @property
    def can_open(self) -> bool:
        """Whether it has a ticket left."""
        return bool(self._tickets)

    @property
    def is_done(self) -> bool:
        """Whether everything that is planned was acknowledged."""
        return not self.frames or self.acked >= self.frames[-1].last_seq

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the upgrade request."""
        self._transport = cast(asyncio.Transport, transport)
        self._buffer, self._is_open, self.has_ack = b"", False, False
        self.lost.clear()
        self.welcomed.clear()
        self._transport.write(
            b"GET /ws/monitor HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\nSec-WebSocket-Protocol: %b\r\n\r\n"
            % (_KEY.encode(), Encoding.JSON.value.encode())
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the socket is gone."""
        del exc
        self._transport = None
        self.welcomed.clear()
        self.lost.set()

    def data_received(self, data: bytes) -> None:
        """Take the answer to the upgrade, then frames."""
        self._buffer += data
        if not self._is_open:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            self._buffer = rest
            if b" 101 " not in head[:16]:
                self._refuse(head.split(b"\r\n")[0].decode())
                return
            self._is_open = True
            self._write(wire_of(self._hello()))
        self._buffer = self._take_frames(self._buffer)

    def pump(self) -> None:
        """Send what is due and fits into the window."""
        if not self.welcomed.is_set() or self._transport is None:
            return
        while self._next < self.due and self._last_sent() - self.acked < self._window:
            frame = self.frames[self._next]
            self._next += 1
            if frame.last_seq > self.sent:
                self.sent = frame.last_seq
                if frame.is_planted:
                    self._tally.planted_at.setdefault(self.attempt_id, time.time())
            else:
                self._tally.resent += len(frame.marks)
            self._transport.write(frame.wire)

    def close(self) -> None:
        """Close at once, as a browser that is closed."""
        if self._transport is not None:
            self._transport.close()

    def _last_sent(self) -> int:
        return self.frames[self._next - 1].last_seq if self._next else 0

    def _hello(self) -> Hello:
        pending = [mark for frame in self.frames for mark in frame.marks if self.acked <= mark.seq <= self.sent]
        return Hello(
            ticket=self._tickets.pop(),
            attempt_id=self.attempt_id,
            boot=self._boot,
            stream=self._stream,
            acked=self.acked,
            next_seq=self.sent + 1,
            client=CLIENT,
            mono=int((time.perf_counter() - self._epoch_s) * 1000),
            at=time.time_ns() // 1_000_000,
            acked_mac=self._mac,
            pending=pending,
        )

    def _take_frames(self, data: bytes) -> bytes:
        at = 0
        while len(data) - at >= 2:
            first, length, body = data[at], data[at + 1] & 0x7F, at + 2
            if length == 126:
                length, body = int.from_bytes(data[at + 2 : at + 4]), at + 4
            elif length == 127:
                length, body = int.from_bytes(data[at + 2 : at + 10]), at + 10
            if len(data) < body + length or body > len(data):
                break
            at = body + length
            payload = data[body:at]
            if first == _TEXT:
                self._take(payload)
            elif first == _PING:
                self._write(masked(_PONG, payload))
            elif first == _CLOSE:
                code = int.from_bytes(payload[:2])
                self._tally.closes[code] = self._tally.closes.get(code, 0) + 1
                self.close()
        return data[at:]

    def _take(self, payload: bytes) -> None:
        try:
            frame = _decode.decode(payload)
        except msgspec.ValidationError:
            return  # a pong, an instruction: nothing to do for a load
        if isinstance(frame, Ack):
            self._acknowledge(frame)
        elif isinstance(frame, Welcome):
            self._resume(frame)
        elif isinstance(frame, WindowChanged):
            self._window = frame.events
            self._tally.told_to_wait += frame.events == 0
            self.pump()
        else:
            self._tally.refusals.append(f"{frame.code}: {frame.detail}")

    def _resume(self, frame: Welcome) -> None:
        if frame.previous is not None:
            self._refuse("the hub opened a new stream for a queue that it knows")
            return
        self._stream, self._window, self.acked = frame.stream, frame.window.events, max(self.acked, frame.committed)
        self._mac = frame.mac or self._mac
        self._next = next((n for n, planned in enumerate(self.frames) if planned.last_seq > self.acked), self._next)
        self.welcomes += 1
        self.welcomed.set()
        self.pump()

    def _acknowledge(self, frame: Ack) -> None:
        if frame.rejected:
            self._tally.refusals.append(f"events were rejected: {frame.rejected[:3]}")
        now_s = time.perf_counter()
        for planned in self.frames[self._first_unacked() :]:
            if planned.last_seq > frame.seq:
                break
            self._tally.waits_ms.append((now_s - self.started_s - self.phase_s - planned.due_s) * 1000)
        self.acked, self.has_ack = max(self.acked, frame.seq), True
        self._mac = frame.mac or self._mac
        self.pump()

    def _first_unacked(self) -> int:
        at = self._next
        while at and self.frames[at - 1].last_seq > self.acked:
            at -= 1
        return at

    def _refuse(self, reason: str) -> None:
        self._tally.refusals.append(reason)
        self.close()

    def _write(self, wire: bytes) -> None:
        if self._transport is not None:
            self._transport.write(wire)


def wire_of(frame: Any) -> bytes:
    """Encode a frame of the protocol as it goes over the wire."""
    text = encode(frame, Encoding.JSON)
    return masked(_TEXT, text.encode() if isinstance(text, str) else text)


def masked(first: int, payload: bytes) -> bytes:
    """Return a websocket frame with a mask of zeros."""
    size = len(payload)
    if size < 126:
        return bytes((first, 0x80 | size)) + _NO_MASK + payload
    if size < 65_536:
        return bytes((first, 0x80 | 126)) + size.to_bytes(2) + _NO_MASK + payload
    return bytes((first, 0x80 | 127)) + size.to_bytes(8) + _NO_MASK + payload
