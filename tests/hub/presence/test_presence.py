from collections.abc import Callable
from functools import partial
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from db.queries.connections.presence import AttemptPresence, StreamCount
from hub.presence.presence import TURNS, Presence, Sighting
from protocol import console
from tests.hub.exam_room import EXAM, STREAM, Entry

OTHER = UUID(int=2)
NEXT = UUID(int=22)


ixs = st.integers(1, 3)

ADA, BOB = Entry(1), Entry(2, stream_id=NEXT)


def watched(*exams: UUID) -> Presence:
    presence = Presence()
    presence.watch(exams or [EXAM])
    return presence


def shown(presence: Presence, exam: UUID = EXAM, turn: int = 0) -> list[console.Presence]:
    return sorted(presence.take_changes(exam, turn).shown, key=lambda one: one.ix)


def test_who_comes_is_shown_online_and_who_goes_offline() -> None:
    presence = watched()
    presence.opened(ADA, 100)
    assert shown(presence) == [console.Presence(1, online=True, events=0, seen_at=100)]
    presence.closed(ADA, 200)
    assert shown(presence) == [console.Presence(1, online=False, events=0, seen_at=200)]
    assert shown(presence) == []


def test_of_its_own_sockets_a_hub_believes_itself() -> None:
    presence = watched()
    presence.opened(ADA, 100)
    presence.sighted(EXAM, [Sighting(1, ADA.generation, online=True, seen_at=110)])
    presence.recorded(EXAM, [AttemptPresence(1, ADA.generation, online=False, at=120)])
    presence.closed(ADA, 200)
    assert presence.take_news({})[EXAM] == [Sighting(1, 1, online=False, seen_at=200, stream=STREAM)]
    assert [one.online for one in presence.everyone(EXAM)] == [False]


def test_a_hub_tells_nothing_of_a_candidate_who_went_to_another() -> None:
    presence = watched()
    presence.opened(ADA, 100)
    presence.take_news({})
    presence.stored(ADA, 5, 110)
    presence.recorded(EXAM, [AttemptPresence(1, ADA.generation + 1, online=True, at=120)])
    assert presence.take_news({EXAM: [1]}) == {}


def test_counts_wait_for_their_turn_unless_looked_at_closely() -> None:
    presence = watched()
    presence.opened(ADA, 100)
    shown(presence)
    presence.stored(ADA, 5, 110)
    presence.stored(ADA, 7, 120)
    changes = presence.take_changes(EXAM, 0)
    assert (changes.shown, changes.close) == ([], {1})
    assert presence.some(EXAM, [1, 99]) == [console.Presence(1, online=True, events=7, seen_at=120)]
    assert presence.take_changes(EXAM, 0).close == frozenset()
    assert [shown(presence, turn=turn) for turn in range(TURNS) if turn != 1] == [[]] * (TURNS - 1)
    assert shown(presence, turn=TURNS + 1) == presence.everyone(EXAM)
    assert shown(presence, turn=1) == []


def test_a_class_takes_its_turns_spread_over_all_beats() -> None:
    presence = watched()
    for ix in range(1, 1 + 10 * TURNS):
        presence.opened(Entry(ix), 100)
    shown(presence)
    for ix in range(1, 1 + 10 * TURNS):
        presence.stored(Entry(ix), 1, 110)
    assert [len(shown(presence, turn=turn)) for turn in range(TURNS)] == [10] * TURNS


def test_a_resumed_stream_goes_on_counting_where_it_was() -> None:
    presence = watched()
    presence.opened(Entry(committed=40), 100)
    presence.stored(ADA, 41, 110)
    presence.stored(ADA, 41, 110)
    assert presence.everyone(EXAM)[0].events == 41


def test_an_attempt_counts_what_all_its_streams_hold() -> None:
    presence = watched()
    presence.opened(Entry(committed=40), 100)
    presence.opened(Entry(generation=2, stream_id=NEXT), 200)
    presence.stored(Entry(generation=2, stream_id=NEXT), 2, 210)
    presence.counted([StreamCount(EXAM, 1, UUID(int=23), 100, 50), StreamCount(EXAM, 1, STREAM, 30, 50)])
    assert presence.everyone(EXAM) == [console.Presence(1, online=True, events=142, seen_at=210)]


def test_a_new_socket_that_comes_before_the_old_one_is_gone_stays_online() -> None:
    presence = watched()
    presence.opened(ADA, 100)
    shown(presence)
    presence.opened(Entry(generation=2), 200)
    presence.closed(ADA, 201)
    assert shown(presence) == []
    assert presence.everyone(EXAM) == [console.Presence(1, online=True, events=0, seen_at=200)]


