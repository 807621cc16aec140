"""Stage 3 of 9: one candidate's session as a state machine (docs/path-of-an-event.md).

Everything that decides what a frame means lives here, and nothing else does: no socket, no database, no clock.
A frame and a moment go in, effects come out; the shell carries them out and reports back through `opened`, `stored`,
`held` and `given_up`. Times are milliseconds.

How a session goes:

    HELLO ──hello──▶ OPENING ──opened──▶ OPEN ──bye──▶ LEAVING ──all stored──▶ CLOSED
      └───────────────── any fault, in any state: Send(Error)?, Close(code) ─────▲

The sequence law (WIRE §2), per stream: at most `committed` → acknowledged again; at most `accepted` → in flight, its
acknowledgement will come; `accepted + 1` → taken; beyond → a gap. One batch of a stream is in flight at a time, and it
starts one past what this session itself has seen committed; what arrives meanwhile is merged into the next one.
"""

from collections.abc import Sequence
from enum import Enum, auto

import msgspec

from protocol import limits, monitor
from protocol.codec import EmptyBatch, Received
from protocol.codes import CloseCode, ErrorCode
from protocol.errors import ProtocolError, UnknownFrame
from protocol.events import Batch, span
from protocol.limits import Window

SILENCE_MS = limits.SILENT_HEARTBEATS * limits.HEARTBEAT_MS
RETRY_MS = 250
"""How long a session waits before it offers a batch again that found the ingest full."""


class Open(msgspec.Struct, frozen=True):
    """Check who this is and open its stream, then call `opened`."""

    hello: monitor.Hello


class Send(msgspec.Struct, frozen=True):
    """Put a frame on the socket."""

    frame: monitor.HubFrame


class Store(msgspec.Struct, frozen=True):
    """Have a batch stored, then call `stored`, `held` or `given_up`."""

    batch: Batch


class Answer(msgspec.Struct, frozen=True):
    """Record that an instruction was carried out, or not."""

    done: monitor.Done


class Close(msgspec.Struct, frozen=True):
    """Close the socket after what was sent before."""

    code: CloseCode


Effect = Open | Send | Store | Answer | Close


class Phase(Enum):
    """Where a session is."""

    HELLO = auto()
    OPENING = auto()
    OPEN = auto()
    LEAVING = auto()
    CLOSED = auto()


_OUT_OF_TURN = {
    Phase.HELLO: "the first frame must be hello",
    Phase.OPENING: "wait for the welcome",
    Phase.LEAVING: "nothing may follow bye",
}


