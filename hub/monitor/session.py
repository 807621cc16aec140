"""Stage 3 of 9: one candidate's session as a state machine (docs/path-of-an-event.md).

Everything that decides what a frame means lives here, and nothing else does: no socket, no database, no clock.
A frame and a moment go in, effects come out; the shell carries them out and reports back through `opened`, `stored`,
`held`, `given_up` and `renewed`. Moments are milliseconds of one clock that never steps back; only `pong` needs the
time of day, which the shell gives beside it.

How a session goes:

    HELLO ──hello──▶ OPENING ──opened──▶ OPEN ──bye──▶ LEAVING ──all stored──▶ CLOSED (1000)
      │                                   └──retire──▶ RETIRING ──all stored, or 5 s──▶ CLOSED (4505)
      │                                   └──attempt over, all of the queue stored, quiet──▶ CLOSED (4410)
      └───────────────── any fault, in any state: Send(Error)?, Close(code) ─────────▲

The sequence law (WIRE §2), per stream: at most `committed` → compared with what is stored, and acknowledged again; at
most `accepted` → in flight, its acknowledgement will come; `accepted + 1` → taken; beyond → a gap. One batch of a
stream is in flight at a time, and it starts one past what this session itself has seen committed; what arrives
meanwhile is merged into the next one. A frame may straddle all of these.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Self

import msgspec

from hub.monitor.sequence import StreamSequence
from protocol import limits, monitor
from protocol.codec import EmptyBatch, Received, measure
from protocol.codes import CloseCode, ErrorCode
from protocol.errors import ProtocolError, UnknownFrame
from protocol.events import Batch, Entry, lost_entry
from protocol.limits import Window

SILENCE_MS = limits.SILENT_HEARTBEATS * limits.HEARTBEAT_MS
RETRY_MS = 250
"""How long a session waits before it offers a batch again that found the ingest full."""

REPEAT_MS = 30_000
"""After this long without `done` an instruction is passed on again."""

INSTRUCT_BYTES = 64 * 1024
"""How much is passed on at once: the welcome and it must fit in any outbox. The next look brings the rest."""

RETIRE_MS = 5_000
"""How long a retiring session waits for what it has taken to be stored."""

ROTATE_MS = 3_600_000
"""How long after `rotate` a client may stay; then it is closed with 4505, and its next hello gets a new stream."""


QUIET_MS = 2_000
"""After its attempt's end a client that has all acknowledged, and sends no events for so long, is closed with 4410."""

LINGER_MS = 30_000
"""After so long it is closed as soon as it has all acknowledged; what it has recorded since, it may bring anew."""


class Open(msgspec.Struct, frozen=True):
    """Check who this is and open its stream, then call `opened`."""

    hello: monitor.Hello


class Send(msgspec.Struct, frozen=True):
    """Put a frame on the socket."""

    frame: monitor.HubFrame


class Store(msgspec.Struct, frozen=True):
    """Have a batch stored, then call `stored`, `held` or `given_up`."""

    batch: Batch


class Compare(msgspec.Struct, frozen=True):
    """StreamSequence that are stored already came again: see whether they still say the same."""

    entries: tuple[Entry, ...]


class RecordResult(msgspec.Struct, frozen=True):
    """Record that an instruction was carried out, or not."""

    done: monitor.Done


class Renew(msgspec.Struct, frozen=True):
    """Check a new token, then call `renewed`, or `close` with 4401 or 4403."""

    token: str


class Close(msgspec.Struct, frozen=True):
    """Close the socket after what was sent before."""

    code: CloseCode


Effect = Open | Send | Store | Compare | RecordResult | Renew | Close


class Phase(Enum):
    """Where a session is."""

    HELLO = auto()
    OPENING = auto()
    OPEN = auto()
    LEAVING = auto()
    RETIRING = auto()
    CLOSED = auto()


_OUT_OF_TURN = {
    Phase.HELLO: "the first frame must be hello",
    Phase.OPENING: "wait for the welcome",
    Phase.LEAVING: "nothing may follow bye",
}