def test_a_candidate_that_went_on_at_another_hub_stays_online_when_the_socket_here_closes() -> None:
    presence = watched()
    presence.opened(ADA, 100)
    presence.sighted(EXAM, [Sighting(1, 2, True, 150, NEXT, 3)])
    presence.closed(ADA, 200)
    assert presence.everyone(EXAM) == [console.Presence(1, online=True, events=3, seen_at=150)]
    presence.recorded(EXAM, [AttemptPresence(1, 2, online=False, at=300)])
    assert not presence.everyone(EXAM)[0].online


def test_the_record_does_not_take_up_a_connection_whose_end_was_told() -> None:
    presence = watched()
    presence.recorded(EXAM, [AttemptPresence(1, 3, online=True, at=100)])
    presence.sighted(EXAM, [Sighting(1, 3, False, 150)])
    shown(presence)
    presence.recorded(EXAM, [AttemptPresence(1, 3, online=True, at=100)])
    presence.sighted(EXAM, [Sighting(1, 3, True, 120)])
    assert shown(presence) == []
    presence.opened(ADA, 400)  # welcomed late: newer ones were there already
    assert not presence.everyone(EXAM)[0].online
    presence.recorded(EXAM, [AttemptPresence(1, 4, online=True, at=500)])
    assert [one.online for one in shown(presence)] == [True]


def test_the_record_does_not_contradict_this_hubs_own_sockets() -> None:
    presence = watched()
    presence.opened(ADA, 100)
    presence.recorded(EXAM, [AttemptPresence(1, 1, online=False, at=90)])
    assert presence.everyone(EXAM)[0].online


def test_a_hub_whose_lease_came_back_is_believed_again() -> None:
    presence = watched()
    for online in (True, False, True):
        presence.recorded(EXAM, [AttemptPresence(1, 1, online=online, at=100)])
        assert [one.online for one in shown(presence)] == [online]


def test_what_the_record_says_first_is_shown_at_once() -> None:
    presence = watched()
    presence.recorded(EXAM, [AttemptPresence(1, 1, online=False, at=90), AttemptPresence(2, 1, online=True, at=95)])
    presence.counted([StreamCount(EXAM, 1, STREAM, 12, 80), StreamCount(EXAM, 9, STREAM, 12, 80)], at_once=True)
    assert shown(presence) == [
        console.Presence(1, online=False, events=12, seen_at=90),
        console.Presence(2, online=True, events=0, seen_at=95),
    ]
    assert sorted(presence.known(EXAM)) == [1, 2]


def test_exams_do_not_see_each_other() -> None:
    presence = watched(EXAM, OTHER)
    presence.opened(ADA, 100)
    presence.opened(Entry(1, exam_id=OTHER), 100)
    assert len(presence.everyone(EXAM)) == len(shown(presence)) == len(shown(presence, OTHER)) == 1
    assert presence.everyone(UUID(int=3)) == presence.some(UUID(int=3), [1]) == shown(presence, UUID(int=3)) == []


def test_what_is_not_known_changes_nothing() -> None:
    presence = Presence()
    presence.stored(ADA, 5, 100)
    presence.closed(ADA, 100)
    presence.sighted(EXAM, [Sighting(1, 1, True, 100)])
    presence.recorded(EXAM, [AttemptPresence(1, 1, online=True, at=100)])
    presence.counted([StreamCount(EXAM, 1, STREAM, 12, 80)])
    assert presence.everyone(EXAM) == presence.known(EXAM) == []


def test_of_an_exam_nobody_watches_only_who_is_here_is_remembered() -> None:
    presence = watched()
    presence.opened(ADA, 100)
    presence.opened(BOB, 100)
    presence.recorded(EXAM, [AttemptPresence(3, 1, online=True, at=90)])
    assert presence.watch([OTHER]) == {OTHER}
    assert sorted(presence.known(EXAM)) == [1, 2]
    presence.closed(BOB, 200)
    presence.stored(ADA, 9, 210)
    assert presence.watch([EXAM, OTHER]) == {EXAM}
    assert presence.everyone(EXAM) == [console.Presence(1, online=True, events=9, seen_at=210)]
    presence.watch([])
    presence.closed(ADA, 300)
    presence.take_news({})
    assert presence._rooms == {}


