from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hub.board.board import Board, encode_delta
from hub.sockets import size_of
from protocol import codec
from protocol.attempts import AttemptStatus, InstructionState
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
from protocol.flags import FlagSource, FlagStatus, Severity
from protocol.limits import FRAME_BYTES

EXAM = ExamRow(UUID(int=1), "Physics", 60)
KINDS = {row: kind for kind, row in ROWS.items()}

AnyRow = TypeVar("AnyRow", bound=Row)

ids = st.integers(1, 4).map(lambda number: UUID(int=number))
texts = st.text(max_size=40)
times = st.integers(0, 2**41)
fractions = st.floats(0, 1)
rows: st.SearchStrategy[Row] = st.one_of(
    st.builds(StudentRow, ids, texts),
    st.builds(
        AttemptRow,
        ix=st.integers(1, 9),
        attempt_id=ids,
        student_id=ids,
        status=st.sampled_from(AttemptStatus),
        deadline=st.none() | times,
    ),
    st.builds(ScoreRow, ids, st.none() | fractions),
    st.builds(
        FlagRow,
        flag_id=ids,
        attempt_id=ids,
        source=st.sampled_from(FlagSource),
        rule=texts,
        severity=st.sampled_from(Severity),
        confidence=fractions,
        summary=texts,
        status=st.sampled_from(FlagStatus),
        raised_at=times,
        last_fact_at=st.none() | times,
        reviewed_by=st.none() | texts,
        reason=st.none() | texts,
    ),
    st.builds(
        InstructionRow,
        attempt_id=ids,
        n=st.integers(1, 5),
        action=st.just("message"),
        text=st.none() | texts,
        state=st.sampled_from(InstructionState),
        code=st.none() | texts,
    ),
)


rows |= st.builds(ExamRow, exam_id=st.just(EXAM.exam_id), title=texts, duration_minutes=st.integers(1, 90))


def delta_of(row: Row, offset: int) -> Delta:
    return Delta(EXAM.exam_id, offset, KINDS[type(row)], msgspec.Raw(msgspec.json.encode(row)))


def fold(changes: Sequence[Row], board: Board | None = None) -> Board:
    board = board or Board(EXAM, "e", 0)
    for row in changes:
        assert board.apply(delta_of(row, board.offset + 1))
    return board


class SnapshotAndDeltas(RuleBasedStateMachine):
    """Plain tables with a feed, and consoles that connect, fall behind and follow."""

    @initialize()
    def begin(self) -> None:
        self.tables: dict[str, dict[object, Row]] = {kind: {} for kind in ROWS}
        self.feed: list[Delta] = []
        self.consoles: list[Board] = []

    @rule(row=rows)
    def change(self, row: Row) -> None:
        kind = KINDS[type(row)]
        key = (row.attempt_id, row.n) if isinstance(row, InstructionRow) else row_key(row)
        self.tables[kind][key] = row
        self.feed.append(delta_of(row, len(self.feed) + 1))

    @rule(max_bytes=st.sampled_from([700, 2_000, FRAME_BYTES]), encoding=st.sampled_from(Encoding))
    def connect(self, max_bytes: int, encoding: Encoding) -> None:
        parts = [codec.encode(part, encoding) for part in self.fresh().snapshot(max_bytes)]
        frames = [codec.decode_to_console(part, encoding) for part in parts]
        self.consoles.append(Board.from_parts([part for part in frames if isinstance(part, Snapshot)]))

    @precondition(lambda self: self.consoles and self.feed)
    @rule(data=st.data(), encoding=st.sampled_from(Encoding))
    def follow(self, data: st.DataObject, encoding: Encoding) -> None:
        console = data.draw(st.sampled_from(self.consoles))
        reach = data.draw(st.integers(console.offset, len(self.feed)))
        for delta in self.feed[console.offset : reach]:
            frame = codec.decode_to_console(encode_delta(delta, encoding), encoding)
            assert isinstance(frame, Delta)
            assert console.apply(frame, encoding)

    @invariant()
    def every_console_that_caught_up_equals_a_fresh_snapshot(self) -> None:
        for console in self.consoles if getattr(self, "consoles", None) else ():
            if console.offset == len(self.feed):
                assert console == self.fresh()

    def rows_of(self, kind: type[AnyRow]) -> list[AnyRow]:
        return [row for table in self.tables.values() for row in table.values() if isinstance(row, kind)]

    def fresh(self) -> Board:
        """The board as it would be read: no row for an unknown score, only the newest instruction."""
        newest: dict[UUID, InstructionRow] = {}
        for row in self.rows_of(InstructionRow):
            if row.attempt_id not in newest or newest[row.attempt_id].n < row.n:
                newest[row.attempt_id] = row
        return Board.from_parts(
            [
                Snapshot(
                    exam_id=EXAM.exam_id,
                    epoch="e",
                    offset=len(self.feed),
                    part=1,
                    parts=1,
                    exam=next(iter(self.rows_of(ExamRow)), EXAM),
                    students=self.rows_of(StudentRow),
                    attempts=self.rows_of(AttemptRow),
                    scores=[row for row in self.rows_of(ScoreRow) if row.integrity is not None],
                    flags=self.rows_of(FlagRow),
                    instructions=list(newest.values()),
                )
            ]
        )


