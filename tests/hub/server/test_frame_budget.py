from hypothesis import given
from hypothesis import strategies as st

from hub.server.frame_budget import FrameBudget
from protocol.limits import CONTROL_BURST, CONTROL_PER_S, STRANGER_CONTROL

pauses = st.lists(st.floats(0, 2), min_size=1, max_size=300)


def spend(budget: FrameBudget, times: list[float]) -> int:
    return sum(budget.spend(at) for at in times)


def at(pauses: list[float]) -> list[float]:
    now, times = 100.0, []
    for pause in pauses:
        now += pause
        times.append(now)
    return times


@given(pauses)
def test_a_stranger_has_three_frames_for_all_time(pauses: list[float]) -> None:
    assert spend(FrameBudget(), at(pauses)) == min(STRANGER_CONTROL, len(pauses))


@given(pauses)
def test_a_known_peer_never_gets_more_than_its_burst_and_its_rate(pauses: list[float]) -> None:
    budget, times = FrameBudget(), at(pauses)
    budget.admit(100.0)
    assert spend(budget, times) <= CONTROL_BURST + CONTROL_PER_S * (times[-1] - 100.0) + 1e-6


def test_a_known_peer_that_keeps_its_rate_is_never_refused() -> None:
    budget = FrameBudget()
    budget.admit(0.0)
    assert all(budget.spend(number / CONTROL_PER_S) for number in range(1_000))
