from contextlib import ExitStack, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.auth.limits import DELAY_MS_MAX, LEAK_MS, WINDOW_MS, Allowance, FailureLimits, Try, network_of
from hub.errors import Busy, TooManyFailures, Unauthenticated

HERE, NOW = "203.0.113.7", 1_700_000_000_000
LAPTOP = "a device"


def fail(
    limits: FailureLimits, name: str = "ada", *, now: int = NOW, address: str = HERE, device: str | None = None
) -> None:
    with pytest.raises(Unauthenticated), limits.count(Try(address, name, device), now):
        raise Unauthenticated("wrong")


def succeed(
    limits: FailureLimits, name: str = "ada", *, now: int = NOW, address: str = HERE, device: str | None = None
) -> None:
    with limits.count(Try(address, name, device), now):
        pass


def refused(limits: FailureLimits, name: str = "ada", *, now: int = NOW, address: str = HERE) -> int:
    with pytest.raises(TooManyFailures) as refusal, limits.count(Try(address, name), now):
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
    with pytest.raises(TooManyFailures):
        limits.check_guess(HERE, NOW)


def test_guessed_codes_and_failed_passwords_of_a_network_count_together() -> None:
    limits = FailureLimits(Allowance(per_address=2))
    limits.note_guess(HERE, NOW)
    limits.check_guess(HERE, NOW)
    fail(limits)
    refused(limits, "eve")
    with pytest.raises(TooManyFailures):
        limits.check_guess(HERE, NOW)
    limits.check_guess("203.0.113.8", NOW)


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
        with pytest.raises(Busy), limits.count(Try(HERE, "ada"), NOW):
            raise Busy("full")
    succeed(limits)


def test_a_running_sign_in_counts() -> None:
    limits = FailureLimits(Allowance(per_name=2, per_address=100))
    with limits.count(Try(HERE, "ada"), NOW), limits.count(Try(HERE, "ada"), NOW):
        refused(limits)
    succeed(limits)
    assert limits.size == 0


def test_running_sign_ins_do_not_count_for_an_address() -> None:
    """Sign in many students from one address at once."""
    limits = FailureLimits(Allowance(per_name=2, per_address=3))
    with ExitStack() as tries:
        for number in range(100):
            tries.enter_context(limits.count(Try(HERE, f"name{number}"), NOW))
    assert limits.size == 0


def test_a_slow_success_does_not_remove_other_failures() -> None:
    limits = FailureLimits(Allowance(per_name=1, per_address=100))
    with limits.count(Try(HERE, "ada"), NOW):
        later = NOW + WINDOW_MS
        limits.note(Try(HERE, "ada"), later)
    refused(limits, now=later)


def test_a_failure_at_another_hub_counts_the_same() -> None:
    limits = FailureLimits(Allowance(per_name=2, per_address=3))
    limits.note(Try(HERE, "ada"), NOW)
    fail(limits)
    refused(limits)


def test_strangers_never_limit_a_known_device() -> None:
    limits = FailureLimits(Allowance(per_address=20, per_account=5))
    for number in range(100):
        with suppress(TooManyFailures):
            fail(limits, address=f"198.51.100.{number % 50}")
        with suppress(TooManyFailures):
            fail(limits, f"name{number}")
    refused(limits)
    refused(limits, address="192.0.2.1")
    for _ in range(100):
        succeed(limits, device=LAPTOP)


def test_a_known_device_has_a_small_budget_that_only_it_uses_up() -> None:
    limits = FailureLimits(Allowance(per_device=3))
    for _ in range(3):
        fail(limits, device=LAPTOP)
    with pytest.raises(TooManyFailures):
        succeed(limits, device=LAPTOP)
    succeed(limits, device="another device")
    succeed(limits, "eve", device=LAPTOP)
    succeed(limits)


def test_an_account_is_slowed_down_across_all_addresses() -> None:
    limits = FailureLimits()
    for number in range(20):
        fail(limits, address=f"198.51.100.{number}")
    assert refused(limits, address="192.0.2.1") == 1
    fail(limits, address="192.0.2.1", now=NOW + 1_000)
    assert refused(limits, address="192.0.2.2", now=NOW + 1_000) == 2
    fail(limits, address="192.0.2.2", now=NOW + 3_000)
    assert refused(limits, address="192.0.2.3", now=NOW + 3_000) == 4
    succeed(limits, "eve", address="192.0.2.3", now=NOW + 3_000)


def test_the_slow_down_of_an_account_has_a_longest_delay_and_is_forgotten() -> None:
    limits, now = FailureLimits(Allowance(per_account=1)), NOW
    for number in range(40):
        fail(limits, address=f"198.51.100.{number}", now=now)
        now += DELAY_MS_MAX
    fail(limits, address="192.0.2.1", now=now)
    assert refused(limits, address="192.0.2.2", now=now) == DELAY_MS_MAX // 1000
    later = now + 100 * LEAK_MS
    fail(limits, address="192.0.2.2", now=later)
    assert refused(limits, address="192.0.2.3", now=later) == 1


def test_only_one_try_at_a_time_runs_on_a_slowed_account() -> None:
    limits = FailureLimits(Allowance(per_account=2))
    with ExitStack() as tries:
        for number in range(2):
            tries.enter_context(limits.count(Try(f"198.51.100.{number}", "ada"), NOW))
        refused(limits, address="192.0.2.1")
    succeed(limits, address="192.0.2.1")


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        ("fe80::1%eth0", "fe80::2", True),
        ("unix", "unix", True),
        ("unix", "203.0.113.7", False),
    ],
)
def test_an_ipv6_subscriber_is_one_place(one: str, other: str, is_same: bool) -> None:
    assert (network_of(one) == network_of(other)) is is_same
    limits = FailureLimits(Allowance(per_name=1))
    fail(limits, address=one)
    if is_same:
        refused(limits, address=other)
    else:
        succeed(limits, address=other)


def test_memory_is_bounded_and_the_oldest_failure_goes_first() -> None:
    limits = FailureLimits(Allowance(per_name=1, per_address=5000), keys_max=100)
    for number in range(1000):
        fail(limits, f"name{number}")
    assert limits.size == 100
    refused(limits, "name999")
    succeed(limits, "name1")


@given(st.lists(st.integers(0, 20_000), max_size=200))
def test_no_minute_allows_more_than_twice_the_limit(pauses: list[int]) -> None:
    limits, now, failed = FailureLimits(Allowance(per_name=5, per_address=10_000, per_account=10_000)), NOW, []
    for pause in pauses:
        now += pause
        with suppress(TooManyFailures):
            fail(limits, now=now)
            failed.append(now)
    for start in failed:
        assert sum(start <= moment < start + WINDOW_MS for moment in failed) <= 10


@given(st.lists(st.tuples(st.integers(0, 60_000), st.integers(0, 200)), max_size=200), st.integers(1, 30))
def test_guesses_on_one_account_from_everywhere_are_bounded(tries: list[tuple[int, int]], free: int) -> None:
    limits, now, failed = FailureLimits(Allowance(per_account=free)), NOW, 0
    for pause, host in tries:
        now += pause
        with suppress(TooManyFailures):
            fail(limits, now=now, address=f"198.51.100.{host}")
            failed += 1
        succeed(limits, now=now, device=LAPTOP)
    # What is free, what is forgotten, the nine delays that are shorter than the longest, and one for each of those.
    assert failed <= free + 9 + (now - NOW) // LEAK_MS * 2 + (now - NOW) // DELAY_MS_MAX + 2
