from hypothesis import given
from hypothesis import strategies as st

from hub.auth.fair_queue import FairQueue, Lane, Shares

ATTACKER, SCHOOL, LAPTOP = Lane("198.51.100.1"), Lane("203.0.113.7"), Lane("laptop", is_known=True)


def take_all(queue: FairQueue[int]) -> list[tuple[Lane, int]]:
    taken = []
    while (entry := queue.take()) is not None:
        taken.append(entry)
        queue.finish(entry[0])
    return taken


def test_addresses_take_turns() -> None:
    queue: FairQueue[int] = FairQueue()
    assert [queue.put(ATTACKER, number) for number in range(6)] == [True] * 4 + [False] * 2
    queue.put(SCHOOL, 10)
    queue.put(SCHOOL, 11)
    assert [item for _, item in take_all(queue)] == [0, 10, 1, 11, 2, 3]
    assert len(queue) == 0


def test_a_running_item_keeps_its_place_in_the_share() -> None:
    queue: FairQueue[int] = FairQueue(Shares(per_lane=1))
    queue.put(SCHOOL, 1)
    assert queue.take() == (SCHOOL, 1)
    assert not queue.put(SCHOOL, 2)
    queue.finish(SCHOOL)
    assert queue.put(SCHOOL, 2)


def test_a_known_device_has_every_second_turn_and_its_own_share() -> None:
    queue: FairQueue[int] = FairQueue(Shares(strangers=100))
    strangers = [Lane(str(number)) for number in range(200)]
    assert sum(queue.put(lane, 0) for lane in strangers) == 100
    assert queue.put(LAPTOP, 1)
    assert queue.put(LAPTOP, 2)
    first = [queue.take() for _ in range(4)]
    assert [entry is not None and entry[1] for entry in first] == [1, 0, 2, 0]


def test_what_is_abandoned_is_never_taken() -> None:
    queue: FairQueue[int] = FairQueue()
    for number in range(3):
        queue.put(ATTACKER, number)
    assert queue.take() == (ATTACKER, 0)
    assert queue.remove(ATTACKER, 1)
    assert not queue.remove(ATTACKER, 1)
    assert not queue.remove(ATTACKER, 0)
    assert queue.take() == (ATTACKER, 2)
    assert queue.take() is None
    assert len(queue) == 2


LANES = st.builds(Lane, st.sampled_from("abcdef"), st.booleans())


@given(st.lists(st.tuples(LANES, st.sampled_from(["put", "take", "remove"])), max_size=200))
def test_no_lane_waits_longer_than_one_turn_of_all_others(steps: list[tuple[Lane, str]]) -> None:
    queue: FairQueue[int] = FairQueue(Shares(per_lane=3, strangers=9, known=6))
    waiting: dict[Lane, list[int]] = {}
    overtaken: dict[Lane, int] = {}
    running: list[Lane] = []
    for number, (lane, action) in enumerate(steps):
        if action == "put" and queue.put(lane, number):
            waiting.setdefault(lane, []).append(number)
            overtaken.setdefault(lane, 0)
        elif action == "remove" and waiting.get(lane):
            assert queue.remove(lane, waiting[lane].pop())
        elif action == "take":
            entry = queue.take()
            assert (entry is None) is (not any(waiting.values()))
            if entry is not None:
                assert waiting[entry[0]].pop(0) == entry[1]
                running.append(entry[0])
                for other in waiting:
                    overtaken[other] = 0 if other == entry[0] or not waiting[other] else overtaken[other] + 1
                # Twelve lanes at most, and a stranger waits for two turns of each.
                assert max(overtaken.values()) <= 24
        assert len(queue) == sum(len(items) for items in waiting.values()) + len(running)
        assert all(len(items) <= 3 for items in waiting.values())
    for lane in running:
        queue.finish(lane)
    assert len(queue) == sum(len(items) for items in waiting.values())
