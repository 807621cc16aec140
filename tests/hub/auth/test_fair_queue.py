from hypothesis import given
from hypothesis import strategies as st

from hub.auth.fair_queue import FairQueue, Lane, Queued, Shares

ATTACKER, SCHOOL, LAPTOP = Lane("198.51.100.1"), Lane("203.0.113.7"), Lane("laptop", is_known=True)


def take_all(queue: FairQueue[int]) -> list[int]:
    taken = []
    while (entry := queue.take()) is not None:
        taken.append(entry.item)
        queue.finish(entry.lane)
    return taken


def test_networks_take_turns() -> None:
    queue: FairQueue[int] = FairQueue()
    assert [queue.put(ATTACKER, number) for number in range(4)] == [None] * 4
    queue.put(SCHOOL, 10)
    queue.put(SCHOOL, 11)
    assert take_all(queue) == [0, 10, 1, 11, 2, 3]
    assert len(queue) == 0


def test_a_network_may_use_all_places_while_no_other_network_waits() -> None:
    queue: FairQueue[int] = FairQueue(Shares(strangers=30))
    assert [queue.put(SCHOOL, number) for number in range(30)] == [None] * 30
    assert queue.put(SCHOOL, 30) == Queued(SCHOOL, 30)
    assert take_all(queue) == list(range(30))


def test_another_network_gets_the_place_of_the_last_of_the_greediest() -> None:
    queue: FairQueue[int] = FairQueue(Shares(strangers=6))
    for number in range(6):
        queue.put(ATTACKER, number)
    places = [queue.put(SCHOOL, number) for number in range(10, 14)]
    assert places == [Queued(ATTACKER, 5), Queued(ATTACKER, 4), Queued(ATTACKER, 3), Queued(SCHOOL, 13)]
    assert queue.put(ATTACKER, 6) == Queued(ATTACKER, 6)
    assert take_all(queue) == [0, 10, 1, 11, 2, 12]


def test_what_runs_keeps_its_place_and_is_not_displaced() -> None:
    queue: FairQueue[int] = FairQueue(Shares(strangers=2))
    queue.put(ATTACKER, 0)
    queue.put(ATTACKER, 1)
    assert [queue.take(), queue.take()] == [Queued(ATTACKER, 0), Queued(ATTACKER, 1)]
    assert queue.put(SCHOOL, 10) == Queued(SCHOOL, 10)
    queue.finish(ATTACKER)
    assert queue.put(SCHOOL, 10) is None


def test_a_known_device_has_a_bounded_share_that_strangers_cannot_use() -> None:
    queue: FairQueue[int] = FairQueue(Shares(per_device=2, strangers=0, known=3))
    assert queue.put(SCHOOL, 0) == Queued(SCHOOL, 0)
    phone = Lane("phone", is_known=True)
    assert [queue.put(lane, 1) is None for lane in (LAPTOP, LAPTOP, LAPTOP, phone, phone)] == [
        *(True, True, False, True, False)
    ]


def test_a_known_device_has_every_second_turn_and_its_own_share() -> None:
    queue: FairQueue[int] = FairQueue(Shares(strangers=100))
    strangers = [Lane(str(number)) for number in range(200)]
    assert sum(queue.put(lane, 0) is None for lane in strangers) == 100
    assert queue.put(LAPTOP, 1) is None
    assert queue.put(LAPTOP, 2) is None
    first = [queue.take() for _ in range(4)]
    assert [entry is not None and entry.item for entry in first] == [1, 0, 2, 0]


def test_what_is_abandoned_is_never_taken() -> None:
    queue: FairQueue[int] = FairQueue()
    for number in range(3):
        queue.put(ATTACKER, number)
    assert queue.take() == Queued(ATTACKER, 0)
    assert queue.remove(ATTACKER, 1)
    assert not queue.remove(ATTACKER, 1)
    assert not queue.remove(ATTACKER, 0)
    assert queue.take() == Queued(ATTACKER, 2)
    assert queue.take() is None
    assert len(queue) == 2


LANES = st.builds(Lane, st.sampled_from("abcdef"), st.booleans())
STEPS = st.lists(st.tuples(LANES, st.sampled_from(["put", "put", "take", "remove", "finish"])), max_size=200)
SMALL = Shares(per_device=3, strangers=9, known=6)


class Model:
    """A queue, and what should be in it."""

    def __init__(self) -> None:
        self.queue: FairQueue[int] = FairQueue(SMALL)
        self.waiting: dict[Lane, list[int]] = {}
        self.running: list[Lane] = []
        self.overtaken: dict[Lane, int] = {}

    def held(self, lane: Lane) -> int:
        return len(self.waiting.get(lane, ())) + self.running.count(lane)

    def total(self, *, is_known: bool) -> int:
        lanes = {*self.waiting, *self.running}
        return sum(self.held(lane) for lane in lanes if lane.is_known is is_known)

    def put(self, lane: Lane, item: int) -> None:
        total = self.total(is_known=lane.is_known)
        is_full = total == (SMALL.known if lane.is_known else SMALL.strangers)
        mine, most = self.held(lane), max((self.held(other) for other in self._with_waiting()), default=0)
        out = self.queue.put(lane, item)
        if out is None:
            assert not is_full
        elif out.lane == lane:
            assert (out.item, is_full or lane.is_known) == (item, True)
            assert mine == SMALL.per_device or is_full
            assert lane.is_known or most <= mine + 1
            return
        else:
            assert is_full
            assert not lane.is_known
            assert self.held(out.lane) == most
            assert self.waiting[out.lane].pop() == out.item
            assert mine + 1 <= self.held(out.lane)
        self.waiting.setdefault(lane, []).append(item)

    def remove(self, lane: Lane) -> None:
        if self.waiting.get(lane):
            assert self.queue.remove(lane, self.waiting[lane].pop())

    def take(self) -> None:
        entry = self.queue.take()
        assert (entry is None) is (not any(self.waiting.values()))
        if entry is None:
            return
        assert self.waiting[entry.lane].pop(0) == entry.item
        self.running.append(entry.lane)
        for lane, items in self.waiting.items():
            waits = items and lane != entry.lane
            self.overtaken[lane] = self.overtaken.get(lane, 0) + 1 if waits else 0
        # There are twelve lanes, and a stranger waits for two turns of each.
        assert max(self.overtaken.values()) <= 24

    def finish(self) -> None:
        if self.running:
            self.queue.finish(self.running.pop())

    def _with_waiting(self) -> list[Lane]:
        return [lane for lane, items in self.waiting.items() if items and not lane.is_known]


@given(STEPS)
def test_places_are_shared_fairly_and_no_lane_waits_longer_than_one_turn_of_all(steps: list[tuple[Lane, str]]) -> None:
    model = Model()
    for number, (lane, action) in enumerate(steps):
        if action == "put":
            model.put(lane, number)
        elif action == "remove":
            model.remove(lane)
        elif action == "take":
            model.take()
        else:
            model.finish()
        assert len(model.queue) == model.total(is_known=True) + model.total(is_known=False)
        assert model.total(is_known=False) <= SMALL.strangers
        assert model.total(is_known=True) <= SMALL.known
