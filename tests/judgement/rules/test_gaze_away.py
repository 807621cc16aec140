import pytest

from protocol.flags import Severity
from tests.judgement.stories import LAPTOP, Story, alive, at, gaze, make_events, run_rule

HONEST: dict[str, Story] = {
    "looks at the screen": [gaze(0, 120, on_screen=True)],
    "looks at the keyboard for moments": [
        [sample for s in range(0, 120, 6) for sample in gaze(s, s + 3, on_screen=True)],
        [sample for s in range(3, 120, 6) for sample in gaze(s, s + 3, on_screen=False)],
    ],
    "looks away as the tracker starts": [
        gaze(0, 12, on_screen=False, per_s=10),
        gaze(12, 60, on_screen=True, per_s=10),
    ],
    "thinks with the eyes elsewhere for ten seconds": [
        gaze(0, 30, on_screen=True),
        gaze(30, 40, on_screen=False),
        gaze(40, 90, on_screen=True),
    ],
    "the tracker is never sure": [gaze(0, 300, on_screen=False, confidence=0.5)],
    "the tracker is surer than sure": [gaze(0, 300, on_screen=False, confidence=1.5)],
    "too few samples": [gaze(0, 30, on_screen=False, per_s=0.5)],
    "a burst after the camera was off": [
        gaze(0, 2, on_screen=False, per_s=5),
        gaze(28, 30, on_screen=False, per_s=20),
    ],
    "no camera": [alive(0, 300)],
    "samples that say nothing readable": [
        [at(s / 2, "eye_movement", confidence="high", on_screen=False) for s in range(100)],
        [at(s / 2, "eye_movement", confidence=0.9) for s in range(100)],
    ],
}

CHEATING: dict[str, tuple[Story, int]] = {
    "reads from elsewhere": ([gaze(0, 30, on_screen=False)], 1),
    "reads from elsewhere for ten minutes: raised once": ([gaze(0, 600, on_screen=False)], 1),
    "mostly elsewhere": (
        [
            [sample for s in range(0, 60, 4) for sample in gaze(s, s + 1, on_screen=True)],
            [sample for s in range(1, 60, 4) for sample in gaze(s, s + 3, on_screen=False)],
        ],
        1,
    ),
    "elsewhere, back for long, elsewhere": (
        [gaze(0, 40, on_screen=False), gaze(40, 100, on_screen=True), gaze(100, 140, on_screen=False)],
        2,
    ),
    "elsewhere, a glance back, elsewhere: one episode": (
        [gaze(0, 40, on_screen=False), gaze(40, 50, on_screen=True), gaze(50, 90, on_screen=False)],
        1,
    ),
    "elsewhere, camera off for a minute, elsewhere": (
        [gaze(0, 40, on_screen=False), gaze(100, 140, on_screen=False)],
        2,
    ),
    "a slow tracker": ([gaze(0, 60, on_screen=False, per_s=0.8)], 1),
}


@pytest.mark.parametrize("story", HONEST.values(), ids=HONEST)
def test_honest_behavior_raises_nothing(story: Story) -> None:
    assert run_rule("gaze_away", make_events(*story)) == []


@pytest.mark.parametrize(("story", "times"), CHEATING.values(), ids=CHEATING)
def test_looking_away_is_raised_once_per_episode(story: Story, times: int) -> None:
    assert len(run_rule("gaze_away", make_events(*story))) == times


def test_the_finding_has_its_numbers_and_cites_its_events() -> None:
    (finding,) = run_rule("gaze_away", make_events(gaze(0, 9, on_screen=True), gaze(9, 60, on_screen=False)))
    assert finding.numbers.keys() == {"percent", "samples", "within_s", "limit_percent"}
    assert 60 < finding.numbers["percent"] < 65
    assert finding.summary.startswith("61 % of 46 gaze samples within 30 s were not on the screen (limit 60 %).")
    assert finding.cited[0] == (LAPTOP, 19)
    assert len(finding.cited) <= 11
    assert finding.confidence == pytest.approx(0.9 * finding.numbers["percent"] / 100)


def test_a_finding_is_a_warning_and_says_that_it_cannot_be_verified() -> None:
    (finding,) = run_rule("gaze_away", make_events(gaze(0, 30, on_screen=False)))
    assert finding.severity is Severity.WARNING
    assert finding.summary.endswith("This cannot be verified from the record.")


def test_thresholds_are_the_policy_s() -> None:
    half = [sample for s in range(0, 60, 2) for sample in gaze(s, s + 1, on_screen=s % 4 == 0, per_s=4)]
    assert run_rule("gaze_away", make_events(half)) == []
    assert run_rule("gaze_away", make_events(half), share=0.4) != []
    story = make_events(gaze(0, 60, on_screen=False, per_s=1, confidence=0.5))
    assert run_rule("gaze_away", story, confidence=0.5) != []
    assert run_rule("gaze_away", story, confidence=0.5, samples=40) == []


def test_counting_starts_again_when_time_steps_back_by_more_than_a_window() -> None:
    ahead = make_events(gaze(1_000_000, 1_000_010, on_screen=False))
    assert run_rule("gaze_away", [*ahead, *make_events(gaze(0, 30, on_screen=False))]) != []


def test_an_episode_starts_without_the_samples_of_the_one_before() -> None:
    away, back = gaze(0, 24, on_screen=False), gaze(24, 30, on_screen=True, per_s=20)
    burst = gaze(30, 36, on_screen=False, per_s=60)
    assert len(run_rule("gaze_away", make_events(away, back, burst))) == 1