def row_key(row: Row) -> UUID:
    match row:
        case ExamRow():
            return row.exam_id
        case StudentRow():
            return row.student_id
        case FlagRow():
            return row.flag_id
        case _:
            return row.attempt_id


TestSnapshotAndDeltas = SnapshotAndDeltas.TestCase
TestSnapshotAndDeltas.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)


@given(st.lists(rows, max_size=60), st.integers(600, 4_000), st.sampled_from(Encoding))
def test_parts_fit_and_together_make_the_board(changes: list[Row], max_bytes: int, encoding: Encoding) -> None:
    board = fold(changes)
    parts = list(board.snapshot(max_bytes))
    assert [part.part for part in parts] == list(range(1, parts[0].parts + 1))
    for part in parts:
        part_rows = [
            row for name in ("students", "attempts", "scores", "flags", "instructions") for row in getattr(part, name)
        ]
        assert len(codec.encode(part, encoding)) <= max_bytes or len(part_rows) == 1
    assert Board.from_parts(reversed(parts)) == board


def test_an_empty_board_is_one_part() -> None:
    parts = list(Board(EXAM, "e", 7).snapshot())
    assert len(parts) == 1
    assert Board.from_parts(parts) == Board(EXAM, "e", 7)


def test_the_parts_of_a_large_board_fit_into_frames() -> None:
    board = fold([StudentRow(UUID(int=number), "Å" * 40) for number in range(5_000)])
    parts = [codec.encode(part, Encoding.JSON) for part in board.snapshot()]
    assert len(parts) > 5
    assert max(map(size_of, parts)) <= FRAME_BYTES


def test_later_changes_are_not_in_a_snapshot() -> None:
    board = fold([StudentRow(UUID(int=number), "before") for number in range(20)])
    parts = board.snapshot(700)
    first = next(parts)
    fold([StudentRow(UUID(int=number), "after") for number in range(20)], board)
    sent = Board.from_parts([first, *parts])
    assert sent.offset == 20
    assert {row.name for row in sent.students.values()} == {"before"}


@pytest.mark.parametrize("offset", [0, 1, 3])
def test_only_the_next_delta_is_applied(offset: int) -> None:
    board = fold([StudentRow(UUID(int=1), "Ada")])
    before = fold([StudentRow(UUID(int=1), "Ada")])
    assert not board.apply(delta_of(StudentRow(UUID(int=1), "Eve"), offset))
    assert board == before


@pytest.mark.parametrize(
    ("kind", "body"),
    [("seat", b'{"seat":"A1"}'), ("student", b'{"student_id":"x","name":"y"}'), ("attempt", b"7"), ("flag", b"{")],
)
def test_a_delta_that_cannot_be_decoded_moves_the_offset_and_is_noted(kind: str, body: bytes) -> None:
    board = fold([StudentRow(UUID(int=1), "Ada")])
    assert board.apply(Delta(EXAM.exam_id, 2, kind, msgspec.Raw(body)))
    assert (board.offset, board.unknown) == (2, {kind})
    assert list(board.students) == [UUID(int=1)]
    assert board != fold([StudentRow(UUID(int=1), "Ada")] * 2)


def test_a_score_that_becomes_unknown_has_no_row() -> None:
    attempt = UUID(int=1)
    assert fold([ScoreRow(attempt, 0.5)]).scores == {attempt: ScoreRow(attempt, 0.5)}
    assert fold([ScoreRow(attempt, 0.5), ScoreRow(attempt, None)]).scores == {}
    little = ScoreRow(attempt, None, 0.3)
    assert fold([ScoreRow(attempt, 0.5), little]).scores == {attempt: little}, "its coverage is known"


def test_an_older_instruction_never_replaces_a_newer_one() -> None:
    def instruction(n: int, state: InstructionState) -> InstructionRow:
        return InstructionRow(attempt_id=UUID(int=1), n=n, action="message", text="hi", state=state)

    sent, newer, late = (
        instruction(1, InstructionState.SENT),
        instruction(2, InstructionState.SENT),
        instruction(1, InstructionState.DONE),
    )
    assert fold([sent, newer, late]).instructions == {UUID(int=1): newer}


@pytest.mark.parametrize("chosen", [[], [0], [1], [0, 0, 1], [0, 1, 1]])
def test_missing_or_repeated_parts_raise(chosen: list[int]) -> None:
    board = fold([StudentRow(UUID(int=number), "x" * 40) for number in range(10)])
    parts = list(board.snapshot(1_100))
    assert len(parts) == 2
    with pytest.raises(ValueError, match="missing"):
        Board.from_parts([parts[index] for index in chosen])


def test_parts_of_different_snapshots_raise() -> None:
    board = fold([StudentRow(UUID(int=number), "x" * 40) for number in range(10)])
    first, second = board.snapshot(1_100)
    with pytest.raises(ValueError, match="different"):
        Board.from_parts([first, msgspec.structs.replace(second, offset=11)])


def test_a_board_cannot_be_hashed() -> None:
    with pytest.raises(TypeError):
        hash(Board(EXAM, "e", 0))
