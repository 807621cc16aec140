from collections import Counter
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from hub.live.presence import Presence
from protocol import console

EXAM, OTHER = UUID(int=1), UUID(int=2)
ADA, BOB = UUID(int=11), UUID(int=12)


def test_who_comes_is_shown_online_and_who_goes_offline() -> None:
    presence = Presence()
    presence.opened(ADA, EXAM, 1, 100)
    assert presence.take_changes(EXAM, counts=False) == [console.Presence(1, True, 0, 100)]
    presence.closed(ADA, 200)
    assert presence.take_changes(EXAM, counts=False) == [console.Presence(1, False, 0, 200)]


def test_a_change_is_taken_once() -> None:
    presence = Presence()
    presence.opened(ADA, EXAM, 1, 100)
    presence.received(ADA, 5, 110)
    assert presence.take_changes(EXAM, counts=True) == [console.Presence(1, True, 5, 110)]
    assert presence.take_changes(EXAM, counts=True) == []


def test_counts_wait_for_their_beat() -> None:
    presence = Presence()
    presence.opened(ADA, EXAM, 1, 100)
    presence.take_changes(EXAM, counts=True)
    presence.received(ADA, 5, 110)
    presence.received(ADA, 2, 120)
    assert presence.take_changes(EXAM, counts=False) == []
    assert presence.take_changes(EXAM, counts=True) == [console.Presence(1, True, 7, 120)]


def test_a_new_socket_that_comes_before_the_old_one_is_gone_stays_online() -> None:
    presence = Presence()
    presence.opened(ADA, EXAM, 1, 100)
    presence.take_changes(EXAM, counts=True)
    presence.opened(ADA, EXAM, 1, 200)
    presence.closed(ADA, 201)
    assert presence.take_changes(EXAM, counts=False) == []
    assert presence.everyone(EXAM) == [console.Presence(1, True, 0, 200)]


def test_exams_do_not_see_each_other() -> None:
    presence = Presence()
    presence.opened(ADA, EXAM, 1, 100)
    presence.opened(BOB, OTHER, 1, 100)
    assert len(presence.everyone(EXAM)) == 1
    assert len(presence.take_changes(OTHER, counts=True)) == 1
    assert len(presence.take_changes(EXAM, counts=True)) == 1
    assert presence.everyone(UUID(int=3)) == presence.take_changes(UUID(int=3), counts=True) == []


def test_what_is_not_known_changes_nothing() -> None:
    presence = Presence()
    presence.received(ADA, 5, 100)
    presence.closed(ADA, 100)
    assert presence.everyone(EXAM) == []


def test_who_left_long_ago_is_forgotten() -> None:
    presence = Presence()
    presence.opened(ADA, EXAM, 1, 100)
    presence.opened(BOB, EXAM, 2, 100)
    presence.closed(ADA, 200)
    presence.forget(200)
    assert len(presence.everyone(EXAM)) == 2
    presence.forget(201)
    assert [one.ix for one in presence.everyone(EXAM)] == [2]
    assert [one.ix for one in presence.take_changes(EXAM, counts=True)] == [2]
    presence.closed(BOB, 300)
    presence.forget(301)
    assert presence.everyone(EXAM) == []


steps = st.lists(st.tuples(st.sampled_from(["opened", "received", "closed", "take", "take_all"]), st.integers(1, 3)))


@given(steps)
def test_a_console_that_takes_every_change_knows_what_a_new_one_is_shown(steps: list[tuple[str, int]]) -> None:
    presence = Presence()
    sockets: Counter[int] = Counter()
    shown: dict[int, console.Presence] = {}
    for at_ms, (step, ix) in enumerate(steps):
        match step:
            case "opened":
                presence.opened(UUID(int=ix), EXAM, ix, at_ms)
                sockets[ix] += 1
            case "received":
                presence.received(UUID(int=ix), 1, at_ms)
            case "closed" if sockets[ix]:
                presence.closed(UUID(int=ix), at_ms)
                sockets[ix] -= 1
            case "take" | "take_all":
                for one in presence.take_changes(EXAM, counts=step == "take_all"):
                    shown[one.ix] = one
                assert {ix for ix, one in shown.items() if one.online} == set(+sockets)
    for one in presence.take_changes(EXAM, counts=True):
        shown[one.ix] = one
    online = {one.ix: (one.online, one.events) for one in presence.everyone(EXAM)}
    assert {ix: (one.online, one.events) for ix, one in shown.items()} == online
