"""Stage 3 of 9: one candidate's session as a state machine (docs/path-of-an-event.md).

Decides what each frame means. It has no socket, no database and no clock: a frame and a time go in, effects come out.
The caller carries the effects out and reports back: `opened`, `stored`, `held`, `over_quota`, `given_up`, `renewed`.
Times are milliseconds of one clock that never steps back; only `pong` needs the time of day, which the caller passes.

States of a session:

    HELLO ──hello──▶ OPENING ──opened──▶ OPEN ──bye──▶ LEAVING ──all stored──▶ CLOSED (1000)
      │                                   └──retire──▶ RETIRING ──all stored, or 5 s──▶ CLOSED (4505)
      │                                   └──attempt over, queue stored, quiet──▶ CLOSED (4410)
      └───────────────── any error, in any state: Send(Error)?, Close(code) ─────────▲

Sequence rules of a stream (docs/wire/README.md): up to `committed` → compare with the stored event, acknowledge again;
up to `accepted` → in flight, its acknowledgement will come; `accepted + 1` → take; beyond → a gap. One batch of a
stream is in flight at a time, and it starts one after the last number this session has seen committed. Later events are
merged into the next batch. One frame may contain all of these.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Final, Self

import msgspec

from hub.monitor.ending import AttemptEnding
from hub.monitor.instructions import InstructionSchedule
from hub.monitor.sequence import StreamSequence
from hub.monitor.times import SessionTimes
from hub.server.frame_budget import FrameBudget
from protocol import limits, monitor
from protocol.codec import EmptyBatch, Received
from protocol.codes import CloseCode, ErrorCode
from protocol.errors import ProtocolError, UnknownFrame
from protocol.events import SERVER_LOST, UNPROVEN_ACK, Batch, Entry, lost_entry
from protocol.limits import Window

TIMES: Final = SessionTimes()
OVER_QUOTA: Final = "This attempt has sent far more than exams need. Keep your events, and send them more slowly."


class Open(msgspec.Struct, frozen=True):
    """Check the sign-in and open the stream, then call `opened`."""

    hello: monitor.Hello


class Send(msgspec.Struct, frozen=True):
    """Send a frame."""

    frame: monitor.HubFrame


class Store(msgspec.Struct, frozen=True):
    """Store a batch, then call `stored`, `held` or `given_up`."""

    batch: Batch


class Compare(msgspec.Struct, frozen=True):
    """Compare events that were sent again with the stored ones."""

    entries: tuple[Entry, ...]


class RecordResult(msgspec.Struct, frozen=True):
    """Record the result of an instruction."""

    done: monitor.Done


class Renew(msgspec.Struct, frozen=True):
    """Check a new token, then call `renewed`, or `close` with 4401 or 4403."""

    token: str


class Close(msgspec.Struct, frozen=True):
    """Close the socket after everything that was sent before."""

    code: CloseCode


Effect = Open | Send | Store | Compare | RecordResult | Renew | Close


class Phase(Enum):
    """The state of a session."""

    HELLO = auto()
    OPENING = auto()
    OPEN = auto()
    LEAVING = auto()
    RETIRING = auto()
    CLOSED = auto()


_UNEXPECTED: Final = {
    Phase.HELLO: "Send hello first.",
    Phase.OPENING: "Wait for welcome before you send frames.",
    Phase.LEAVING: "Do not send frames after bye.",
}


class CandidateSession:
    """One candidate's connection, from its first frame to its close."""

    def __init__(self, now_ms: int, times: SessionTimes = TIMES) -> None:
        self.phase = Phase.HELLO
        self._times = times
        self._sequence = StreamSequence()
        self._ending = AttemptEnding(times, now_ms)
        self._instructions = InstructionSchedule(times.repeat_ms)
        self._started_ms = self._last_frame_ms = self._now_ms = now_ms
        self._needless = FrameBudget()
        """Of frames that need an answer and store nothing: each costs the hub more than its sender."""
        self._needless.admit(now_ms / 1000)
        self._unknown_frames = 0
        self._needless_dones = 0
        self._is_resumed = False
        """Whether another part has sent the instructions, so that this session does not know them."""
        self._retry_ms: int | None = None
        self._check_ms = 0
        """No deadline of an open session passes before this time."""
        self._is_held = False
        self._allowed = self._granted = Window()
        self._drain: monitor.Drain | None = None
        self._retire_ms: int | None = None
        self._rotate_ms: int | None = None
        self._is_rotating = False
        self._is_renewing = False
        self._next_token: str | None = None
        self._next_seq = 1
        self._attempt: monitor.Attempt | None = None

    @classmethod
    def resumed(cls, committed: int, now_ms: int) -> Self:
        """Create a session that needs no hello: its stream is open already, and stored up to `committed`."""
        session = cls(now_ms)
        session.phase = Phase.OPEN
        session._is_resumed = True
        session._sequence.start_after(committed)
        return session

    @property
    def committed(self) -> int:
        """The last number this session knows to be stored."""
        return self._sequence.committed

    @property
    def accepted(self) -> int:
        """The last number this session has accepted."""
        return self._sequence.accepted

    @property
    def attempt(self) -> monitor.Attempt | None:
        """The state of the attempt that the client knows; None before the welcome."""
        return self._attempt

    @property
    def outstanding_bytes(self) -> int:
        """Bytes of frames that are accepted and not stored; after the close, those of the batch in flight."""
        return self._sequence.waiting_bytes

    def receive(self, frame: Received, now_ms: int, *, wall_ms: int | None = None) -> list[Effect]:
        """Handle one decoded frame. `wall_ms` is the time of day for `pong`; without it, `now_ms` is."""
        if self.phase in (Phase.RETIRING, Phase.CLOSED):
            return []
        self._last_frame_ms = self._now_ms = now_ms
        if isinstance(frame, monitor.Hello):
            return self._hello(frame)
        if self._is_needless(frame) and not self._needless.spend(now_ms / 1000):
            detail = "You send ping, or what is stored already, again and again. Send it more slowly."
            return self._fail(CloseCode.TOO_FAST, ErrorCode.TOO_FAST, detail)
        if isinstance(frame, monitor.Ping) and self.phase is not Phase.HELLO:
            return [Send(monitor.Pong(frame.at, now_ms if wall_ms is None else wall_ms))]
        if self.phase is not Phase.OPEN:
            return self._fail(CloseCode.MALFORMED, ErrorCode.MALFORMED, _UNEXPECTED[self.phase])
        return self._receive_open(frame)

    def receive_invalid(self, error: ProtocolError, now_ms: int) -> list[Effect]:
        """Handle bytes that are no valid frame: a few unknown frames are tolerated, everything else closes."""
        if self.phase in (Phase.RETIRING, Phase.CLOSED):
            return []
        self._last_frame_ms = self._now_ms = now_ms
        if not isinstance(error, UnknownFrame):
            return self._fail(error.close_code, error.code, str(error))
        if self.phase is Phase.HELLO:
            return self._fail(CloseCode.MALFORMED, ErrorCode.MALFORMED, _UNEXPECTED[self.phase])
        self._unknown_frames += 1
        reply = Send(monitor.Error(ErrorCode.UNKNOWN_FRAME, str(error)))
        if self._unknown_frames >= limits.UNKNOWN_FRAMES:
            return [reply, *self._close(CloseCode.MALFORMED)]
        return [reply]

    def opened(self, welcome: monitor.Welcome, instructions: Sequence[monitor.Instruct]) -> list[Effect]:
        """Continue the stream that the hello opened, with the window of the welcome."""
        if self.phase is not Phase.OPENING:
            return []
        self.phase = Phase.OPEN
        self._sequence.start_after(welcome.committed)
        stored_before = 0 if welcome.previous is None else welcome.previous.committed
        self._attempt = welcome.attempt
        self._ending.begin(welcome.attempt, self._next_seq - 1 - stored_before, self._now_ms)
        self._allowed = self._granted = welcome.window
        # A UUIDv7 starts with its creation time in ms; if that clock was ahead, the age would be negative.
        age_ms = max(0, welcome.server_at - (welcome.stream.int >> 80))
        self._rotate_ms = self._now_ms + self._times.stream_ms - age_ms
        effects: list[Effect] = [Send(welcome), *self.instruct(instructions)]
        if self._drain is not None:
            effects.append(Send(self._drain))
        if self._ending.has_ended and not instructions and self._ending.has_everything(self._sequence):
            effects += self._close(CloseCode.ENDED)
        return effects

    def update_attempt(self, attempt: monitor.Attempt) -> list[Effect]:
        """Send the attempt's status to the client if it has changed."""
        if self.phase is not Phase.OPEN or attempt == self._attempt:
            return []
        self._attempt = attempt
        self._check_ms = 0
        self._ending.update(attempt, self._now_ms)
        return [Send(monitor.AttemptChanged(attempt.status, attempt.deadline, attempt.paused))]

    def instruct(self, pending: Sequence[monitor.Instruct]) -> list[Effect]:
        """Send the pending instructions that are due: new ones, and those without a result for a long time."""
        if self.phase is not Phase.OPEN:
            return []
        return [Send(instruction) for instruction in self._instructions.take_due(pending, self._now_ms)]

    def stored(self, refused: Sequence[monitor.Rejected]) -> list[Effect]:
        """Acknowledge the batch in flight, which is in PostgreSQL now, and start the next one."""
        batch = self._sequence.commit()
        if batch is None or self.phase is Phase.CLOSED:
            return []
        self._retry_ms = None
        self._is_held = False
        rejected = [monitor.Rejected(entry.seq, entry.reject) for entry in batch.entries if entry.reject is not None]
        effects: list[Effect] = [Send(monitor.Ack(self.committed, rejected + list(refused)))]
        return effects + self._grant() + self._store_next() + self._finish()

    def held(self, now_ms: int) -> list[Effect]:
        """Keep the batch, because the ingest is full; tell the client to wait and offer the batch again later."""
        return self._hold(now_ms, self._times.retry_ms)

    def over_quota(self, now_ms: int, wait_ms: int) -> list[Effect]:
        """Keep the batch until the attempt may store more; tell the client why, and to wait."""
        error = Send(monitor.Error(ErrorCode.QUOTA, OVER_QUOTA, wait_ms))
        effects = self._hold(now_ms, wait_ms)
        return [error, *effects] if effects else []

    def _hold(self, now_ms: int, retry_ms: int) -> list[Effect]:
        if self.phase is Phase.CLOSED:
            return []
        self._now_ms = now_ms
        self._retry_ms = now_ms + retry_ms
        self._check_ms = 0
        self._is_held = True
        return self._grant(retry_ms)

    def given_up(self) -> list[Effect]:
        """Close, because the batch in flight could not be stored in time; the client has it and reconnects."""
        self._sequence.release()
        return self._close(CloseCode.OVERLOADED)

    def renewed(self) -> list[Effect]:
        """Note that the token of the last Renew is valid; check the newest of those that came in the meantime."""
        self._is_renewing = False
        token, self._next_token = self._next_token, None
        return [] if token is None or self.phase is not Phase.OPEN else self._renew(token)

    def set_window(self, window: Window) -> list[Effect]:
        """Change how much the client may have unacknowledged. Having more already is no error."""
        if self.phase is not Phase.OPEN:
            return []
        self._allowed = window
        return self._grant()

    def drain(self, in_ms: int) -> list[Effect]:
        """Tell the client that this hub shuts down within `in_ms`; before the welcome, right after it."""
        drain = monitor.Drain(in_ms)
        if self.phase in (Phase.HELLO, Phase.OPENING):
            self._drain = drain
            return []
        return [Send(drain)] if self.phase in (Phase.OPEN, Phase.LEAVING) else []

    def retire(self, now_ms: int) -> list[Effect]:
        """Take no more frames, wait until accepted events are stored (5 s at most), and close with 4505."""
        self._now_ms = now_ms
        if self.phase in (Phase.HELLO, Phase.OPENING):
            return self._close(CloseCode.DRAINING)
        if self.phase not in (Phase.OPEN, Phase.LEAVING):
            return []
        self.phase = Phase.RETIRING
        self._retire_ms = now_ms + self._times.retire_ms
        return self._finish()

    def tick(self, now_ms: int) -> list[Effect]:
        """Check every deadline: hello, silence, a held batch, retiring, the age of the stream, the attempt's end."""
        self._now_ms = now_ms
        if now_ms < self._check_ms and self.phase is Phase.OPEN:
            return []
        code = self._overdue()
        if code is not None:
            return self._close(code)
        effects: list[Effect] = []
        batch = self._sequence.in_flight
        if self._retry_ms is not None and now_ms >= self._retry_ms and batch is not None:
            self._retry_ms = None
            effects.append(Store(batch))
        if self._rotate_ms is not None and now_ms >= self._rotate_ms and not self._is_rotating:
            self._is_rotating = True
            effects += [Send(monitor.Rotate())] if self.phase is Phase.OPEN else []
        if self.phase is Phase.OPEN and not (self._retry_ms or self._is_rotating or self._ending.has_ended):
            silent_ms = self._last_frame_ms + self._times.silence_ms
            self._check_ms = silent_ms if self._rotate_ms is None else min(silent_ms, self._rotate_ms)
        return effects if effects or not self._is_delivered else self._close(CloseCode.ENDED)

    def close(self, code: CloseCode) -> list[Effect]:
        """Close for a reason outside this session: superseded, refused, an internal error."""
        return self._close(code)

    @property
    def _is_delivered(self) -> bool:
        """Whether the attempt is over and the client has delivered its queue; false while it may not send."""
        if self.phase is not Phase.OPEN or not self._granted.events:
            return False
        return self._ending.is_delivered(self._sequence, self._now_ms)

    def _overdue(self) -> CloseCode | None:
        """Return the close code of a deadline that has passed."""
        now, times = self._now_ms, self._times
        match self.phase:
            case Phase.HELLO:
                return CloseCode.SILENT if now - self._started_ms > times.hello_ms else None
            case Phase.RETIRING:
                return CloseCode.DRAINING if self._retire_ms is not None and now >= self._retire_ms else None
            case Phase.OPEN | Phase.LEAVING:
                if now - self._last_frame_ms > times.silence_ms:
                    return CloseCode.SILENT
                stayed_too_long = self._rotate_ms is not None and now >= self._rotate_ms + times.rotate_ms
                return CloseCode.DRAINING if stayed_too_long else None
        return None

    def _hello(self, hello: monitor.Hello) -> list[Effect]:
        fault = "Send hello only once." if self.phase is not Phase.HELLO else _fault_of(hello)
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
                return [Send(monitor.Error(ErrorCode.EMPTY_BATCH, "An events frame needs at least one event."))]
            case monitor.Done():
                return self._take_done(frame)
            case monitor.Auth():
                return self._renew(frame.token)
            case monitor.Bye():
                self.phase = Phase.LEAVING
                return self._finish()
        raise AssertionError(f"handled before: {frame}")

    def _take(self, batch: Batch) -> list[Effect]:
        self._ending.note_events(self._now_ms)
        if self._sequence.is_gap(batch):
            return self._fail(CloseCode.GAP, ErrorCode.GAP, f"Expected {self.accepted + 1}, got {batch.first_seq}.")
        known = self._sequence.already_stored(batch)
        effects: list[Effect] = [Compare(known)] if known else []
        if batch.last_seq <= self.committed:
            effects.append(Send(monitor.Ack(self.committed)))
        elif batch.last_seq > self.accepted:
            effects += self._accept(batch)
        return effects

    def _is_needless(self, frame: Received) -> bool:
        """Return whether a frame needs an answer and nothing else."""
        if isinstance(frame, monitor.Lost):
            return frame.to_seq <= self.committed
        return isinstance(frame, monitor.Ping | EmptyBatch)

    def _take_lost(self, lost: monitor.Lost) -> list[Effect]:
        if not 0 < lost.to_seq <= limits.SEQ_MAX or not _is_name(lost.reason):
            return self._fail(CloseCode.MALFORMED, ErrorCode.MALFORMED, "lost needs to_seq and a short reason.")
        if lost.to_seq <= self.committed:
            return [Send(monitor.Ack(self.committed))]
        if lost.to_seq - self.accepted > limits.LOST_NUMBERS:
            detail = f"One lost frame may cover {limits.LOST_NUMBERS} events."
            return self._fail(CloseCode.MALFORMED, ErrorCode.MALFORMED, detail)
        if lost.to_seq <= self.accepted:
            return []
        first = self.accepted + 1
        # Only a server can say that the loss is its own.
        reason = UNPROVEN_ACK if lost.reason == SERVER_LOST else lost.reason
        return self._accept(Batch(first, lost.to_seq, (lost_entry(first, lost.to_seq, reason),), len(reason)))

    def _accept(self, batch: Batch) -> list[Effect]:
        self._sequence.accept(batch)
        if self._sequence.exceeds_window:
            detail = f"More than {limits.OVERRUN_FACTOR} windows are unacknowledged. Wait for acks."
            return self._fail(CloseCode.TOO_FAST, ErrorCode.TOO_FAST, detail)
        return self._store_next()

    def _store_next(self) -> list[Effect]:
        batch = self._sequence.start_next()
        return [] if batch is None else [Store(batch)]

    def _grant(self, retry_ms: int | None = None) -> list[Effect]:
        """Send the client its window if that has changed; it is 0 while a batch is held."""
        window = Window(0, 0) if self._is_held else self._allowed
        if window == self._granted or self.phase is not Phase.OPEN:
            return []
        self._granted = window
        return [Send(monitor.WindowChanged(window.events, window.bytes, retry_ms))]

    def _take_done(self, done: monitor.Done) -> list[Effect]:
        if not 0 < done.id <= limits.INSTRUCTION_MAX or (done.code is not None and not _is_name(done.code)):
            detail = "done needs the id of an instruction, and a short code."
            return self._fail(CloseCode.MALFORMED, ErrorCode.MALFORMED, detail)
        if self._instructions.finish(done.id) or self._is_resumed:
            return [RecordResult(done)]
        self._needless_dones += 1
        if self._needless_dones > limits.NEEDLESS_DONES:
            return self._fail(CloseCode.TOO_FAST, ErrorCode.TOO_FAST, "Send done once, for instructions you received.")
        if self._instructions.has_sent(done.id):
            return []
        return [Send(monitor.Error(ErrorCode.NOT_FOUND, f"You have not received an instruction {done.id}."))]

    def _renew(self, token: str) -> list[Effect]:
        """Check one token at a time; of those that come in the meantime, keep the newest."""
        if self._is_renewing:
            self._next_token = token
            return []
        self._is_renewing = True
        return [Renew(token)]

    def _finish(self) -> list[Effect]:
        """Close a leaving or retiring session once everything accepted is stored."""
        if self.phase not in (Phase.LEAVING, Phase.RETIRING) or not self._sequence.is_idle:
            return []
        code = CloseCode.NORMAL if self.phase is Phase.LEAVING else CloseCode.DRAINING
        return [Send(monitor.Ack(self.committed)), *self._close(code)]

    def _fail(self, code: CloseCode, error: ErrorCode, detail: str) -> list[Effect]:
        return [] if self.phase is Phase.CLOSED else [Send(monitor.Error(error, detail)), *self._close(code)]

    def _close(self, code: CloseCode) -> list[Effect]:
        if self.phase is Phase.CLOSED:
            return []
        self.phase = Phase.CLOSED
        self._sequence.drop_waiting()
        if self._retry_ms is not None:
            # The held batch is with no writer, so no result will come for it.
            self._sequence.release()
            self._retry_ms = None
        return [Close(code)]


