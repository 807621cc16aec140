from collections.abc import Callable
from functools import partial
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from db.queries.connections.presence import AttemptPresence, StreamCount
from hub.presence.presence import COUNT_SHARES, HubPresence, PresenceUpdate
from protocol import console
from tests.hub.exam_room import EXAM, STREAM, FakeConnection

OTHER = UUID(int=2)
NEXT = UUID(int=22)


ixs = st.integers(1, 3)

ADA, BOB = FakeConnection(1), FakeConnection(2, stream_id=NEXT)


def watched(*exams: UUID) -> HubPresence:
    presence = HubPresence()
    presence.watch(exams or [EXAM])
    return presence


def sent(presence: HubPresence, exam: UUID = EXAM, share: int = 0) -> list[console.Presence]:
    return sorted(presence.take_changes(exam, share).values, key=lambda value: value.ix)


def test_an_attempt_is_online_from_its_connection_to_the_end_of_it() -> None:
    presence = watched()
    presence.opened(ADA, 100)
    assert sent(presence) == [console.Presence(1, online=True, events=0, seen_at=100)]
    presence.closed(ADA, 200)
    assert sent(presence) == [console.Presence(1, online=False, events=0, seen_at=200)]
    assert sent(presence) == []


def test_reports_from_elsewhere_do_not_change_a_local_connection() -> None:
    presence = watched()
    presence.opened(ADA, 100)
    presence.merge_updates(EXAM, [PresenceUpdate(1, ADA.generation, online=True, seen_at=110)])
    presence.merge_connections(EXAM, [AttemptPresence(1, ADA.generation, online=False, at=120)])
    presence.closed(ADA, 200)
    assert presence.take_updates({})[EXAM] == [PresenceUpdate(1, 1, online=False, seen_at=200, stream=STREAM)]
    assert [value.online for value in presence.all_values(EXAM)] == [False]


def test_a_hub_reports_nothing_about_a_candidate_that_moved_to_another_hub() -> None:
    presence = watched()
    presence.opened(ADA, 100)
    presence.take_updates({})
    presence.stored(ADA, 5, 110)
    presence.merge_connections(EXAM, [AttemptPresence(1, ADA.generation + 1, online=True, at=120)])
    assert presence.take_updates({EXAM: [1]}) == {}


def test_counts_are_sent_with_their_share_and_at_once_for_attempts_in_focus() -> None:
    presence = watched()
    presence.opened(ADA, 100)
    sent(presence)
    presence.stored(ADA, 5, 110)
    presence.stored(ADA, 7, 120)
    changes = presence.take_changes(EXAM, 0)
    assert (changes.values, changes.counted) == ([], frozenset({1}))
    assert presence.values_of(EXAM, [1, 99]) == [console.Presence(1, online=True, events=7, seen_at=120)]
    assert presence.take_changes(EXAM, 0).counted == frozenset()
    assert [sent(presence, share=share) for share in range(COUNT_SHARES) if share != 1] == [[]] * (COUNT_SHARES - 1)
    assert sent(presence, share=COUNT_SHARES + 1) == presence.all_values(EXAM)
    assert sent(presence, share=1) == []


def test_the_counts_of_an_exam_are_spread_over_all_broadcasts() -> None:
    presence = watched()
    for ix in range(1, 1 + 10 * COUNT_SHARES):
        presence.opened(FakeConnection(ix), 100)
    sent(presence)
    for ix in range(1, 1 + 10 * COUNT_SHARES):
        presence.stored(FakeConnection(ix), 1, 110)
    assert [len(sent(presence, share=share)) for share in range(COUNT_SHARES)] == [10] * COUNT_SHARES


def test_a_resumed_stream_continues_its_count() -> None:
    presence = watched()
    presence.opened(FakeConnection(committed=40), 100)
    presence.stored(ADA, 41, 110)
    presence.stored(ADA, 41, 110)
    assert presence.all_values(EXAM)[0].events == 41


def test_an_attempt_counts_the_events_of_all_its_streams() -> None:
    presence = watched()
    presence.opened(FakeConnection(committed=40), 100)
    presence.opened(FakeConnection(generation=2, stream_id=NEXT), 200)
    presence.stored(FakeConnection(generation=2, stream_id=NEXT), 2, 210)
    presence.merge_streams([StreamCount(EXAM, 1, UUID(int=23), 100, 50), StreamCount(EXAM, 1, STREAM, 30, 50)])
    assert presence.all_values(EXAM) == [console.Presence(1, online=True, events=142, seen_at=210)]


def test_an_attempt_stays_online_when_an_older_connection_ends() -> None:
    presence = watched()
    presence.opened(ADA, 100)
    sent(presence)
    presence.opened(FakeConnection(generation=2), 200)
    presence.closed(ADA, 201)
    assert sent(presence) == []
    assert presence.all_values(EXAM) == [console.Presence(1, online=True, events=0, seen_at=200)]