class Session:
    """One candidate's socket, from its first frame to its close."""

    def __init__(self, now_ms: int) -> None:
        self.phase = Phase.HELLO
        self.committed = 0
        self.accepted = 0
        self._heard_ms = now_ms
        self._unknown = 0
        self._waiting: list[Batch] = []
        self._in_flight: Batch | None = None
        self._retry_ms: int | None = None
        self._is_held = False
        self._outstanding_events = 0
        self._outstanding_bytes = 0

    def receive(self, frame: Received, now_ms: int) -> list[Effect]:
        """Take one decoded frame."""
        if self.phase is Phase.CLOSED:
            return []
        self._heard_ms = now_ms
        match frame:
            case monitor.Ping():
                return [Send(monitor.Pong(frame.at, now_ms))]
            case monitor.Hello():
                return self._hello(frame)
        if self.phase is not Phase.OPEN:
            return self._fail(CloseCode.MALFORMED, ErrorCode.MALFORMED, _OUT_OF_TURN[self.phase])
        match frame:
            case Batch():
                return self._take(frame)
            case monitor.Lost():
                return self._take_lost(frame)
            case EmptyBatch():
                return [Send(monitor.Error(ErrorCode.EMPTY_BATCH, "an events frame needs at least one event"))]
            case monitor.Done():
                return self._answer(frame)
            case monitor.Bye():
                return self._leave()

    def refuse(self, error: ProtocolError, now_ms: int) -> list[Effect]:
        """Answer bytes that are no frame: unknown tags are tolerated up to a limit, anything else closes."""
        if self.phase is Phase.CLOSED:
            return []
        self._heard_ms = now_ms
        if isinstance(error, UnknownFrame):
            self._unknown += 1
            answer = Send(monitor.Error(ErrorCode.UNKNOWN_FRAME, str(error)))
            return [answer, *self._close(CloseCode.MALFORMED)] if self._unknown >= limits.UNKNOWN_FRAMES else [answer]
        return self._fail(error.close_code, ErrorCode.MALFORMED, str(error))

    def opened(self, welcome: monitor.Welcome, instructions: Sequence[monitor.Instruct]) -> list[Effect]:
        """Go on where the stream stands."""
        if self.phase is not Phase.OPENING:
            return []
        self.phase = Phase.OPEN
        self.committed = self.accepted = welcome.committed
        return [Send(welcome), *self.instruct(instructions)]

    def instruct(self, instructions: Sequence[monitor.Instruct]) -> list[Effect]:
        """Pass instructions on."""
        return [Send(instruction) for instruction in instructions] if self.phase is Phase.OPEN else []

    def stored(self, refused: Sequence[monitor.Rejected]) -> list[Effect]:
        """The batch in flight is in PostgreSQL: acknowledge it, and let the next one go."""
        batch = self._in_flight
        if batch is None:
            return []
        self._in_flight = None
        self.committed = batch.last_seq
        self._outstanding_events -= len(batch.entries)
        self._outstanding_bytes -= batch.size
        if self.phase is Phase.CLOSED:
            return []
        rejected = [monitor.Rejected(entry.seq, entry.reject) for entry in batch.entries if entry.reject is not None]
        effects: list[Effect] = [Send(monitor.Ack(self.committed, rejected + list(refused)))]
        return effects + self._release() + self._store_next() + self._finish_leaving()

    def held(self, now_ms: int) -> list[Effect]:
        """The ingest is full: keep the batch, tell the client to wait, and try again a little later."""
        self._retry_ms = now_ms + RETRY_MS
        if self._is_held or self.phase is Phase.CLOSED:
            return []
        self._is_held = True
        return [Send(monitor.WindowChanged(0, 0, RETRY_MS))]

    def given_up(self) -> list[Effect]:
        """The batch in flight could not be stored in time: the client still has it and is to come again."""
        return self._close(CloseCode.OVERLOADED)

    def tick(self, now_ms: int) -> list[Effect]:
        """Let time pass: deadlines for the hello and for silence, and another try for a held batch."""
        if self.phase is Phase.CLOSED:
            return []
        limit = limits.HELLO_MS if self.phase is Phase.HELLO else SILENCE_MS
        if now_ms - self._heard_ms > limit and self.phase is not Phase.OPENING:
            return self._close(CloseCode.SILENT)
        if self._retry_ms is None or now_ms < self._retry_ms or self._in_flight is None:
            return []
        self._retry_ms = None
        return [Store(self._in_flight)]

    def close(self, code: CloseCode) -> list[Effect]:
        """Close for a reason from outside: superseded, refused, an error of ours."""
        return self._close(code)

    def _hello(self, hello: monitor.Hello) -> list[Effect]:
        if self.phase is not Phase.HELLO:
            return self._fail(CloseCode.MALFORMED, ErrorCode.MALFORMED, "a second hello")
        if (hello.ticket is None) == (hello.token is None):
            return self._fail(CloseCode.MALFORMED, ErrorCode.MALFORMED, "exactly one of ticket and token")
        if hello.acked < 0 or not hello.acked < hello.next_seq <= limits.SEQ_MAX:
            return self._fail(CloseCode.MALFORMED, ErrorCode.MALFORMED, "acked must be below next_seq")
        if not 0 <= hello.mono <= limits.TIME_MAX_MS:
            return self._fail(CloseCode.MALFORMED, ErrorCode.MALFORMED, "mono is out of range")
        self.phase = Phase.OPENING
        return [Open(hello)]

    def _take(self, batch: Batch) -> list[Effect]:
        if batch.last_seq <= self.committed:
            return [Send(monitor.Ack(self.committed))]
        if batch.last_seq <= self.accepted:
            return []
        if batch.first_seq > self.accepted + 1:
            detail = f"expected {self.accepted + 1}, got {batch.first_seq}"
            return self._fail(CloseCode.GAP, ErrorCode.GAP, detail)
        new = tuple(entry for entry in batch.entries if entry.seq > self.accepted)
        return self._accept(Batch(self.accepted + 1, batch.last_seq, new, batch.size))

    def _take_lost(self, lost: monitor.Lost) -> list[Effect]:
        if lost.to_seq > limits.SEQ_MAX or not _is_name(lost.reason):
            return self._fail(CloseCode.MALFORMED, ErrorCode.MALFORMED, "lost needs a number and a short reason")
        if lost.to_seq <= self.committed:
            return [Send(monitor.Ack(self.committed))]
        if lost.to_seq <= self.accepted:
            return []
        first = self.accepted + 1
        return self._accept(Batch(first, lost.to_seq, (span(first, lost.to_seq, lost.reason),), len(lost.reason)))

    def _accept(self, batch: Batch) -> list[Effect]:
        self.accepted = batch.last_seq
        self._outstanding_events += len(batch.entries)
        self._outstanding_bytes += batch.size
        most = limits.OVERRUN_FACTOR
        if (
            self._outstanding_events > most * limits.WINDOW_EVENTS
            or self._outstanding_bytes > most * limits.WINDOW_BYTES
        ):
            return self._close(CloseCode.TOO_FAST)
        self._waiting.append(batch)
        return self._store_next()

    def _store_next(self) -> list[Effect]:
        if self._in_flight is not None or not self._waiting:
            return []
        self._in_flight = _merge(self._waiting)
        self._waiting = []
        return [Store(self._in_flight)]

    def _release(self) -> list[Effect]:
        """A held batch is through: let the client send again."""
        if not self._is_held:
            return []
        self._is_held = False
        window = Window()
        return [Send(monitor.WindowChanged(window.events, window.bytes))]

    def _answer(self, done: monitor.Done) -> list[Effect]:
        if not 0 < done.id <= limits.INSTRUCTION_MAX or (done.code is not None and not _is_name(done.code)):
            return self._fail(
                CloseCode.MALFORMED, ErrorCode.MALFORMED, "done needs an instruction's id and a short code"
            )
        return [Answer(done)]

    def _leave(self) -> list[Effect]:
        self.phase = Phase.LEAVING
        return self._finish_leaving()

    def _finish_leaving(self) -> list[Effect]:
        if self.phase is not Phase.LEAVING or self._in_flight is not None:
            return []
        return [Send(monitor.Ack(self.committed)), *self._close(CloseCode.NORMAL)]

    def _fail(self, code: CloseCode, error: ErrorCode, detail: str) -> list[Effect]:
        return [Send(monitor.Error(error, detail)), *self._close(code)]

    def _close(self, code: CloseCode) -> list[Effect]:
        if self.phase is Phase.CLOSED:
            return []
        self.phase = Phase.CLOSED
        self._waiting = []
        return [Close(code)]


def _is_name(text: str) -> bool:
    """Whether a client's word for something is short, and nothing PostgreSQL could not keep."""
    return len(text) <= limits.NAME_CHARS and "\0" not in text


def _merge(batches: Sequence[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    entries = tuple(entry for batch in batches for entry in batch.entries)
    return Batch(batches[0].first_seq, batches[-1].last_seq, entries, sum(batch.size for batch in batches))
