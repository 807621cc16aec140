import pytest

from tests.judgement.stories import LAPTOP, SYSTEM, TABLET, Story, alive, at, make_events, run_rule

LEAVE = [at(0, "window_blur"), at(0.01, "tab_hidden"), at(8, "tab_visible"), at(8.01, "window_focus")]

HONEST: dict[str, Story] = {
    "pastes without having left": [at(5, "paste", chars=400)],
    "leaves, pastes nothing": [LEAVE, alive(13, 60)],
    "pastes little": [LEAVE, at(10, "paste", chars=19)],
    "pastes long after coming back": [LEAVE, at(23.5, "paste", chars=400)],
    "cuts and pastes the own text after a notification": [LEAVE, at(9, "cut"), at(11, "paste", chars=400)],
    "copies and pastes the own text after a notification": [LEAVE, at(9, "copy"), at(11, "paste", chars=400)],
    "moves the own text after a notification": [LEAVE, at(11, "paste", chars=400, how="move")],
    "a screen reader takes the focus while pasting": [
        at(0, "window_blur"),
        at(0.2, "paste", chars=400),
        at(0.3, "window_focus"),
        at(1, "paste", chars=400),
    ],
    "pastes on the new machine after the old one died": [
        at(0, "tab_hidden"),
        at(40, "connection_opened", device=SYSTEM),
        at(50, "paste", device=TABLET, chars=400),
    ],
    "a paste that says nothing readable": [
        LEAVE,
        at(9, "paste"),
        at(10, "paste", chars="many"),
        at(11, "paste", chars=-5),
        at(12, "paste", chars=12.5),
    ],
}

CHEATING: dict[str, tuple[Story, int]] = {
    "leaves, comes back, pastes": ([LEAVE, at(10, "paste", chars=400)], 1),
    "drops text from elsewhere": ([LEAVE, at(10, "paste", chars=400, how="drop")], 1),
    "lets a program insert text": ([LEAVE, at(10, "paste", chars=400, how="insert")], 1),
    "a paste that came in an unknown way": ([LEAVE, at(10, "paste", chars=400, how={"new": 1})], 1),
    "pastes just enough, just in time": ([LEAVE, at(23, "paste", chars=20)], 1),
    "pastes while away": ([at(0, "window_blur"), at(3, "paste", chars=400)], 1),
    "pastes while away and after: one leave, one flag": (
        [at(0, "window_blur"), at(3, "paste", chars=400), at(5, "window_focus"), at(7, "paste", chars=400)],
        1,
    ),
    "pastes three times after one leave": ([LEAVE, [at(s, "paste", chars=99) for s in (9, 11, 13)]], 1),
    "a small paste first": ([LEAVE, at(9, "paste", chars=3), at(11, "paste", chars=400)], 1),
    "leaves and pastes twice": (
        [LEAVE, at(9, "paste", chars=400), at(20, "window_blur"), at(30, "window_focus"), at(33, "paste", chars=400)],
        2,
    ),
    "a flicker of the focus before pasting": (
        [LEAVE, at(9, "window_blur"), at(9.3, "window_focus"), at(10, "paste", chars=400)],
        1,
    ),
    "a copy before leaving": ([at(-3, "copy"), LEAVE, at(10, "paste", chars=400)], 1),
    "a copy on another device": ([LEAVE, at(9, "copy", device=TABLET), at(10, "paste", chars=400)], 1),
    "the network is lost in between": (
        [LEAVE, at(9, "connection_lost", device=SYSTEM, cause="silent"), at(10, "paste", chars=400)],
        1,
    ),
}


@pytest.mark.parametrize("story", HONEST.values(), ids=HONEST)
def test_honest_behavior_raises_nothing(story: Story) -> None:
    assert run_rule("left_then_pasted", make_events(*story)) == []


@pytest.mark.parametrize(("story", "times"), CHEATING.values(), ids=CHEATING)
def test_a_paste_after_leaving_is_raised_once_per_leave(story: Story, times: int) -> None:
    assert len(run_rule("left_then_pasted", make_events(*story))) == times


def test_the_finding_has_its_numbers_and_cites_its_events() -> None:
    (after,) = run_rule("left_then_pasted", make_events(LEAVE, at(10, "paste", chars=400)))
    assert after.summary == "Pasted 400 characters 2.0 s after coming back to the page (limit 15 s)."
    assert after.numbers == {"chars": 400, "limit_chars": 20, "after_s": 2, "limit_s": 15}
    assert after.cited == ((LAPTOP, 1), (LAPTOP, 3), (LAPTOP, 5))
    (away,) = run_rule("left_then_pasted", make_events(at(0, "window_blur"), at(3, "paste", chars=50)))
    assert away.summary == "Pasted 50 characters while away from the page."
    assert away.cited == ((LAPTOP, 1), (LAPTOP, 2))


def test_thresholds_are_the_policy_s() -> None:
    story = make_events(LEAVE, at(20, "paste", chars=100))
    assert run_rule("left_then_pasted", story, chars=101) == []
    assert run_rule("left_then_pasted", story, within_s=11) == []
    assert run_rule("left_then_pasted", story, chars=100, within_s=12) != []


def test_a_paste_of_an_absurd_size_is_a_large_paste() -> None:
    paste = make_events(LEAVE, at(10, "paste", chars=1))[-1]
    events = [
        *make_events(LEAVE),
        type(paste)(LAPTOP, 5, "paste", paste.time_ms, 0, 0, b'{"chars":1' + b"0" * 400 + b"}"),
    ]
    (finding,) = run_rule("left_then_pasted", events)
    assert finding.numbers["chars"] == 10**9


def test_a_paste_from_before_the_return_is_not_after_it() -> None:
    early, *leave = make_events(at(-1, "paste", chars=400), LEAVE)
    assert run_rule("left_then_pasted", [*leave, early]) == []


def test_a_leave_is_raised_once_though_time_steps_back() -> None:
    first = make_events(LEAVE, at(10, "paste", chars=400), at(11, "window_blur"), at(12, "paste", chars=400))
    back, again = make_events(at(9, "window_focus"), at(10, "paste", chars=400))
    assert len(run_rule("left_then_pasted", [*first, back, again])) == 2
