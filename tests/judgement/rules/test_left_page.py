from uuid import UUID

import pytest

from tests.judgement.stories import LAPTOP, SYSTEM, TABLET, Moment, Story, alive, at, kinds, make_events, run_rule


def leave(s: float, away_s: float, device: UUID = LAPTOP) -> list[Moment]:
    """Switch to another window and back, as a browser reports it."""
    return [
        at(s, "window_blur", device=device),
        at(s + 0.01, "tab_hidden", device=device),
        at(s + away_s - 0.01, "tab_visible", device=device),
        at(s + away_s, "window_focus", device=device),
    ]


HONEST: dict[str, Story] = {
    "never leaves": [alive(0, 600)],
    "looks at the keyboard": [[at(s, "typing", item="q1", chars=20, ms=900) for s in range(60)]],
    "one notification": [leave(10, 2), alive(15, 300)],
    "two leaves in five minutes": [leave(10, 5), leave(100, 5), alive(110, 600)],
    "three leaves spread over the exam": [leave(10, 5), leave(200, 5), leave(400, 5), alive(410, 500)],
    "away for twenty seconds, no longer": [at(0, "window_blur"), alive(5, 20), at(20, "window_focus")],
    "a screen reader takes the focus for moments": [leave(10 * i, 0.3) for i in range(1, 20)],
    "an input method opens its window for moments": [leave(2 * i, 0.5) for i in range(1, 20)],
    "the network is lost while away for a moment": [
        at(10, "window_blur"),
        at(12, "connection_lost", device=SYSTEM, cause="silent"),
        at(90, "connection_opened", device=SYSTEM),
        at(13, "window_focus"),
        alive(18, 120),
    ],
    "the machine dies while the page is hidden, another takes over": [
        at(10, "tab_hidden"),
        at(12, "connection_lost", device=SYSTEM, cause="silent"),
        at(60, "window_focus", device=TABLET),
        alive(65, 200, device=TABLET),
    ],
    "signs of return without a leave": [at(1, "window_focus"), at(2, "tab_visible"), alive(5, 60)],
    "the tab is visible again though no focus is reported": [at(0, "tab_hidden"), at(3, "tab_visible"), alive(8, 90)],
}

CHEATING: dict[str, tuple[Story, list[str]]] = {
    "three leaves in five minutes": ([leave(10, 5), leave(60, 5), leave(200, 5)], ["often"]),
    "three leaves, the third still lasting": (
        [leave(10, 5), leave(60, 5), at(90, "window_blur"), alive(95, 100)],
        ["often"],
    ),
    "three leaves at the edges of the window": ([leave(0, 5), leave(100, 5), leave(300, 5)], ["often"]),
    "away, concluded while it lasts": ([at(0, "window_blur"), alive(5, 25)], ["long"]),
    "away, concluded on return": ([at(0, "tab_hidden"), at(21, "tab_visible")], ["long"]),
    "away for long is raised once": ([at(0, "window_blur"), alive(5, 900), at(901, "window_focus")], ["long"]),
    "away twice": ([leave(0, 30), leave(100, 30)], ["long", "long"]),
    "away, blurred again while away": ([at(0, "window_blur"), at(15, "tab_hidden"), alive(20, 25)], ["long"]),
    "away while the other window types": ([at(0, "window_blur"), at(25, "typing")], ["long"]),
    "away while the network fails": (
        [at(0, "window_blur"), at(2, "connection_lost", device=SYSTEM, cause="silent"), alive(5, 25)],
        ["long"],
    ),
    "away beside another device": ([at(0, "window_blur"), alive(1, 26, device=TABLET), at(26, "alive")], ["long"]),
    "leaves on two devices": ([leave(0, 5), leave(20, 5, TABLET), leave(40, 5)], ["often"]),
    "long leaves are leaves too": ([leave(0, 30), leave(50, 30), leave(100, 2)], ["long", "long", "often"]),
}


@pytest.mark.parametrize("story", HONEST.values(), ids=HONEST)
def test_honest_behavior_raises_nothing(story: Story) -> None:
    assert run_rule("left_page", make_events(*story)) == []


@pytest.mark.parametrize(("story", "expected"), CHEATING.values(), ids=CHEATING)
def test_leaving_is_raised_once_per_episode(story: Story, expected: list[str]) -> None:
    assert kinds(run_rule("left_page", make_events(*story))) == expected


def test_a_server_s_event_makes_no_absence_longer() -> None:
    story = [at(0, "window_blur"), at(3600, "connection_lost", device=SYSTEM, cause="silent")]
    assert run_rule("left_page", make_events(*story)) == []


def test_an_episode_of_leaving_often_ends_with_its_window() -> None:
    many = [leave(20 * i, 5) for i in range(1, 14)]  # 20 s to 260 s: one episode, raised at 60 s
    assert kinds(run_rule("left_page", make_events(*many))) == ["often"]
    later = [leave(s, 5) for s in (370, 380, 390)]  # more than 300 s after it was raised
    assert kinds(run_rule("left_page", make_events(*many, *later))) == ["often", "often"]


def test_the_finding_has_its_numbers_and_cites_its_events() -> None:
    (often,) = run_rule("left_page", make_events(leave(10, 5), leave(60, 5), leave(130, 5)))
    assert often.summary == "Left the page 3 times within 120 s (limit 3 times in 300 s)."
    assert often.numbers == {"times": 3, "span_s": 120, "limit": 3, "within_s": 300}
    assert often.cited == ((LAPTOP, 1), (LAPTOP, 5), (LAPTOP, 9), (LAPTOP, 11))
    (long,) = run_rule("left_page", make_events(at(0, "window_blur"), alive(5, 60)))
    assert long.summary == "Away from the page for at least 25.0 s (limit 20 s)."
    assert long.cited == ((LAPTOP, 1), (LAPTOP, 6))


def test_thresholds_are_the_policy_s() -> None:
    story = make_events(leave(10, 5), leave(60, 8))
    assert kinds(run_rule("left_page", story, times=2)) == ["often"]
    assert kinds(run_rule("left_page", story, times=2, within_s=49)) == []
    assert kinds(run_rule("left_page", story, away_s=6)) == ["long"]
    assert kinds(run_rule("left_page", make_events(*[leave(10 * i, 0.3) for i in range(3)]), flicker_ms=200)) == [
        "often"
    ]


def test_time_may_step_back() -> None:
    story = make_events(at(100, "window_blur"))
    back = make_events(at(0, "alive"), at(0, "alive"), at(50, "window_focus"))
    assert run_rule("left_page", [*story, *back]) == []


def test_leaves_of_one_episode_count_in_no_other_though_time_steps_back() -> None:
    many = make_events(leave(400, 5), leave(410, 5), leave(690, 5))
    earlier = make_events(leave(370, 5), leave(380, 5))
    assert kinds(run_rule("left_page", [*many, *earlier])) == ["often"]
