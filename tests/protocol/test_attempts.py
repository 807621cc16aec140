from hypothesis import given
from hypothesis import strategies as st

from protocol.attempts import OVER, RUNNING, AttemptStatus, ShownStatus, show_status, sum_points


def test_a_submitted_attempt_is_shown_as_completed() -> None:
    assert show_status(AttemptStatus.SUBMITTED) is ShownStatus.COMPLETED


def test_every_other_status_is_shown_under_its_name() -> None:
    others = [status for status in AttemptStatus if status is not AttemptStatus.SUBMITTED]
    assert [show_status(status).value for status in others] == [status.value for status in others]


def test_an_attempt_never_runs_after_its_end() -> None:
    assert frozenset() == RUNNING & OVER
    assert set(AttemptStatus) - RUNNING - OVER == {AttemptStatus.WAITING}


@given(st.lists(st.integers(0, 10**6)), st.sampled_from([10, 100]))
def test_points_are_added_as_decimals(points: list[int], parts: int) -> None:
    assert sum_points(point / parts for point in points) == sum(points) / parts