def test_other_hubs_are_told_of_comings_and_goings_and_counts_they_asked_for() -> None:
    presence = Presence()
    presence.opened(ADA, 100)
    presence.opened(BOB, 100)
    assert presence.take_news({}) == {EXAM: [Sighting(1, 1, True, 100, STREAM, 0), Sighting(2, 1, True, 100, NEXT, 0)]}
    presence.stored(ADA, 4, 110)
    presence.stored(BOB, 5, 110)
    assert presence.take_news({EXAM: [2], OTHER: [1]}) == {EXAM: [Sighting(2, 1, True, 110, NEXT, 5)]}
    presence.closed(BOB, 200)
    assert presence.take_news({}) == {EXAM: [Sighting(2, 1, False, 200, NEXT, 5)]}
    assert presence.take_news({EXAM: [1, 2]}) == {}


class TwoHubs(RuleBasedStateMachine):
    """Sockets open at either hub, their generations rising; what is told or looked up arrives late, twice, or never.

    When both have looked at the record, both hubs, and a console that followed the first, show just that.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hubs = [watched(), watched()]
        self.at_ms = 0
        self.newest: dict[int, tuple[int, Entry]] = {}
        """By attempt: its newest socket, and at which hub it is."""
        self.open: set[Entry] = set()
        self.stored: dict[Entry, int] = {}
        self.waiting: list[Callable[[], None]] = []
        self.held: dict[int, console.Presence] = {}

    @rule(ix=ixs, at=st.integers(0, 1))
    def come(self, ix: int, at: int) -> None:
        self.at_ms += 1
        before = self.newest.get(ix)
        generation = 1 if before is None else before[1].generation + 1
        entry = Entry(ix, generation, stream_id=UUID(int=100 * ix + generation))
        self.newest[ix] = (at, entry)
        self.open.add(entry)
        self.hubs[at].opened(entry, self.at_ms)
        if before is not None and before[1] in self.open:
            self.open.discard(before[1])
            self.waiting.append(lambda: self.hubs[before[0]].closed(before[1], self.at_ms))

    @rule(ix=ixs)
    def go(self, ix: int) -> None:
        self.at_ms += 1
        if ix in self.newest and self.newest[ix][1] in self.open:
            at, entry = self.newest[ix]
            self.open.discard(entry)
            self.hubs[at].closed(entry, self.at_ms)

    @rule(ix=ixs)
    def store(self, ix: int) -> None:
        self.at_ms += 1
        if ix in self.newest:
            at, entry = self.newest[ix]
            self.stored[entry] = self.stored.get(entry, 0) + 1
            self.hubs[at].stored(entry, self.stored[entry], self.at_ms)

    @rule(asked=st.sets(ixs))
    def tell(self, asked: set[int]) -> None:
        for publisher, hearer in (self.hubs, self.hubs[::-1]):
            self.waiting += [
                partial(hearer.sighted, EXAM, told) for told in publisher.take_news({EXAM: asked}).values()
            ]

    @rule(at=st.integers(0, 1))
    def look(self, at: int) -> None:
        self.waiting.append(partial(self.hubs[at].recorded, EXAM, self.record()))

    @precondition(lambda self: self.waiting)
    @rule(pick=st.integers(0, 99), again=st.booleans())
    def hear(self, pick: int, again: bool) -> None:
        act = self.waiting[pick % len(self.waiting)]
        act()
        if not again:
            self.waiting.remove(act)

    @rule()
    def beat(self) -> None:
        self.follow(self.at_ms)

    def teardown(self) -> None:
        for hub in self.hubs:
            hub.recorded(EXAM, self.record())
            hub.counted([StreamCount(EXAM, one.ix, one.stream_id, seq, 0) for one, seq in self.stored.items()])
        for turn in range(TURNS):
            self.follow(turn)
        truth = {
            (ix, entry in self.open, sum(seq for one, seq in self.stored.items() if one.ix == ix))
            for ix, (_, entry) in self.newest.items()
        }
        for values in (self.hubs[0].everyone(EXAM), self.hubs[1].everyone(EXAM), self.held.values()):
            assert {(one.ix, one.online, one.events) for one in values} == truth

    def record(self) -> list[AttemptPresence]:
        return [
            AttemptPresence(ix, entry.generation, online=entry in self.open, at=self.at_ms)
            for ix, (_, entry) in self.newest.items()
        ]

    def follow(self, turn: int) -> None:
        self.held.update((one.ix, one) for one in self.hubs[0].take_changes(EXAM, turn).shown)


def test_hubs_that_hear_of_each_other_late_twice_and_out_of_order_show_the_record() -> None:
    run_state_machine_as_test(TwoHubs, settings=settings(max_examples=100, stateful_step_count=30, deadline=None))