def test_a_candidate_that_moved_to_another_hub_stays_online_when_its_local_connection_ends() -> None:
    presence = watched()
    presence.opened(ADA, 100)
    presence.merge_updates(EXAM, [PresenceUpdate(1, 2, True, 150, NEXT, 3)])
    presence.closed(ADA, 200)
    assert presence.all_values(EXAM) == [console.Presence(1, online=True, events=3, seen_at=150)]
    presence.merge_connections(EXAM, [AttemptPresence(1, 2, online=False, at=300)])
    assert not presence.all_values(EXAM)[0].online


def test_the_database_does_not_undo_the_end_of_a_connection() -> None:
    presence = watched()
    presence.merge_connections(EXAM, [AttemptPresence(1, 3, online=True, at=100)])
    presence.merge_updates(EXAM, [PresenceUpdate(1, 3, False, 150)])
    sent(presence)
    presence.merge_connections(EXAM, [AttemptPresence(1, 3, online=True, at=100)])
    presence.merge_updates(EXAM, [PresenceUpdate(1, 3, True, 120)])
    assert sent(presence) == []
    presence.opened(ADA, 400)  # an older connection, welcomed late
    assert not presence.all_values(EXAM)[0].online
    presence.merge_connections(EXAM, [AttemptPresence(1, 4, online=True, at=500)])
    assert [value.online for value in sent(presence)] == [True]


def test_the_database_does_not_change_a_local_connection() -> None:
    presence = watched()
    presence.opened(ADA, 100)
    presence.merge_connections(EXAM, [AttemptPresence(1, 1, online=False, at=90)])
    assert presence.all_values(EXAM)[0].online


def test_a_connection_is_online_again_after_its_hub_renewed_its_lease() -> None:
    presence = watched()
    for online in (True, False, True):
        presence.merge_connections(EXAM, [AttemptPresence(1, 1, online=online, at=100)])
        assert [value.online for value in sent(presence)] == [online]


def test_the_first_values_from_the_database_are_sent_at_once() -> None:
    presence = watched()
    presence.merge_connections(
        EXAM, [AttemptPresence(1, 1, online=False, at=90), AttemptPresence(2, 1, online=True, at=95)]
    )
    presence.merge_streams([StreamCount(EXAM, 1, STREAM, 12, 80), StreamCount(EXAM, 9, STREAM, 12, 80)], send_now=True)
    assert sent(presence) == [
        console.Presence(1, online=False, events=12, seen_at=90),
        console.Presence(2, online=True, events=0, seen_at=95),
    ]
    assert sorted(presence.known_attempts(EXAM)) == [1, 2]


def test_exams_are_independent() -> None:
    presence = watched(EXAM, OTHER)
    presence.opened(ADA, 100)
    presence.opened(FakeConnection(1, exam_id=OTHER), 100)
    assert len(presence.all_values(EXAM)) == len(sent(presence)) == len(sent(presence, OTHER)) == 1
    assert presence.all_values(UUID(int=3)) == presence.values_of(UUID(int=3), [1]) == sent(presence, UUID(int=3)) == []


def test_reports_about_unknown_or_unwatched_exams_change_nothing() -> None:
    presence = HubPresence()
    presence.stored(ADA, 5, 100)
    presence.closed(ADA, 100)
    presence.merge_updates(EXAM, [PresenceUpdate(1, 1, True, 100)])
    presence.merge_connections(EXAM, [AttemptPresence(1, 1, online=True, at=100)])
    presence.merge_streams([StreamCount(EXAM, 1, STREAM, 12, 80)])
    assert presence.all_values(EXAM) == []
    assert presence.known_attempts(EXAM) == []


def test_only_local_candidates_are_kept_of_an_exam_that_is_not_watched() -> None:
    presence = watched()
    presence.opened(ADA, 100)
    presence.opened(BOB, 100)
    presence.merge_connections(EXAM, [AttemptPresence(3, 1, online=True, at=90)])
    assert presence.watch([OTHER]) == {OTHER}
    assert sorted(presence.known_attempts(EXAM)) == [1, 2]
    presence.closed(BOB, 200)
    presence.stored(ADA, 9, 210)
    assert presence.watch([EXAM, OTHER]) == {EXAM}
    assert presence.all_values(EXAM) == [console.Presence(1, online=True, events=9, seen_at=210)]
    presence.watch([])
    presence.closed(ADA, 300)
    presence.take_updates({})
    assert presence._exams == {}


