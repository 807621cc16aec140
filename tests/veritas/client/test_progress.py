from uuid import UUID

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from protocol.console import Delta, ExamRow, Resync, Since, Snapshot
from veritas.client.progress import FrameKind, Progress

EXAM = UUID(int=1)


def snapshot(offset: int, part: int = 1, parts: int = 1) -> Snapshot:
    exam = ExamRow(EXAM, "Physics", 60)
    return Snapshot(exam_id=EXAM, epoch="e", offset=offset, part=part, parts=parts, exam=exam)


def delta(offset: int) -> Delta:
    return Delta(EXAM, offset, "student", msgspec.Raw(b"{}"))


def test_deltas_follow_a_snapshot_one_by_one() -> None:
    place = Progress()
    assert place.take(snapshot(4)) is FrameKind.NEW
    assert [place.take(delta(offset)) for offset in (5, 6)] == [FrameKind.NEW, FrameKind.NEW]
    assert place.since == Since("e", 6)


def test_known_deltas_are_old() -> None:
    place = Progress()
    place.take(snapshot(4))
    assert place.take(delta(4)) is FrameKind.OLD
    assert place.since == Since("e", 4)


def test_a_hole_is_reported_once_until_it_is_filled() -> None:
    place = Progress()
    place.take(snapshot(4))
    assert [place.take(delta(offset)) for offset in (6, 7)] == [FrameKind.GAP, FrameKind.OLD]
    assert [place.take(delta(offset)) for offset in (5, 6, 7)] == [FrameKind.NEW] * 3
    assert place.take(delta(9)) is FrameKind.GAP


def test_a_snapshot_counts_only_when_its_last_part_is_here() -> None:
    place = Progress()
    place.take(snapshot(9, 1, 2))
    assert place.since is None
    place.take(snapshot(9, 2, 2))
    assert place.since == Since("e", 9)


def test_a_resync_forgets() -> None:
    place = Progress()
    place.take(snapshot(4))
    assert place.take(Resync(EXAM, "slow")) is FrameKind.NEW
    assert place.since is None
    assert place.rewatch() is None


class FeedModel(RuleBasedStateMachine):
    """A feed that grows, a hub that may leave frames out, a wire that may be cut anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Progress()
        self.head = 0
        self.held: int | None = None
        self.sent = 0
        self.asked_from: Since | None = None
        self.has_asked = True
        self.is_answer = False
        self.is_under_way = False

    @rule(count=st.integers(1, 4))
    def grow(self, count: int) -> None:
        self.head += count

    def take(self, frame: Snapshot | Delta | Resync) -> None:
        """Classify a frame as the reader does: it has all rows up to `held`, or none."""
        match self.place.take(frame), frame:
            case FrameKind.NEW, Delta():
                assert self.held is not None
                assert frame.offset == self.held + 1, "handed out twice, or over a hole"
                self.held = frame.offset
            case FrameKind.NEW, Snapshot():
                self.held = frame.offset if frame.part == frame.parts else None
            case FrameKind.NEW, Resync():
                self.held = None
            case FrameKind.OLD, Delta():
                assert self.held is None or frame.offset <= self.held or self.has_asked
            case FrameKind.GAP, Delta():
                assert not self.has_asked, "requested twice"
                self.asked_from, self.has_asked = self.place.since, True
                self.is_under_way = True

    @precondition(lambda self: self.has_asked)
    @rule(parts=st.integers(1, 3), arrive=st.integers(1, 3))
    def answer(self, parts: int, arrive: int) -> None:
        """The hub answers `watch`: from there on, or with a snapshot that may be cut off in the middle."""
        if self.asked_from is None:
            for part in range(1, min(parts, arrive) + 1):
                self.take(snapshot(self.head, part, parts))
            if arrive < parts:
                self.cut()
                return
            self.sent = self.head
        else:
            self.sent = self.asked_from.offset
        self.has_asked = self.is_under_way = False
        self.is_answer = True

    @precondition(lambda self: not self.has_asked and self.sent < self.head)
    @rule(skip=st.integers(0, 2))
    def deliver(self, skip: int) -> None:
        """The next frame, or one after a hole; an answer has none where it begins."""
        self.sent = min(self.head, self.sent + 1 + (0 if self.is_answer else skip))
        self.is_answer = False
        self.take(delta(self.sent))

    @precondition(lambda self: self.is_under_way and self.asked_from is not None and self.sent < self.head)
    @rule()
    def deliver_what_was_under_way(self) -> None:
        self.sent += 1
        self.take(delta(self.sent))

    @precondition(lambda self: not self.has_asked and self.sent > 0)
    @rule()
    def repeat(self) -> None:
        self.take(delta(self.sent))

    @precondition(lambda self: not self.has_asked)
    @rule()
    def resync(self) -> None:
        self.take(Resync(EXAM, "slow"))
        self.take(snapshot(self.head))
        self.sent = self.head

    @rule()
    def cut(self) -> None:
        self.asked_from, self.has_asked = self.place.rewatch(), True
        self.is_under_way = False

    @invariant()
    def what_is_held_is_what_it_would_ask_for(self) -> None:
        assert self.held == (None if self.place.since is None else self.place.since.offset)

    def teardown(self) -> None:
        """However it stood: one good connection catches up."""
        self.cut()
        self.answer(1, 1)
        while self.sent < self.head:
            self.deliver(0)
        assert self.held == self.head


TestFeedModel = FeedModel.TestCase
TestFeedModel.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
