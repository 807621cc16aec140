from collections.abc import Iterator
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from hub.console.send_queue import ANSWER_BYTES, LIVE_ROOM_BYTES, Backlog

EXAM, OTHER = UUID(int=1), UUID(int=2)


def take_all(backlog: Backlog) -> list[str | bytes]:
    taken = []
    while (frame := backlog.take()) is not None:
        taken.append(frame)
    return taken


def opened(*exams: UUID, delta_bytes: int = 100) -> Backlog:
    """A backlog with boards shown up to offset 10, nothing waiting."""
    backlog = Backlog(delta_bytes)
    for exam in exams:
        backlog.watch(exam)
        backlog.open(exam, 10, iter(()))
    take_all(backlog)
    return backlog


def overflow(backlog: Backlog, now_s: float, *, first: int = 11) -> None:
    backlog.deliver(EXAM, first, "x" * 60, now_s)
    backlog.deliver(EXAM, first + 1, "x" * 60, now_s)


def test_answers_come_first_then_boards_then_deltas() -> None:
    backlog = Backlog()
    backlog.watch(EXAM)
    backlog.open(EXAM, 10, iter(["part 1", "part 2"]))
    backlog.deliver(EXAM, 11, "delta 11", 0)
    assert backlog.take() == "part 1"
    backlog.answer("pong")
    assert take_all(backlog) == ["pong", "part 2", "delta 11"]
    assert backlog.size == 0


def test_live_values_of_a_large_exam_are_shown_to_the_last() -> None:
    backlog = opened(EXAM, delta_bytes=1024 * 1024)
    frames = [f"{number}".ljust(LIVE_ROOM_BYTES // 2) for number in range(5)]
    backlog.show_all(EXAM, frames)
    assert not backlog.wants_all(EXAM)
    assert take_all(backlog) == frames


def test_parts_are_built_when_they_are_taken() -> None:
    built = []

    def parts() -> Iterator[str]:
        for number in range(3):
            built.append(number)
            yield str(number)

    backlog = Backlog()
    backlog.watch(EXAM)
    backlog.open(EXAM, 10, parts())
    assert built == []
    assert backlog.take() == "0"
    assert built == [0]


def test_deltas_the_board_holds_already_are_left_out() -> None:
    backlog = opened(EXAM)
    for offset in (9, 10, 11, 11, 12):
        backlog.deliver(EXAM, offset, str(offset), 0)
    assert take_all(backlog) == ["11", "12"]


def test_nothing_is_sent_of_a_board_that_is_not_watched_or_not_opened() -> None:
    backlog = Backlog()
    backlog.deliver(EXAM, 1, "x", 0)
    backlog.open(EXAM, 1, iter(["part"]))
    backlog.show(EXAM, ["live"])
    backlog.show_all(EXAM, ["live"])
    backlog.watch(OTHER)
    backlog.deliver(OTHER, 1, "x", 0)
    backlog.show(OTHER, ["live"])
    assert take_all(backlog) == []


def test_a_board_shown_anew_voids_what_waited_of_it_and_of_no_other() -> None:
    backlog = opened(EXAM, OTHER)
    backlog.deliver(EXAM, 11, "old", 0)
    backlog.deliver(OTHER, 11, "other", 0)
    backlog.open(EXAM, 20, iter(["part"]))
    backlog.deliver(EXAM, 21, "new", 0)
    assert take_all(backlog) == ["part", "other", "new"]


def test_unwatching_forgets_what_waits() -> None:
    backlog = opened(EXAM, OTHER)
    backlog.deliver(EXAM, 11, "gone", 0)
    backlog.deliver(OTHER, 11, "kept", 0)
    backlog.unwatch(EXAM)
    assert backlog.watched == [OTHER]
    assert backlog.size == len("kept")
    assert take_all(backlog) == ["kept"]


def test_over_the_bound_all_deltas_go_and_every_board_is_shown_anew() -> None:
    backlog = opened(EXAM, OTHER)
    backlog.deliver(OTHER, 11, "other", 0)
    backlog.answer("result")
    overflow(backlog, 5.0)
    assert take_all(backlog) == ["result"]
    backlog.deliver(EXAM, 13, "useless", 5.0)
    assert backlog.take() is None
    assert backlog.take_due(5.9) == [], "in the middle of a burst"
    assert sorted(backlog.take_due(6.0)) == [EXAM, OTHER]
    assert backlog.take_due(6.0) == []
    for exam in (EXAM, OTHER):
        backlog.open(exam, 20, iter(["part"]))
    assert take_all(backlog) == ["part", "part"]
    assert not backlog.too_slow


def test_boards_are_shown_anew_at_most_every_ten_seconds() -> None:
    backlog = opened(EXAM)
    overflow(backlog, 4.0)
    assert backlog.take_due(5.0) == [EXAM]
    backlog.open(EXAM, 20, iter(()))
    assert backlog.resync_at() is None
    overflow(backlog, 6.0, first=21)
    assert backlog.resync_at() == 15.0
    assert backlog.take_due(14.9) == []
    assert backlog.take_due(15.0) == [EXAM]


def test_the_third_overflow_within_a_minute_is_too_slow() -> None:
    backlog = opened(EXAM)
    for now_s in (0.0, 30.0, 59.0):
        assert not backlog.too_slow
        overflow(backlog, now_s, first=100)
        backlog.open(EXAM, 20, iter(()))
    assert backlog.too_slow


def test_who_catches_up_after_every_burst_is_not_slow() -> None:
    backlog = opened(EXAM)
    for now_s in range(0, 600, 12):
        overflow(backlog, now_s, first=100)
        assert take_all(backlog) == []
        assert backlog.take_due(now_s + 10) == [EXAM]
        backlog.open(EXAM, 20, iter(["part"]))
        assert take_all(backlog) == ["part"]
    assert not backlog.too_slow


def test_nothing_left_to_send_because_all_was_dropped_is_not_catching_up() -> None:
    backlog = opened(EXAM)
    for now_s in (0.0, 15.0, 30.0):
        overflow(backlog, now_s, first=100)
        assert take_all(backlog) == []
        assert backlog.take_due(now_s + 10) == [EXAM]
        backlog.open(EXAM, 20, iter(["part"]))
        assert backlog.take() == "part"
    assert backlog.too_slow


def test_overflows_further_apart_are_borne() -> None:
    backlog = opened(EXAM)
    for now_s in (0.0, 30.0, 60.0, 90.0, 120.0):
        overflow(backlog, now_s, first=100)
        backlog.open(EXAM, 20, iter(()))
    assert not backlog.too_slow


def test_a_board_that_was_never_opened_is_not_shown_anew() -> None:
    backlog = opened(EXAM)
    backlog.watch(OTHER)
    overflow(backlog, 5.0)
    assert backlog.take_due(6.0) == [EXAM]


def test_who_does_not_read_its_answers_is_too_slow() -> None:
    backlog = Backlog()
    for _ in range(4):
        backlog.answer("x" * (ANSWER_BYTES // 4))
    assert not backlog.too_slow
    backlog.answer("x")
    assert backlog.too_slow
    assert backlog.size == ANSWER_BYTES


def test_one_large_answer_alone_makes_nobody_slow() -> None:
    backlog = Backlog()
    backlog.answer("x" * (2 * ANSWER_BYTES))
    backlog.answer("pong")
    assert not backlog.too_slow
    assert backlog.size == 2 * ANSWER_BYTES + len("pong")
    backlog.answer("x" * (2 * ANSWER_BYTES))
    backlog.answer("pong")
    assert backlog.too_slow


def test_live_values_wait_for_the_board_and_then_all_are_wanted() -> None:
    backlog = Backlog()
    backlog.watch(EXAM)
    assert backlog.wants_all(EXAM)
    assert not backlog.can_show(EXAM)
    backlog.open(EXAM, 10, iter(["part"]))
    assert not backlog.can_show(EXAM)
    take_all(backlog)
    assert backlog.can_show(EXAM)
    backlog.show_all(EXAM, ["all 1", "all 2"])
    assert not backlog.wants_all(EXAM)
    backlog.show(EXAM, ["some"])
    assert take_all(backlog) == ["all 1", "all 2", "some"]


def test_live_values_do_not_queue_and_are_made_good_later() -> None:
    backlog = opened(EXAM, delta_bytes=10 * LIVE_ROOM_BYTES)
    backlog.show_all(EXAM, [])
    backlog.deliver(EXAM, 11, "x" * (LIVE_ROOM_BYTES + 1), 0)
    backlog.show(EXAM, ["left out"])
    assert backlog.wants_all(EXAM)
    assert take_all(backlog) == ["x" * (LIVE_ROOM_BYTES + 1)]


def test_live_values_never_overflow() -> None:
    backlog = opened(EXAM, delta_bytes=10)
    backlog.show_all(EXAM, ["x" * 11])
    assert backlog.wants_all(EXAM)
    assert backlog.resync_at() is None


actions = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), st.sampled_from([EXAM, OTHER])),
        st.tuples(st.just("take"), st.none()),
        st.tuples(st.just("wait"), st.none()),
    ),
    max_size=80,
)