def test_other_hubs_get_connection_changes_and_the_counts_they_requested() -> None:
    presence = HubPresence()
    presence.opened(ADA, 100)
    presence.opened(BOB, 100)
    assert presence.take_updates({}) == {
        EXAM: [PresenceUpdate(1, 1, True, 100, STREAM, 0), PresenceUpdate(2, 1, True, 100, NEXT, 0)]
    }
    presence.stored(ADA, 4, 110)
    presence.stored(BOB, 5, 110)
    assert presence.take_updates({EXAM: [2], OTHER: [1]}) == {EXAM: [PresenceUpdate(2, 1, True, 110, NEXT, 5)]}
    presence.closed(BOB, 200)
    assert presence.take_updates({}) == {EXAM: [PresenceUpdate(2, 1, False, 200, NEXT, 5)]}
    assert presence.take_updates({EXAM: [1, 2]}) == {}


class TwoHubs(RuleBasedStateMachine):
    """Connections open at either hub with rising generations; reports arrive late, twice, or never.

    After both hubs have polled the database, both, and a console that followed the first, show its values.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hubs = [watched(), watched()]
        self.at_ms = 0
        self.newest: dict[int, tuple[int, FakeConnection]] = {}
        """The newest connection of each attempt, and its hub."""
        self.open: set[FakeConnection] = set()
        self.stored: dict[FakeConnection, int] = {}
        self.waiting: list[Callable[[], None]] = []
        self.console: dict[int, console.Presence] = {}

    @rule(ix=ixs, at=st.integers(0, 1))
    def connect(self, ix: int, at: int) -> None:
        self.at_ms += 1
        before = self.newest.get(ix)
        generation = 1 if before is None else before[1].generation + 1
        newest = FakeConnection(ix, generation, stream_id=UUID(int=100 * ix + generation))
        self.newest[ix] = (at, newest)
        self.open.add(newest)
        self.hubs[at].opened(newest, self.at_ms)
        if before is not None and before[1] in self.open:
            self.open.discard(before[1])
            self.waiting.append(lambda: self.hubs[before[0]].closed(before[1], self.at_ms))

    @rule(ix=ixs)
    def disconnect(self, ix: int) -> None:
        self.at_ms += 1
        if ix in self.newest and self.newest[ix][1] in self.open:
            at, newest = self.newest[ix]
            self.open.discard(newest)
            self.hubs[at].closed(newest, self.at_ms)

    @rule(ix=ixs)
    def store(self, ix: int) -> None:
        self.at_ms += 1
        if ix in self.newest:
            at, newest = self.newest[ix]
            self.stored[newest] = self.stored.get(newest, 0) + 1
            self.hubs[at].stored(newest, self.stored[newest], self.at_ms)

    @rule(requested=st.sets(ixs))
    def publish(self, requested: set[int]) -> None:
        for sender, receiver in (self.hubs, self.hubs[::-1]):
            self.waiting += [
                partial(receiver.merge_updates, EXAM, updates)
                for updates in sender.take_updates({EXAM: requested}).values()
            ]

    @rule(at=st.integers(0, 1))
    def poll(self, at: int) -> None:
        self.waiting.append(partial(self.hubs[at].merge_connections, EXAM, self.stored_connections()))

    @precondition(lambda self: self.waiting)
    @rule(pick=st.integers(0, 99), again=st.booleans())
    def deliver(self, pick: int, again: bool) -> None:
        act = self.waiting[pick % len(self.waiting)]
        act()
        if not again:
            self.waiting.remove(act)

    @rule()
    def broadcast(self) -> None:
        self.follow(self.at_ms)

    def teardown(self) -> None:
        for hub in self.hubs:
            hub.merge_connections(EXAM, self.stored_connections())
            hub.merge_streams(
                [
                    StreamCount(EXAM, connection.ix, connection.stream_id, seq, 0)
                    for connection, seq in self.stored.items()
                ]
            )
        for share in range(COUNT_SHARES):
            self.follow(share)
        expected = {
            (ix, newest in self.open, sum(seq for connection, seq in self.stored.items() if connection.ix == ix))
            for ix, (_, newest) in self.newest.items()
        }
        for values in (self.hubs[0].all_values(EXAM), self.hubs[1].all_values(EXAM), self.console.values()):
            assert {(value.ix, value.online, value.events) for value in values} == expected

    def stored_connections(self) -> list[AttemptPresence]:
        return [
            AttemptPresence(ix, newest.generation, online=newest in self.open, at=self.at_ms)
            for ix, (_, newest) in self.newest.items()
        ]

    def follow(self, share: int) -> None:
        self.console.update((value.ix, value) for value in self.hubs[0].take_changes(EXAM, share).values)


def test_hubs_agree_with_the_database_after_late_repeated_and_reordered_reports() -> None:
    run_state_machine_as_test(TwoHubs, settings=settings(max_examples=100, stateful_step_count=30, deadline=None))
