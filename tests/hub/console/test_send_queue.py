from collections.abc import Iterator
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from hub.console.send_queue import LIVE_BYTES, REPLY_BYTES, SendQueue

EXAM, OTHER = UUID(int=1), UUID(int=2)


def take_all(queue: SendQueue) -> list[str | bytes]:
    taken = []
    while (frame := queue.take()) is not None:
        taken.append(frame)
    return taken


def opened(*exams: UUID, delta_bytes: int = 100) -> SendQueue:
    """A queue with boards sent up to offset 10 and nothing queued."""
    queue = SendQueue(delta_bytes)
    for exam in exams:
        queue.watch(exam)
        queue.open(exam, 10, iter(()))
    take_all(queue)
    return queue


def overflow(queue: SendQueue, now_s: float, *, first: int = 11) -> None:
    queue.send_delta(EXAM, first, "x" * 60, now_s)
    queue.send_delta(EXAM, first + 1, "x" * 60, now_s)


def test_replies_come_first_then_boards_then_deltas() -> None:
    queue = SendQueue()
    queue.watch(EXAM)
    queue.open(EXAM, 10, iter(["part 1", "part 2"]))
    queue.send_delta(EXAM, 11, "delta 11", 0)
    assert queue.take() == "part 1"
    queue.reply("pong")
    assert take_all(queue) == ["pong", "part 2", "delta 11"]
    assert queue.size == 0


