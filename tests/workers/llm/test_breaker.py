from hypothesis import given
from hypothesis import strategies as st

from workers.llm.breaker import Breaker


def test_it_opens_after_failures_in_a_row_and_closes_with_an_answer() -> None:
    breaker = Breaker(failures=2, rest_s=60)
    breaker.fail(0)
    assert not breaker.is_open(0)
    breaker.succeed()
    breaker.fail(1)
    breaker.fail(2)
    assert breaker.is_open(61.9)
    assert breaker.wait_s(12) == 50
    assert not breaker.is_open(62)
    breaker.succeed()
    assert breaker.take(63)
    assert breaker.wait_s(63) == 0


def test_after_the_pause_one_request_is_allowed_and_others_wait_for_its_result() -> None:
    breaker = Breaker(failures=1, rest_s=60)
    breaker.fail(0)
    assert not breaker.take(59)
    assert breaker.take(60)
    assert not breaker.take(60)
    breaker.fail(61)
    assert not breaker.take(120)
    assert breaker.take(121)
    breaker.succeed()
    assert breaker.take(121)
    assert breaker.take(121)


@given(st.lists(st.booleans()))
def test_it_is_open_only_after_enough_failures_in_a_row(outcomes: list[bool]) -> None:
    breaker = Breaker(failures=3, rest_s=1)
    in_a_row = 0
    for is_answered in outcomes:
        if is_answered:
            breaker.succeed()
            in_a_row = 0
        else:
            breaker.fail(0)
            in_a_row += 1
        assert breaker.is_open(0) is (in_a_row >= 3)
