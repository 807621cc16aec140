from protocol.flags import Severity
from tests.judgement.stories import SYSTEM, Moment, alive, at, make_events, run_rule


def second(s: float) -> Moment:
    return at(s, "second_place", device=SYSTEM, place="there", was="here")


def test_a_second_place_is_a_note() -> None:
    [found] = run_rule("two_places", make_events(alive(0, 30), second(20)))
    assert found.severity is Severity.NORMAL
    assert found.summary.startswith("The paper was read or submitted from another place")


def test_a_move_to_another_place_is_none() -> None:
    moves = [at(1, "connection_opened", device=SYSTEM, place=place) for place in ("here", "there")]
    assert run_rule("two_places", make_events(moves)) == []


def test_each_second_place_is_a_note_up_to_the_limit() -> None:
    assert len(run_rule("two_places", make_events([second(n) for n in range(8)]))) == 5
    assert len(run_rule("two_places", make_events([second(n) for n in range(8)]), most=1)) == 1