def test_all_live_values_of_a_large_exam_are_sent() -> None:
    queue = opened(EXAM, delta_bytes=1024 * 1024)
    frames = [f"{number}".ljust(LIVE_BYTES // 2) for number in range(5)]
    queue.send_all_values(EXAM, frames)
    assert not queue.needs_all_values(EXAM)
    assert take_all(queue) == frames


def test_parts_are_built_when_they_are_taken() -> None:
    built = []

    def parts() -> Iterator[str]:
        for number in range(3):
            built.append(number)
            yield str(number)

    queue = SendQueue()
    queue.watch(EXAM)
    queue.open(EXAM, 10, parts())
    assert built == []
    assert queue.take() == "0"
    assert built == [0]


def test_deltas_that_the_snapshot_contains_are_left_out() -> None:
    queue = opened(EXAM)
    for offset in (9, 10, 11, 11, 12):
        queue.send_delta(EXAM, offset, str(offset), 0)
    assert take_all(queue) == ["11", "12"]


def test_nothing_is_sent_of_a_board_that_is_not_watched_or_not_opened() -> None:
    queue = SendQueue()
    queue.send_delta(EXAM, 1, "x", 0)
    queue.open(EXAM, 1, iter(["part"]))
    queue.send_values(EXAM, ["live"])
    queue.send_all_values(EXAM, ["live"])
    queue.watch(OTHER)
    queue.send_delta(OTHER, 1, "x", 0)
    queue.send_values(OTHER, ["live"])
    assert take_all(queue) == []


def test_opening_a_board_again_drops_only_its_own_deltas() -> None:
    queue = opened(EXAM, OTHER)
    queue.send_delta(EXAM, 11, "old", 0)
    queue.send_delta(OTHER, 11, "other", 0)
    queue.open(EXAM, 20, iter(["part"]))
    queue.send_delta(EXAM, 21, "new", 0)
    assert take_all(queue) == ["part", "other", "new"]


def test_unwatching_drops_the_queued_deltas() -> None:
    queue = opened(EXAM, OTHER)
    queue.send_delta(EXAM, 11, "gone", 0)
    queue.send_delta(OTHER, 11, "kept", 0)
    queue.unwatch(EXAM)
    assert queue.watched == [OTHER]
    assert queue.size == len("kept")
    assert take_all(queue) == ["kept"]


def test_an_overflow_drops_all_deltas_and_every_board_is_sent_again() -> None:
    queue = opened(EXAM, OTHER)
    queue.send_delta(OTHER, 11, "other", 0)
    queue.reply("result")
    overflow(queue, 5.0)
    assert take_all(queue) == ["result"]
    queue.send_delta(EXAM, 13, "useless", 5.0)
    assert queue.take() is None
    assert queue.take_due(5.9) == [], "in the middle of a burst"
    assert sorted(queue.take_due(6.0)) == [EXAM, OTHER]
    assert queue.take_due(6.0) == []
    for exam in (EXAM, OTHER):
        queue.open(exam, 20, iter(["part"]))
    assert take_all(queue) == ["part", "part"]
    assert not queue.too_slow


def test_boards_are_sent_again_at_most_every_ten_seconds() -> None:
    queue = opened(EXAM)
    overflow(queue, 4.0)
    assert queue.take_due(5.0) == [EXAM]
    queue.open(EXAM, 20, iter(()))
    assert queue.resync_at() is None
    overflow(queue, 6.0, first=21)
    assert queue.resync_at() == 15.0
    assert queue.take_due(14.9) == []
    assert queue.take_due(15.0) == [EXAM]


def test_the_third_overflow_within_a_minute_is_too_slow() -> None:
    queue = opened(EXAM)
    for now_s in (0.0, 30.0, 59.0):
        assert not queue.too_slow
        overflow(queue, now_s, first=100)
        queue.open(EXAM, 20, iter(()))
    assert queue.too_slow


def test_a_console_that_catches_up_after_every_burst_is_not_too_slow() -> None:
    queue = opened(EXAM)
    for now_s in range(0, 600, 12):
        overflow(queue, now_s, first=100)
        assert take_all(queue) == []
        assert queue.take_due(now_s + 10) == [EXAM]
        queue.open(EXAM, 20, iter(["part"]))
        assert take_all(queue) == ["part"]
    assert not queue.too_slow


def test_an_empty_queue_after_a_drop_is_not_catching_up() -> None:
    queue = opened(EXAM)
    for now_s in (0.0, 15.0, 30.0):
        overflow(queue, now_s, first=100)
        assert take_all(queue) == []
        assert queue.take_due(now_s + 10) == [EXAM]
        queue.open(EXAM, 20, iter(["part"]))
        assert queue.take() == "part"
    assert queue.too_slow


def test_overflows_further_apart_are_accepted() -> None:
    queue = opened(EXAM)
    for now_s in (0.0, 30.0, 60.0, 90.0, 120.0):
        overflow(queue, now_s, first=100)
        queue.open(EXAM, 20, iter(()))
    assert not queue.too_slow


def test_a_board_that_was_never_opened_is_not_sent_again() -> None:
    queue = opened(EXAM)
    queue.watch(OTHER)
    overflow(queue, 5.0)
    assert queue.take_due(6.0) == [EXAM]


def test_a_console_with_too_many_unread_replies_is_too_slow() -> None:
    queue = SendQueue()
    for _ in range(4):
        queue.reply("x" * (REPLY_BYTES // 4))
    was_too_slow = queue.too_slow
    queue.reply("x")
    assert (was_too_slow, queue.too_slow) == (False, True)
    assert queue.size == REPLY_BYTES


def test_one_large_reply_alone_is_not_too_slow() -> None:
    queue = SendQueue()
    queue.reply("x" * (2 * REPLY_BYTES))
    queue.reply("pong")
    assert not queue.too_slow
    assert queue.size == 2 * REPLY_BYTES + len("pong")
    queue.reply("x" * (2 * REPLY_BYTES))
    queue.reply("pong")
    assert queue.too_slow


def test_live_values_wait_for_the_board_and_then_all_are_needed() -> None:
    queue = SendQueue()
    queue.watch(EXAM)
    assert queue.needs_all_values(EXAM)
    assert not queue.can_send_values(EXAM)
    queue.open(EXAM, 10, iter(["part"]))
    assert not queue.can_send_values(EXAM)
    take_all(queue)
    assert queue.can_send_values(EXAM)
    queue.send_all_values(EXAM, ["all 1", "all 2"])
    assert not queue.needs_all_values(EXAM)
    queue.send_values(EXAM, ["some"])
    assert take_all(queue) == ["all 1", "all 2", "some"]


def test_live_values_are_not_queued_behind_many_deltas_and_all_are_needed_later() -> None:
    queue = opened(EXAM, delta_bytes=10 * LIVE_BYTES)
    queue.send_all_values(EXAM, [])
    queue.send_delta(EXAM, 11, "x" * (LIVE_BYTES + 1), 0)
    queue.send_values(EXAM, ["left out"])
    assert queue.needs_all_values(EXAM)
    assert take_all(queue) == ["x" * (LIVE_BYTES + 1)]


def test_live_values_never_overflow() -> None:
    queue = opened(EXAM, delta_bytes=10)
    queue.send_all_values(EXAM, ["x" * 11])
    assert queue.needs_all_values(EXAM)
    assert queue.resync_at() is None


actions = st.lists(
    st.one_of(
        st.tuples(st.just("send_delta"), st.sampled_from([EXAM, OTHER])),
        st.tuples(st.just("take"), st.none()),
        st.tuples(st.just("wait"), st.none()),
    ),
    max_size=80,
)


@given(actions)
def test_offsets_are_consecutive_and_memory_is_bounded_at_any_pace(
    actions: list[tuple[str, UUID | None]],
) -> None:
    """Each delta names its offset, and a board's frame the offset it reaches: none may be missing."""
    queue = opened(EXAM, OTHER, delta_bytes=120)
    head = {EXAM: 10, OTHER: 10}
    received = {EXAM: 10, OTHER: 10}
    now_s = 0.0
    for action, exam in actions:
        now_s += 0.1
        match action, exam:
            case "send_delta", UUID():
                head[exam] += 1
                queue.send_delta(exam, head[exam], f"{exam.int} delta {head[exam]:020}", now_s)
            case "take", _:
                read(queue.take(), received)
            case _:
                now_s += 10
        for due in queue.take_due(now_s):
            queue.open(due, head[due], iter([f"{due.int} board {head[due]}"]))
        assert queue.size <= 120
    while queue.resync_at() is not None:
        for due in queue.take_due(now_s + 10):
            queue.open(due, head[due], iter([f"{due.int} board {head[due]}"]))
    for frame in take_all(queue):
        read(frame, received)
    assert received == head


def read(frame: str | bytes | None, received: dict[UUID, int]) -> None:
    if isinstance(frame, str):
        exam, kind, offset = frame.split()
        assert kind == "board" or int(offset) == received[UUID(int=int(exam))] + 1
        received[UUID(int=int(exam))] = int(offset)
