"""Stage 9 of 9: the numbered part of one exam's board, folded from feed rows (docs/path-of-an-event.md).

A snapshot with the deltas after it equals a later snapshot, on the hub and on every console. Pure: does no I/O, never
waits, and does not know its consoles.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Self
from uuid import UUID

import msgspec

from protocol import codec
from protocol.codec import Encoding
from protocol.console import (
    ROWS,
    AttemptRow,
    Delta,
    ExamRow,
    FlagRow,
    InstructionRow,
    Row,
    ScoreRow,
    Snapshot,
    StudentRow,
)
from protocol.limits import FRAME_BYTES

_LISTS: Final[dict[type[Row], str]] = {
    StudentRow: "students",
    AttemptRow: "attempts",
    ScoreRow: "scores",
    FlagRow: "flags",
    InstructionRow: "instructions",
}
"""The list of a snapshot that holds each row type."""

_READERS: Final[dict[Encoding, dict[str, Any]]] = {
    Encoding.JSON: {kind: msgspec.json.Decoder(row) for kind, row in ROWS.items()},
    Encoding.MSGPACK: {kind: msgspec.msgpack.Decoder(row) for kind, row in ROWS.items()},
}
_PART_NUMBERS_BYTES: Final = 64
"""Room for the digits of `part` and `parts`."""


class Board:
    """The numbered part of one exam at one offset of one epoch."""

    def __init__(self, exam: ExamRow, epoch: str, offset: int) -> None:
        self.exam = exam
        self.epoch = epoch
        self.offset = offset
        self.students: dict[UUID, StudentRow] = {}
        self.attempts: dict[UUID, AttemptRow] = {}
        self.scores: dict[UUID, ScoreRow] = {}
        """By attempt; an unknown score has no row."""
        self.flags: dict[UUID, FlagRow] = {}
        self.instructions: dict[UUID, InstructionRow] = {}
        """The newest instruction of each attempt."""
        self.unknown: set[str] = set()
        """Kinds of deltas that could not be decoded. While there are any, only a new snapshot completes the board."""

    @classmethod
    def from_parts(cls, parts: Iterable[Snapshot]) -> Self:
        """Build a board from all parts of one snapshot, in any order.

        Raises ValueError if parts are missing or belong to different snapshots.
        """
        ordered = sorted(parts, key=lambda part: part.part)
        if not ordered or [part.part for part in ordered] != list(range(1, ordered[0].parts + 1)):
            raise ValueError("parts of the snapshot are missing")
        first = ordered[0]
        if any((part.exam, part.epoch, part.offset) != (first.exam, first.epoch, first.offset) for part in ordered):
            raise ValueError("the parts belong to different snapshots")
        board = cls(first.exam, first.epoch, first.offset)
        for part in ordered:
            for name in _LISTS.values():
                for row in getattr(part, name):
                    board._put(row)
        return board

    def apply(self, delta: Delta, encoding: Encoding = Encoding.JSON) -> bool:
        """Apply the next delta, whose body has this encoding; do nothing and return False if it is not the next one.

        A kind or a body that this program cannot decode only moves the offset and is added to `unknown`.
        """
        if delta.offset != self.offset + 1:
            return False
        self.offset = delta.offset
        reader = _READERS[encoding].get(delta.kind)
        try:
            row = None if reader is None else reader.decode(delta.body)
        except (msgspec.DecodeError, UnicodeError):
            row = None
        if row is None:
            self.unknown.add(delta.kind)
        else:
            self._put(row)
        return True

    def snapshot(self, max_bytes: int = FRAME_BYTES) -> Iterator[Snapshot]:
        """Return the current board in parts of at most `max_bytes` in either encoding.

        The content is fixed at the call; each part is built when the iterator reaches it. A row larger than the bound
        gets a part to itself.
        """
        empty = Snapshot(
            exam_id=self.exam.exam_id, epoch=self.epoch, offset=self.offset, part=1, parts=1, exam=self.exam
        )
        rows: list[Row] = [*self.students.values(), *self.attempts.values(), *self.scores.values()]
        rows += [*self.flags.values(), *self.instructions.values()]
        groups = _split(rows, max_bytes - codec.measure(empty) - _PART_NUMBERS_BYTES)
        return (
            msgspec.structs.replace(empty, part=number, parts=len(groups), **_by_list(group))
            for number, group in enumerate(groups, 1)
        )

    def _put(self, row: Row) -> None:
        match row:
            case ExamRow():
                self.exam = row
            case StudentRow():
                self.students[row.student_id] = row
            case AttemptRow():
                self.attempts[row.attempt_id] = row
            case ScoreRow():
                if row.is_empty:
                    self.scores.pop(row.attempt_id, None)
                else:
                    self.scores[row.attempt_id] = row
            case FlagRow():
                self.flags[row.flag_id] = row
            case InstructionRow():
                # A client may answer an older instruction after a newer one was issued.
                known = self.instructions.get(row.attempt_id)
                if known is None or known.n <= row.n:
                    self.instructions[row.attempt_id] = row

    def _state(self) -> tuple[object, ...]:
        rows = (self.students, self.attempts, self.scores, self.flags, self.instructions)
        return (self.exam, self.epoch, self.offset, *rows, self.unknown)

    def __eq__(self, other: object) -> bool:
        return self._state() == other._state() if isinstance(other, Board) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # a board changes

    def __repr__(self) -> str:
        return f"<Board {self.exam.exam_id} at {self.epoch}/{self.offset}>"


def encode_delta(delta: Delta, encoding: Encoding) -> str | bytes:
    """Encode a delta whose body is the stored JSON for a console's socket."""
    if encoding is Encoding.MSGPACK:
        body = msgspec.Raw(msgspec.msgpack.encode(msgspec.json.decode(delta.body)))
        delta = Delta(delta.exam_id, delta.offset, delta.kind, body)
    return codec.encode(delta, encoding)


def _split(rows: Sequence[Row], max_bytes: int) -> list[list[Row]]:
    """Split rows into groups that fit into `max_bytes`; at least one group."""
    groups: list[list[Row]] = [[]]
    left = max_bytes
    for row in rows:
        size = codec.measure(row) + 1
        if size > left and groups[-1]:
            groups.append([])
            left = max_bytes
        groups[-1].append(row)
        left -= size
    return groups


def _by_list(rows: Iterable[Row]) -> Mapping[str, Any]:
    lists: dict[str, list[Row]] = {}
    for row in rows:
        lists.setdefault(_LISTS[type(row)], []).append(row)
    return lists