def _fault_of(hello: monitor.Hello) -> str | None:
    """Return what is wrong with a hello: fields that contradict each other, or that could not be stored."""
    if (hello.ticket is None) == (hello.token is None):
        return "hello needs either ticket or token."
    if hello.acked < 0 or not hello.acked < hello.next_seq <= limits.SEQ_MAX:
        return "acked must be less than next_seq."
    if not (0 <= hello.mono <= limits.TIME_MAX_MS and 0 <= hello.at <= limits.TIME_MAX_MS):
        return "mono or at is out of range."
    if len(hello.pending) > limits.MARKS or len(hello.acked_mac) > limits.MAC_CHARS:
        return f"pending may have {limits.MARKS} marks, and acked_mac {limits.MAC_CHARS} characters."
    if not all(_is_mark(mark, hello) for mark in hello.pending):
        return "A mark needs a seq from acked to next_seq - 1, and the clocks of its event."
    if len(hello.can) > limits.ACTIONS or not all(map(_is_name, hello.can)):
        return "can must be a short list of short names."
    if not (_is_name(hello.client.name) and _is_name(hello.client.version)):
        return "client needs a short name and a short version."
    return None


def _is_mark(mark: monitor.Mark, hello: monitor.Hello) -> bool:
    clocks = mark.at, mark.mono
    return hello.acked <= mark.seq < hello.next_seq and all(0 <= clock <= limits.TIME_MAX_MS for clock in clocks)


def _is_name(text: str) -> bool:
    """Return whether a name sent by the client is short and can be stored in PostgreSQL."""
    return len(text) <= limits.NAME_CHARS and "\0" not in text