@given(actions)
def test_whatever_the_pace_offsets_follow_one_another_and_memory_is_bounded(
    actions: list[tuple[str, UUID | None]],
) -> None:
    """Each frame says which offset it is, a board's first frame which offset it reaches: nothing may be missing."""
    backlog = opened(EXAM, OTHER, delta_bytes=120)
    head = {EXAM: 10, OTHER: 10}
    seen = {EXAM: 10, OTHER: 10}
    now_s = 0.0
    for action, exam in actions:
        now_s += 0.1
        match action, exam:
            case "deliver", UUID():
                head[exam] += 1
                backlog.deliver(exam, head[exam], f"{exam.int} delta {head[exam]:020}", now_s)
            case "take", _:
                read(backlog.take(), seen)
            case _:
                now_s += 10
        for due in backlog.take_due(now_s):
            backlog.open(due, head[due], iter([f"{due.int} board {head[due]}"]))
        assert backlog.size <= 120
    while backlog.resync_at() is not None:
        for due in backlog.take_due(now_s + 10):
            backlog.open(due, head[due], iter([f"{due.int} board {head[due]}"]))
    for frame in take_all(backlog):
        read(frame, seen)
    assert seen == head


def read(frame: str | bytes | None, seen: dict[UUID, int]) -> None:
    if isinstance(frame, str):
        exam, kind, offset = frame.split()
        assert kind == "board" or int(offset) == seen[UUID(int=int(exam))] + 1
        seen[UUID(int=int(exam))] = int(offset)