class CandidateSession:
    """One candidate's socket, from its first frame to its close."""

    def __init__(self, now_ms: int) -> None:
        self.phase = Phase.HELLO
        self._numbers = StreamSequence()
        self._began_ms = self._heard_ms = self._now_ms = now_ms
        self._unknown = 0
        self._retry_ms: int | None = None
        self._is_held = False
        self._allowed = self._granted = Window()
        self._drain: monitor.Drain | None = None
        self._retire_ms: int | None = None
        self._rotate_ms: int | None = None
        self._is_rotating = False
        self._repeat_ms: dict[int, int | None] = {}
        self._is_renewing = False
        self._next_token: str | None = None
        self._next_seq = 1
        self._attempt: monitor.Attempt | None = None
        self._queue_end = 0
        self._over_ms: int | None = None
        self._fed_ms = now_ms

    @classmethod
    def resumed(cls, committed: int, now_ms: int) -> Self:
        """A session that needs no hello: its stream was opened before, and holds all up to `committed`."""
        session = cls(now_ms)
        session.phase = Phase.OPEN
        session._numbers.begin(committed)
        return session

    @property
    def committed(self) -> int:
        """The last number this session knows to be stored."""
        return self._numbers.committed

    @property
    def accepted(self) -> int:
        """The last number this session has taken."""
        return self._numbers.accepted

    @property
    def outstanding_bytes(self) -> int:
        """Bytes of frames taken and not yet stored; after the close, those of the batch in flight until it is told."""
        return self._numbers.waiting_bytes

    def receive(self, frame: Received, now_ms: int, *, wall_ms: int | None = None) -> list[Effect]:
        """Take one decoded frame; `wall_ms`, the time of day for `pong`, is `now_ms` where that is the same clock."""
        if self.phase in (Phase.RETIRING, Phase.CLOSED):
            return []
        self._heard_ms = self._now_ms = now_ms
        if isinstance(frame, monitor.Hello):
            return self._hello(frame)
        if isinstance(frame, monitor.Ping) and self.phase is not Phase.HELLO:
            return [Send(monitor.Pong(frame.at, now_ms if wall_ms is None else wall_ms))]
        if self.phase is not Phase.OPEN:
            return self._fail(CloseCode.MALFORMED, ErrorCode.MALFORMED, _OUT_OF_TURN[self.phase])
        return self._receive_open(frame)

    def refuse(self, error: ProtocolError, now_ms: int) -> list[Effect]:
        """RecordResult bytes that are no frame: unknown tags are tolerated up to a limit, anything else closes."""
        if self.phase in (Phase.RETIRING, Phase.CLOSED):
            return []
        self._heard_ms = self._now_ms = now_ms
        if self.phase is Phase.HELLO and isinstance(error, UnknownFrame):
            return self._fail(CloseCode.MALFORMED, ErrorCode.MALFORMED, _OUT_OF_TURN[self.phase])
        if isinstance(error, UnknownFrame):
            self._unknown += 1
            answer = Send(monitor.Error(ErrorCode.UNKNOWN_FRAME, str(error)))
            return [answer, *self._close(CloseCode.MALFORMED)] if self._unknown >= limits.UNKNOWN_FRAMES else [answer]
        return self._fail(error.close_code, error.code, str(error))

    def opened(self, welcome: monitor.Welcome, instructions: Sequence[monitor.Instruct]) -> list[Effect]:
        """Go on where the stream stands; the window in the welcome is the one that holds now."""
        if self.phase is not Phase.OPENING:
            return []
        self.phase = Phase.OPEN
        self._numbers.begin(welcome.committed)
        held = 0 if welcome.previous is None else welcome.previous.committed
        self._queue_end = self._next_seq - 1 - held
        self._attempt = welcome.attempt
        self._over_ms = self._now_ms if welcome.attempt.is_over else None
        self._allowed = self._granted = welcome.window
        # A UUIDv7 begins with the milliseconds of its making; by a clock that was ahead it would live too long.
        age_ms = max(0, welcome.server_at - (welcome.stream.int >> 80))
        self._rotate_ms = self._now_ms + limits.STREAM_MS - age_ms
        effects: list[Effect] = [Send(welcome), *self.instruct(instructions)]
        if self._drain is not None:
            effects.append(Send(self._drain))
        if self._over_ms is not None and not instructions and self._has_all:
            effects += self._close(CloseCode.ENDED)
        return effects

    def change(self, attempt: monitor.Attempt) -> list[Effect]:
        """Tell the client how its attempt stands, if that has changed."""
        if self.phase is not Phase.OPEN or attempt == self._attempt:
            return []
        self._attempt = attempt
        self._over_ms = (self._over_ms or self._now_ms) if attempt.is_over else None
        return [Send(monitor.AttemptChanged(attempt.status, attempt.deadline, attempt.paused))]

    def instruct(self, instructions: Sequence[monitor.Instruct]) -> list[Effect]:
        """Pass on those instructions that this session has not passed on yet, or whose answer is long in coming.

        What was never passed on goes first, and no more at once than `INSTRUCT_BYTES`.
        """
        if self.phase is not Phase.OPEN:
            return []
        due = [instruction for instruction in instructions if self._is_due(instruction.id)]
        due.sort(key=lambda instruction: instruction.id in self._repeat_ms)
        effects: list[Effect] = []
        left = INSTRUCT_BYTES
        for instruction in due:
            left -= measure(instruction)
            if left < 0 and effects:
                break
            self._repeat_ms[instruction.id] = self._now_ms + REPEAT_MS
            effects.append(Send(instruction))
        return effects

    def stored(self, refused: Sequence[monitor.Rejected]) -> list[Effect]:
        """The batch in flight is in PostgreSQL: acknowledge it, and let the next one go."""
        batch = self._numbers.land()
        if batch is None or self.phase is Phase.CLOSED:
            return []
        self._retry_ms = None
        self._is_held = False
        rejected = [monitor.Rejected(entry.seq, entry.reject) for entry in batch.entries if entry.reject is not None]
        effects: list[Effect] = [Send(monitor.Ack(self.committed, rejected + list(refused)))]
        return effects + self._grant() + self._store_next() + self._finish()

    def held(self, now_ms: int) -> list[Effect]:
        """The ingest is full: keep the batch, tell the client to wait, and try again a little later."""
        if self.phase is Phase.CLOSED:
            return []
        self._now_ms = now_ms
        self._retry_ms = now_ms + RETRY_MS
        self._is_held = True
        return self._grant(RETRY_MS)

    def given_up(self) -> list[Effect]:
        """The batch in flight could not be stored in time: the client still has it and is to come again."""
        self._numbers.recall()
        return self._close(CloseCode.OVERLOADED)

    def renewed(self) -> list[Effect]:
        """The token of the last Renew is good; a newer one that came meanwhile is next."""
        self._is_renewing = False
        token, self._next_token = self._next_token, None
        return [] if token is None or self.phase is not Phase.OPEN else self._renew(token)

    def resize(self, window: Window) -> list[Effect]:
        """Change how much the client may have outstanding; having more already is no fault of it."""
        if self.phase is not Phase.OPEN:
            return []
        self._allowed = window
        return self._grant()

    def drain(self, in_ms: int) -> list[Effect]:
        """Tell the client that this hub is going away within `in_ms`; before the welcome it is told right after it."""
        drain = monitor.Drain(in_ms)
        if self.phase in (Phase.HELLO, Phase.OPENING):
            self._drain = drain
            return []
        return [Send(drain)] if self.phase in (Phase.OPEN, Phase.LEAVING) else []

    def retire(self, now_ms: int) -> list[Effect]:
        """Take no more frames, have stored what was taken, at most 5 s, and close with 4505."""
        self._now_ms = now_ms
        if self.phase in (Phase.HELLO, Phase.OPENING):
            return self._close(CloseCode.DRAINING)
        if self.phase not in (Phase.OPEN, Phase.LEAVING):
            return []
        self.phase = Phase.RETIRING
        self._retire_ms = now_ms + RETIRE_MS
        return self._finish()

    def tick(self, now_ms: int) -> list[Effect]:
        """Let time pass: for the hello, for silence, for a held batch, for retiring and for the stream's day."""
        self._now_ms = now_ms
        code = self._overdue()
        if code is not None:
            return self._close(code)
        effects: list[Effect] = []
        batch = self._numbers.in_flight
        if self._retry_ms is not None and now_ms >= self._retry_ms and batch is not None:
            self._retry_ms = None
            effects.append(Store(batch))
        if self._rotate_ms is not None and now_ms >= self._rotate_ms and not self._is_rotating:
            self._is_rotating = True
            effects += [Send(monitor.Rotate())] if self.phase is Phase.OPEN else []
        return effects if effects or not self._is_through else self._close(CloseCode.ENDED)

    def close(self, code: CloseCode) -> list[Effect]:
        """Close for a reason from outside: superseded, refused, an error of ours."""
        return self._close(code)

    @property
    def _has_all(self) -> bool:
        """Whether all the queue held at the hello, and all that was sent since, is stored."""
        return self._numbers.is_idle and self.committed >= self._queue_end

    @property
    def _is_through(self) -> bool:
        """Whether a client whose attempt is over has delivered its queue, as far as can be told.

        One that may not send just now has not had its turn.
        """
        if self.phase is not Phase.OPEN or self._over_ms is None or not self._has_all or not self._granted.events:
            return False
        quiet_ms = self._now_ms - max(self._over_ms, self._fed_ms)
        return quiet_ms >= QUIET_MS or self._now_ms - self._over_ms >= LINGER_MS

    def _overdue(self) -> CloseCode | None:
        """The close code of a deadline that has passed."""
        now = self._now_ms
        match self.phase:
            case Phase.HELLO:
                return CloseCode.SILENT if now - self._began_ms > limits.HELLO_MS else None
            case Phase.RETIRING:
                return CloseCode.DRAINING if self._retire_ms is not None and now >= self._retire_ms else None
            case Phase.OPEN | Phase.LEAVING:
                if now - self._heard_ms > SILENCE_MS:
                    return CloseCode.SILENT
                outstayed = self._rotate_ms is not None and now >= self._rotate_ms + ROTATE_MS
                return CloseCode.DRAINING if outstayed else None
        return None

    def _hello(self, hello: monitor.Hello) -> list[Effect]:
        fault = "a second hello" if self.phase is not Phase.HELLO else _fault_of(hello)
        if fault is not None:
            return self._fail(CloseCode.MALFORMED, ErrorCode.MALFORMED, fault)
        self.phase = Phase.OPENING
        self._next_seq = hello.next_seq
        return [Open(hello)]

    def _receive_open(self, frame: Received) -> list[Effect]:
        match frame:
            case Batch():
                return self._take(frame)
            case monitor.Lost():
                return self._take_lost(frame)
            case EmptyBatch():
                return [Send(monitor.Error(ErrorCode.EMPTY_BATCH, "an events frame needs at least one event"))]
            case monitor.Done():
                return self._answer(frame)
            case monitor.Auth():
                return self._renew(frame.token)
            case monitor.Bye():
                self.phase = Phase.LEAVING
                return self._finish()
        raise AssertionError(f"handled before: {frame}")

    def _take(self, batch: Batch) -> list[Effect]:
        self._fed_ms = self._now_ms
        numbers = self._numbers
        if numbers.is_gap(batch):
            return self._fail(CloseCode.GAP, ErrorCode.GAP, f"expected {self.accepted + 1}, got {batch.first_seq}")
        known = numbers.known(batch)
        effects: list[Effect] = [Compare(known)] if known else []
        if batch.last_seq <= self.committed:
            effects.append(Send(monitor.Ack(self.committed)))
        elif batch.last_seq > self.accepted:
            effects += self._accept(batch)
        return effects

    def _take_lost(self, lost: monitor.Lost) -> list[Effect]:
        if not 0 < lost.to_seq <= limits.SEQ_MAX or not _is_name(lost.reason):
            return self._fail(CloseCode.MALFORMED, ErrorCode.MALFORMED, "lost needs a number and a short reason")
        if lost.to_seq <= self.committed:
            return [Send(monitor.Ack(self.committed))]
        if lost.to_seq - self.accepted > limits.LOST_NUMBERS:
            detail = f"lost may stand for {limits.LOST_NUMBERS} numbers"
            return self._fail(CloseCode.MALFORMED, ErrorCode.MALFORMED, detail)
        if lost.to_seq <= self.accepted:
            return []
        first = self.accepted + 1
        return self._accept(Batch(first, lost.to_seq, (lost_entry(first, lost.to_seq, lost.reason),), len(lost.reason)))

    def _accept(self, batch: Batch) -> list[Effect]:
        self._numbers.accept(batch)
        if self._numbers.is_overrun:
            detail = f"more than {limits.OVERRUN_FACTOR} windows unacknowledged"
            return self._fail(CloseCode.TOO_FAST, ErrorCode.TOO_FAST, detail)
        return self._store_next()

    def _store_next(self) -> list[Effect]:
        batch = self._numbers.launch()
        return [] if batch is None else [Store(batch)]

    def _grant(self, retry_ms: int | None = None) -> list[Effect]:
        """Tell the client its window when that has changed: nothing at all while a batch is held."""
        window = Window(0, 0) if self._is_held else self._allowed
        if window == self._granted or self.phase is not Phase.OPEN:
            return []
        self._granted = window
        return [Send(monitor.WindowChanged(window.events, window.bytes, retry_ms))]

    def _is_due(self, instruction: int) -> bool:
        repeat_ms = self._repeat_ms.get(instruction, self._now_ms)
        return repeat_ms is not None and self._now_ms >= repeat_ms

    def _answer(self, done: monitor.Done) -> list[Effect]:
        if not 0 < done.id <= limits.INSTRUCTION_MAX or (done.code is not None and not _is_name(done.code)):
            return self._fail(
                CloseCode.MALFORMED, ErrorCode.MALFORMED, "done needs an instruction's id and a short code"
            )
        if done.id in self._repeat_ms:
            self._repeat_ms[done.id] = None
        return [RecordResult(done)]

    def _renew(self, token: str) -> list[Effect]:
        """One token is checked at a time; of those that come meanwhile only the last counts."""
        if self._is_renewing:
            self._next_token = token
            return []
        self._is_renewing = True
        return [Renew(token)]

    def _finish(self) -> list[Effect]:
        """Close when everything taken is stored: that is what leaving and retiring wait for."""
        if self.phase not in (Phase.LEAVING, Phase.RETIRING) or not self._numbers.is_idle:
            return []
        code = CloseCode.NORMAL if self.phase is Phase.LEAVING else CloseCode.DRAINING
        return [Send(monitor.Ack(self.committed)), *self._close(code)]

    def _fail(self, code: CloseCode, error: ErrorCode, detail: str) -> list[Effect]:
        return [] if self.phase is Phase.CLOSED else [Send(monitor.Error(error, detail)), *self._close(code)]

    def _close(self, code: CloseCode) -> list[Effect]:
        if self.phase is Phase.CLOSED:
            return []
        self.phase = Phase.CLOSED
        self._numbers.drop_waiting()
        if self._retry_ms is not None:
            # Held back, so with no writer: nobody will tell what became of it.
            self._numbers.recall()
            self._retry_ms = None
        return [Close(code)]


def _fault_of(hello: monitor.Hello) -> str | None:
    """What a hello contradicts itself in, or says that could not be recorded."""
    if (hello.ticket is None) == (hello.token is None):
        return "exactly one of ticket and token"
    if hello.acked < 0 or not hello.acked < hello.next_seq <= limits.SEQ_MAX:
        return "acked must be below next_seq"
    if not (0 <= hello.mono <= limits.TIME_MAX_MS and 0 <= hello.at <= limits.TIME_MAX_MS):
        return "mono or at is out of range"
    if len(hello.can) > limits.ACTIONS or not all(map(_is_name, hello.can)):
        return "can is a short list of short names"
    if not (_is_name(hello.client.name) and _is_name(hello.client.version)):
        return "client has a short name and a short version"
    return None


def _is_name(text: str) -> bool:
    """Whether a client's word for something is short, and nothing PostgreSQL could not keep."""
    return len(text) <= limits.NAME_CHARS and "\0" not in text
