import pytest

from judgement.engine import Engine
from judgement.rule import NEVER
from tests.judgement.stories import LAPTOP, SYSTEM, TABLET, Story, alive, at, make_events, policy_of, run_rule

HONEST: dict[str, Story] = {
    "never was in fullscreen": [alive(0, 600)],
    "enters and stays": [at(0, "fullscreen_enter"), alive(5, 600)],
    "escape pressed, back at once": [at(0, "fullscreen_exit"), at(3, "fullscreen_enter"), alive(8, 60)],
    "back just in time": [at(0, "fullscreen_exit"), alive(5, 10), at(10, "fullscreen_enter"), alive(15, 60)],
    "out and back again and again": [
        [at(20 * i, "fullscreen_exit") for i in range(5)],
        [at(20 * i + 8, "fullscreen_enter") for i in range(5)],
    ],
    "the network is lost while out for a moment": [
        at(0, "fullscreen_exit"),
        at(60, "connection_lost", device=SYSTEM, cause="silent"),
        at(4, "fullscreen_enter"),
        alive(65, 90),
    ],
    "the machine dies while out, another takes over": [at(0, "fullscreen_exit"), alive(30, 90, device=TABLET)],
    "loses the focus, stays in fullscreen": [at(0, "window_blur"), alive(5, 60)],
}

CHEATING: dict[str, tuple[Story, int]] = {
    "stays out, concluded while it lasts": ([at(0, "fullscreen_exit"), alive(5, 15)], 1),
    "stays out for the rest of the exam: raised once": ([at(0, "fullscreen_exit"), alive(5, 3600)], 1),
    "concluded on coming back": ([at(0, "fullscreen_exit"), at(11, "fullscreen_enter"), alive(15, 60)], 1),
    "a second exit while out begins nothing": (
        [at(0, "fullscreen_exit"), at(8, "fullscreen_exit"), at(13, "alive")],
        1,
    ),
    "twice": (
        [at(0, "fullscreen_exit"), at(30, "fullscreen_enter"), at(60, "fullscreen_exit"), alive(65, 90)],
        2,
    ),
    "typing elsewhere all the while": ([at(0, "fullscreen_exit"), at(12, "typing", item="q1")], 1),
}


@pytest.mark.parametrize("story", HONEST.values(), ids=HONEST)
def test_honest_behavior_raises_nothing(story: Story) -> None:
    assert run_rule("left_fullscreen", make_events(*story)) == []


@pytest.mark.parametrize(("story", "times"), CHEATING.values(), ids=CHEATING)
def test_staying_out_is_raised_once_per_exit(story: Story, times: int) -> None:
    assert len(run_rule("left_fullscreen", make_events(*story))) == times


def test_an_exit_on_another_device_replaces_the_first() -> None:
    story = [
        at(0, "fullscreen_exit"),
        at(5, "fullscreen_exit", device=TABLET),
        at(14, "alive"),
        at(14, "alive", device=TABLET),
    ]
    assert run_rule("left_fullscreen", make_events(*story)) == []
    (finding,) = run_rule("left_fullscreen", make_events(*story, at(16, "alive", device=TABLET)))
    assert finding.cited == ((TABLET, 1), (TABLET, 3))


def test_the_finding_has_its_numbers_and_cites_its_events() -> None:
    (finding,) = run_rule("left_fullscreen", make_events(at(0, "fullscreen_exit"), alive(5, 30)))
    assert finding.summary == "Out of fullscreen for at least 15.0 s (limit 10 s)."
    assert finding.numbers == {"out_s": 15, "limit_s": 10}
    assert finding.cited == ((LAPTOP, 1), (LAPTOP, 4))


def test_thresholds_are_the_policy_s() -> None:
    story = make_events(at(0, "fullscreen_exit"), alive(5, 30))
    assert run_rule("left_fullscreen", story, out_s=30) == []
    assert run_rule("left_fullscreen", story, out_s=29) != []


def test_a_return_to_fullscreen_ends_the_waking() -> None:
    engine = Engine(policy_of("left_fullscreen"))
    state = engine.begin()
    for event in make_events(at(0, "fullscreen_exit"), at(3, "fullscreen_enter")):
        engine.step(state, event)
    assert state.wake_ms == NEVER
