"""The teacher's socket, `/ws/console`: every frame both sides may send, and the rows of the board (WIRE §3).

The board's numbered part changes only through deltas: one feed row, one offset, one frame, named by `kind`.
`kind` chooses the row type of `body` in `ROWS`; a body replaces the row of the same key.
"""

from typing import Final
from uuid import UUID

import msgspec

from protocol.attempts import AttemptStatus, InstructionState
from protocol.flags import FlagSource, FlagStatus, Severity
from protocol.monitor import Auth, Bye, Drain, Error, Ping, Pong


class ExamRow(msgspec.Struct, frozen=True):
    """The exam a board shows."""

    exam_id: UUID
    title: str
    duration_minutes: int


class StudentRow(msgspec.Struct, frozen=True):
    """One student of the exam; one taken off the roster stays on the board, and is shown as such."""

    student_id: UUID
    name: str
    on_roster: bool = True


class AttemptRow(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt on the board; `ix` is its small number within the exam, times in ms since the epoch."""

    ix: int
    attempt_id: UUID
    student_id: UUID
    status: AttemptStatus
    deadline: int | None
    completed_at: int | None = None


class ScoreRow(msgspec.Struct, frozen=True):
    """An attempt's provisional integrity, 0..1, and how much of it was observed, 0..1 in tenths.

    `integrity` is `null` while not enough was seen; where `coverage` is not known either a board keeps no row.
    """

    attempt_id: UUID
    integrity: float | None
    coverage: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing."""
        return self.integrity is None and self.coverage is None


class FlagRow(msgspec.Struct, frozen=True, kw_only=True):
    """One flag on the board. `last_fact_at` is when the last cited fact was stored; times in ms since the epoch."""

    flag_id: UUID
    attempt_id: UUID
    source: FlagSource
    rule: str
    severity: Severity
    confidence: float
    summary: str
    status: FlagStatus
    raised_at: int
    last_fact_at: int | None
    reviewed_by: str | None = None
    reason: str | None = None


class InstructionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One instruction to one attempt and how far it got; `code` says why a client could not carry it out.

    A board keeps each attempt's newest, the one of the highest `n`: an older one never replaces it.
    """

    attempt_id: UUID
    n: int
    action: str
    text: str | None
    state: InstructionState
    code: str | None = None


Row = ExamRow | StudentRow | AttemptRow | ScoreRow | FlagRow | InstructionRow

ROWS: Final[dict[str, type[Row]]] = {
    "exam": ExamRow,
    "student": StudentRow,
    "attempt": AttemptRow,
    "score": ScoreRow,
    "flag": FlagRow,
    "instruction": InstructionRow,
}
"""Which row a delta's `kind` carries."""


class Since(msgspec.Struct, frozen=True):
    """What a console already holds: all up to `offset` of `epoch`."""

    epoch: str
    offset: int


class Hello(msgspec.Struct, tag_field="t", tag="hello", frozen=True):
    """The first frame; exactly one of `ticket` and `token`."""

    ticket: str | None = None
    token: str | None = None


class Watch(msgspec.Struct, tag_field="t", tag="watch", frozen=True):
    """Show me this exam's board, from the start or from where I am."""

    exam_id: UUID
    since: Since | None = None


class Unwatch(msgspec.Struct, tag_field="t", tag="unwatch", frozen=True):
    """Stop showing me this exam's board."""

    exam_id: UUID


class Focus(msgspec.Struct, tag_field="t", tag="focus", frozen=True):
    """Show me these attempts' live values every half second, and no others' of this exam.

    At most `limits.FOCUS_ATTEMPTS`, by their numbers from 1, else error `bad_command`; of an exam that is not watched,
    error `not_found`. Numbers no attempt has yet are kept; unwatching or watching anew forgets them all.
    """

    exam_id: UUID
    ix: list[int]


class Room(msgspec.Struct, frozen=True):
    """Everybody of a room; no hub keeps rooms yet, so an order to one is answered with `bad_command`."""

    room: str


class Command(msgspec.Struct, tag_field="t", tag="command", frozen=True, kw_only=True):
    """A person's order; a repeated `id` gives the same result, one used for another order is refused.

    `message` wants `to` and `text`; `end` wants `to`, a list of attempts, and `reason`; `review` wants `flag_id`,
    `decision`, `seen` (the status it saw) and `reason`.
    """

    id: UUID
    exam_id: UUID
    action: str
    to: str | list[UUID] | Room = "all"
    text: str | None = None
    flag_id: UUID | None = None
    decision: FlagStatus | None = None
    seen: FlagStatus | None = None
    reason: str | None = None


ConsoleFrame = Hello | Watch | Unwatch | Focus | Command | Auth | Ping | Bye


class Welcome(msgspec.Struct, tag_field="t", tag="welcome", frozen=True, kw_only=True):
    """You are known; the socket is closed five seconds after `auth_until` unless renewed."""

    user_id: UUID
    name: str
    server_at: int
    heartbeat_ms: int
    auth_until: int


class Snapshot(msgspec.Struct, tag_field="t", tag="snapshot", frozen=True, kw_only=True):
    """One part of a board as it stood at `offset`; parts count from 1 and together are the whole numbered part."""

    exam_id: UUID
    epoch: str
    offset: int
    part: int
    parts: int
    exam: ExamRow
    students: list[StudentRow] = []
    attempts: list[AttemptRow] = []
    scores: list[ScoreRow] = []
    flags: list[FlagRow] = []
    instructions: list[InstructionRow] = []


class Delta(msgspec.Struct, tag_field="t", tag="delta", frozen=True):
    """One change of the numbered part: `body` is the row that `kind` names."""

    exam_id: UUID
    offset: int
    kind: str
    body: msgspec.Raw


class Presence(msgspec.Struct, frozen=True, array_like=True):
    """An attempt's latest live values: `[ix, online, events, seen_at]`; `seen_at` in ms since the epoch.

    `online` is whether its newest connection stands, at whichever hub. `events` counts what its client's streams hold:
    the sum of their last numbers, what was refused or lost included. `seen_at` is when it last came, went or stored.
    """

    ix: int
    online: bool
    events: int
    seen_at: int


class Live(msgspec.Struct, tag_field="t", tag="live", frozen=True):
    """The live part: latest values that changed since the last `live`; never numbered, never replayed.

    Comings and goings of all come within a second, counts within 15 s, of those in focus within a second too. With
    `since`, ms since the epoch, Redis has been away since then: of other hubs' candidates comings and goings come
    within 4 s, and counts as told by the record. The first frame without `since` says that this is over.
    """

    exam_id: UUID
    attempts: list[Presence]
    since: int | None = None


class Resync(msgspec.Struct, tag_field="t", tag="resync", frozen=True):
    """Forget this exam's board; a snapshot follows unasked."""

    exam_id: UUID
    reason: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a command did to one attempt; a `conflict` says who was first, `by` name, and when, `at` in ms."""

    attempt_id: UUID
    ok: bool
    code: str | None = None
    detail: str | None = None
    by: str | None = None
    at: int | None = None


class Result(msgspec.Struct, tag_field="t", tag="result", frozen=True):
    """The answer to the command of this id; `code` is set when the command as a whole was refused."""

    id: UUID
    outcomes: list[Outcome]
    code: str | None = None
    detail: str | None = None


HubFrame = Welcome | Snapshot | Delta | Live | Resync | Result | Pong | Drain | Error
