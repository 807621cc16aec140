"""Stage 9 of 9: the numbered part of one exam's board, as a fold of feed rows (docs/path-of-an-event.md).

A snapshot and the deltas after it make the same board as a later snapshot, on the hub and on every console alike.
Pure: nothing here reads, waits or knows who is watching.
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
"""In which list of a snapshot each row travels."""

_READERS: Final[dict[Encoding, dict[str, Any]]] = {
    Encoding.JSON: {kind: msgspec.json.Decoder(row) for kind, row in ROWS.items()},
    Encoding.MSGPACK: {kind: msgspec.msgpack.Decoder(row) for kind, row in ROWS.items()},
}
_SLACK_BYTES: Final = 64
"""For the digits of the part numbers."""


class Board:
    """The numbered part of one exam at one offset of one epoch."""

    def __init__(self, exam: ExamRow, epoch: str, offset: int) -> None:
        self.exam = exam
        self.epoch = epoch
        self.offset = offset
        self.students: dict[UUID, StudentRow] = {}
        self.attempts: dict[UUID, AttemptRow] = {}
        self.scores: dict[UUID, ScoreRow] = {}
        """By attempt; a score that is not known has no row."""
        self.flags: dict[UUID, FlagRow] = {}
        self.instructions: dict[UUID, InstructionRow] = {}
        """By attempt: its newest instruction."""
        self.unknown: set[str] = set()
        """Kinds that were met and could not be read: while there are any, only a new snapshot is the whole board."""

    @classmethod
    def from_parts(cls, parts: Iterable[Snapshot]) -> Self:
        """Build a board from all parts of one snapshot, in any order. Raises ValueError when they are not that."""
        found = sorted(parts, key=lambda part: part.part)
        if not found or [part.part for part in found] != list(range(1, found[0].parts + 1)):
            raise ValueError("parts of the snapshot are missing")
        first = found[0]
        if any((part.exam, part.epoch, part.offset) != (first.exam, first.epoch, first.offset) for part in found):
            raise ValueError("the parts are of different snapshots")
        board = cls(first.exam, first.epoch, first.offset)
        for part in found:
            for name in _LISTS.values():
                for row in getattr(part, name):
                    board._place(row)
        return board

    def apply(self, delta: Delta, encoding: Encoding = Encoding.JSON) -> bool:
        """Take the next change, its body encoded as said; False, and nothing done, when it is not the next one.

        A kind or body this program cannot read is counted past and noted in `unknown`.
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
            self._place(row)
        return True

    def snapshot(self, max_bytes: int = FRAME_BYTES) -> Iterator[Snapshot]:
        """The board as it stands now, in parts of at most `max_bytes` in either encoding.

        What the parts hold is fixed at once; each is built when it is asked for. A row alone over the bound travels
        alone.
        """
        empty = Snapshot(
            exam_id=self.exam.exam_id, epoch=self.epoch, offset=self.offset, part=1, parts=1, exam=self.exam
        )
        rows: list[Row] = [*self.students.values(), *self.attempts.values(), *self.scores.values()]
        rows += [*self.flags.values(), *self.instructions.values()]
        groups = _cut(rows, max_bytes - codec.measure(empty) - _SLACK_BYTES)
        return (
            msgspec.structs.replace(empty, part=number, parts=len(groups), **_sort(group))
            for number, group in enumerate(groups, 1)
        )

    def _place(self, row: Row) -> None:
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
                # An older one may be answered after a newer one was given.
                known = self.instructions.get(row.attempt_id)
                if known is None or known.n <= row.n:
                    self.instructions[row.attempt_id] = row

    def _state(self) -> tuple[object, ...]:
        rows = (self.students, self.attempts, self.scores, self.flags, self.instructions)
        return (self.exam, self.epoch, self.offset, *rows, self.unknown)

    def __eq__(self, other: object) -> bool:
        return self._state() == other._state() if isinstance(other, Board) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"<Board {self.exam.exam_id} at {self.epoch}/{self.offset}>"


def encode_delta(delta: Delta, encoding: Encoding) -> str | bytes:
    """Encode a delta whose body is JSON, as it is stored, for a console's socket."""
    if encoding is Encoding.MSGPACK:
        body = msgspec.Raw(msgspec.msgpack.encode(msgspec.json.decode(delta.body)))
        delta = Delta(delta.exam_id, delta.offset, delta.kind, body)
    return codec.encode(delta, encoding)


def _cut(rows: Sequence[Row], room: int) -> list[list[Row]]:
    """Cut rows into groups that fit, at least one."""
    groups: list[list[Row]] = [[]]
    left = room
    for row in rows:
        size = codec.measure(row) + 1
        if size > left and groups[-1]:
            groups.append([])
            left = room
        groups[-1].append(row)
        left -= size
    return groups


def _sort(rows: Iterable[Row]) -> Mapping[str, Any]:
    lists: dict[str, list[Row]] = {}
    for row in rows:
        lists.setdefault(_LISTS[type(row)], []).append(row)
    return lists
