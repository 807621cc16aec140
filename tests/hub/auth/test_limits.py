from contextlib import ExitStack, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.auth.limits import WINDOW_MS, Allowance, FailureLimits
from hub.errors import Busy, TooManyFailures, Unauthenticated

HERE, NOW = "203.0.113.7", 1_700_000_000_000


def fail(limits: FailureLimits, name: str | None = "ada", *, now: int = NOW, address: str = HERE) -> None:
    with pytest.raises(Unauthenticated), limits.count(address, name, now):
        raise Unauthenticated("wrong")


def succeed(limits: FailureLimits, name: str | None = "ada", *, now: int = NOW) -> None:
    with limits.count(HERE, name, now):
        pass


def refused(limits: FailureLimits, name: str | None = "ada", *, now: int = NOW) -> int:
    with pytest.raises(TooManyFailures) as refusal, limits.count(HERE, name, now):
        raise AssertionError("let in")
    return refusal.value.retry_s


def test_after_ten_failures_a_minute_a_name_waits() -> None:
    limits = FailureLimits()
    for _ in range(10):
        fail(limits)
    retry_s = refused(limits)
    assert retry_s == 6
    assert refused(limits, now=NOW + 1000 * retry_s - 1) == 1
    succeed(limits, now=NOW + 1000 * retry_s)


def test_other_names_and_other_addresses_are_not_limited() -> None:
    limits = FailureLimits()
    for _ in range(10):
        fail(limits)
    fail(limits, "eve")
    fail(limits, address="203.0.113.8")


def test_an_address_has_a_separate_higher_limit() -> None:
    limits = FailureLimits(Allowance(per_name=10, per_address=20))
    for number in range(20):
        fail(limits, f"name{number}")
    refused(limits, "bob")
    refused(limits, None)


def test_successes_never_count() -> None:
    limits = FailureLimits(Allowance(per_name=2, per_address=2))
    for _ in range(1000):
        succeed(limits)
    fail(limits)
    fail(limits)
    refused(limits)


def test_an_error_of_the_hub_does_not_count() -> None:
    limits = FailureLimits(Allowance(per_name=1, per_address=1))
    for _ in range(5):
        with pytest.raises(Busy), limits.count(HERE, "ada", NOW):
            raise Busy("full")
    succeed(limits)


def test_a_running_sign_in_counts() -> None:
    limits = FailureLimits(Allowance(per_name=2, per_address=100))
    with limits.count(HERE, "ada", NOW), limits.count(HERE, "ada", NOW):
        refused(limits)
    succeed(limits)


def test_running_sign_ins_do_not_count_for_an_address() -> None:
    """Sign in many students from one address at once."""
    limits = FailureLimits(Allowance(per_name=2, per_address=3))
    with ExitStack() as tries:
        for number in range(100):
            tries.enter_context(limits.count(HERE, None, NOW))
            tries.enter_context(limits.count(HERE, f"name{number}", NOW))
    assert limits.size == 0


def test_a_slow_success_does_not_remove_other_failures() -> None:
    limits = FailureLimits(Allowance(per_name=1, per_address=100))
    with limits.count(HERE, "ada", NOW):
        later = NOW + WINDOW_MS
        limits.note(HERE, "ada", later)
    refused(limits, now=later)


def test_a_failure_at_another_hub_counts_the_same() -> None:
    limits = FailureLimits(Allowance(per_name=2, per_address=3))
    limits.note(HERE, "ada", NOW)
    fail(limits)
    refused(limits)
    limits.note(HERE, None, NOW)
    refused(limits, None)


def test_memory_is_bounded_and_the_oldest_failure_goes_first() -> None:
    limits = FailureLimits(Allowance(per_name=1, per_address=5000), keys_max=100)
    for number in range(1000):
        fail(limits, f"name{number}")
    assert limits.size == 100
    refused(limits, "name999")
    succeed(limits, "name1")


@given(st.lists(st.integers(0, 20_000), max_size=200))
def test_no_minute_allows_more_than_twice_the_limit(pauses: list[int]) -> None:
    limits, now, failed = FailureLimits(Allowance(per_name=5, per_address=10_000)), NOW, []
    for pause in pauses:
        now += pause
        with suppress(TooManyFailures):
            fail(limits, now=now)
            failed.append(now)
    for start in failed:
        assert sum(start <= moment < start + WINDOW_MS for moment in failed) <= 10
