"""The teacher's socket, `/ws/console`: all frames of both sides, and the rows of the board (docs/wire/README.md).

The numbered part of a board changes only through deltas: each is one feed row with one offset. `kind` chooses the row
type of `body` in `ROWS`, and a body replaces the row with the same key.
"""

from typing import Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from protocol.attempts import AttemptStatus, InstructionState
from protocol.flags import FlagSource, FlagStatus, Severity
from protocol.monitor import Auth, Bye, Drain, Error, Ping, Pong


class ExamRow(msgspec.Struct, frozen=True):
    """The exam of a board."""

    exam_id: UUID
    title: str
    duration_minutes: int


class StudentRow(msgspec.Struct, frozen=True):
    """One student of the exam. A student who was removed from the roster stays on the board with `on_roster` false."""

    student_id: UUID
    name: str
    on_roster: bool = True


class AttemptRow(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt on the board. `ix` is its small number within the exam. Times in ms since the epoch.

    `waived`: an invigilator allowed the student to read the paper without a connection.
    """

    ix: int
    attempt_id: UUID
    student_id: UUID
    status: AttemptStatus
    deadline: int | None
    completed_at: int | None = None
    waived: bool = False


class ScoreRow(msgspec.Struct, frozen=True):
    """An attempt's provisional integrity, 0..1, and its coverage, 0..1 in tenths.

    `integrity` is `null` while the coverage is too low. If `coverage` is `null` too, the board keeps no row.
    """

    attempt_id: UUID
    integrity: float | None
    coverage: float | None = None

    @property
    def is_empty(self) -> bool:
        """Return whether both values are unknown."""
        return self.integrity is None and self.coverage is None


class FlagRow(msgspec.Struct, frozen=True, kw_only=True):
    """One flag on the board. `last_fact_at` is when the last cited event was stored. Times in ms since the epoch."""

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
    """One instruction to one attempt and its state. `code` says why the client could not carry it out.

    A board keeps the newest of each attempt, with the highest `n`. An older one never replaces it.
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
"""The row type of each `kind` of delta."""


class Since(msgspec.Struct, frozen=True):
    """The position of a console: it has all changes up to `offset` of `epoch`."""

    epoch: str
    offset: int


class Hello(msgspec.Struct, tag_field="t", tag="hello", frozen=True):
    """The first frame, with exactly one of `ticket` and `token`."""

    ticket: str | None = None
    token: str | None = None


class Watch(msgspec.Struct, tag_field="t", tag="watch", frozen=True):
    """Subscribe to an exam's board: with `since` the changes after it, otherwise a snapshot."""

    exam_id: UUID
    since: Since | None = None


class Unwatch(msgspec.Struct, tag_field="t", tag="unwatch", frozen=True):
    """Unsubscribe from an exam's board."""

    exam_id: UUID


class Focus(msgspec.Struct, tag_field="t", tag="focus", frozen=True):
    """Ask for live values of these attempts every half second. It replaces the focus on this exam.

    At most `limits.FOCUS_ATTEMPTS` attempts, named by `ix` from 1, else error `bad_command`. For an exam without
    `watch` the error is `not_found`. An `ix` that does not exist yet is kept. `unwatch` and `watch` clear the focus.
    """

    exam_id: UUID
    ix: list[int]


class Room(msgspec.Struct, frozen=True):
    """All students of a room. Rooms are not supported yet: the result of such a command is `bad_command`."""

    room: str


class Command(msgspec.Struct, tag_field="t", tag="command", frozen=True, kw_only=True):
    """A user's command. A repeated `id` gives the same result; an `id` of a different command is refused.

    `message` needs `to` and `text`. `end` and `waive` need `to`, a list of attempts, and `reason`. `review` needs
    `flag_id`, `decision`, `seen` (the status that the user saw) and `reason`.
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
    """The user is signed in. Without `auth` the socket is closed five seconds after `auth_until`."""

    user_id: UUID
    name: str
    server_at: int
    heartbeat_ms: int
    auth_until: int


class Snapshot(msgspec.Struct, tag_field="t", tag="snapshot", frozen=True, kw_only=True):
    """One part of a board at `offset`. Parts count from 1; together they are the whole numbered part."""

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
    """One change of the numbered part. `body` is a row of the type that `kind` names."""

    exam_id: UUID
    offset: int
    kind: str
    body: msgspec.Raw


class Presence(msgspec.Struct, frozen=True, array_like=True):
    """An attempt's latest live values: `[ix, online, events, seen_at]`.

    `online`: whether its newest connection is open, at any hub. `events`: the sum of the last sequence numbers of its
    streams, rejected and lost events included. `seen_at`, ms since the epoch: its last connect, disconnect or store.
    """

    ix: int
    online: bool
    events: int
    seen_at: int


class Live(msgspec.Struct, tag_field="t", tag="live", frozen=True):
    """The live part: values that changed since the last `live`. It has no offsets and is never replayed.

    Changes of `online` arrive within a second, counts within 15 s (within a second for attempts in focus). With
    `since`, ms since the epoch, Redis has been unavailable since then: for candidates of other hubs, changes of
    `online` arrive within 4 s, and counts are read from the database. The first frame without `since` ends this state.
    """

    exam_id: UUID
    attempts: list[Presence]
    since: int | None = None


class Resync(msgspec.Struct, tag_field="t", tag="resync", frozen=True):
    """Drop this exam's board. A snapshot follows."""

    exam_id: UUID
    reason: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result of a command for one attempt. With `conflict`, `by` names the user who was first, at `at` (ms)."""

    attempt_id: UUID
    ok: bool
    code: str | None = None
    detail: str | None = None
    by: str | None = None
    at: int | None = None


class Result(msgspec.Struct, tag_field="t", tag="result", frozen=True):
    """The result of the command with this id. `code` is set when the whole command was refused."""

    id: UUID
    outcomes: list[Outcome]
    code: str | None = None
    detail: str | None = None


class ConsoleError(Error, tag_field="t", tag="error", frozen=True):
    """An error frame of the console. `exam_id` is the exam of the refused frame, if it named one; else it is absent."""

    exam_id: UUID | UnsetType = UNSET


HubFrame = Welcome | Snapshot | Delta | Live | Resync | Result | Pong | Drain | ConsoleError
