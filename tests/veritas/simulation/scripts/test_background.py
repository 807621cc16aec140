from itertools import islice, pairwise, takewhile
from random import Random

import pytest

from veritas.simulation.scripts.background import ACTION_PAUSE_S, action_starts, alive, filler, gaze, on_screen, typing


@pytest.mark.parametrize("rate", [0.5, 4, 50])
def test_filler_comes_at_its_rate(rate: float) -> None:
    moments = list(takewhile(lambda moment: moment.at_ms < 60_000, filler(Random(1), rate)))
    assert 0.85 * rate * 60 < len(moments) < 1.15 * rate * 60
    assert {moment.type for moment in moments} == {"typing"}


def test_nothing_is_typed_or_seen_within_the_spans_left_out() -> None:
    span = ((10.0, 20.0),)
    for timeline in (typing(Random(1), but=span), gaze(Random(1), on_screen, but=span)):
        times = [moment.at_ms for moment in islice(timeline, 100)]
        assert times == sorted(times)
        assert not [at_ms for at_ms in times if 10_000 <= at_ms <= 20_000]
        assert [at_ms for at_ms in times if at_ms > 20_000]


def test_a_quiet_client_says_that_it_is_alive_within_its_span() -> None:
    assert [moment.at_ms for moment in alive(((2.0, 15.0),))] == [6_000, 10_000, 14_000]


def test_actions_start_early_and_keep_their_distance_within_the_session() -> None:
    for seed in range(50):
        assert len(action_starts(Random(seed), 40, 24)) == 1
        starts = action_starts(Random(seed), 1_000, 24)
        assert 2 <= starts[0] <= 4
        assert starts[-1] + 24 <= 998
        gaps = [after - before for before, after in pairwise(starts)]
        assert all(ACTION_PAUSE_S[0] <= gap - 24 <= ACTION_PAUSE_S[1] for gap in gaps)
