from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from hub.ingest.quotas import KEPT, Quota, QuotaLimits, Quotas
from protocol import limits

BOUNDS = QuotaLimits(bytes=1_000, bytes_per_s=100, events=50, events_per_s=5, hellos=3, hellos_per_s=1)
ID, OTHER = uuid4(), uuid4()


@given(st.lists(st.tuples(st.integers(0, 3_000), st.integers(1, 400)), max_size=100))
def test_a_client_that_waits_never_spends_more_than_the_allowance_and_its_rate(steps: list[tuple[int, int]]) -> None:
    allowance, now_ms, spent = Quota(1_000, 100, 0), 0, 0
    for pause_ms, amount in steps:
        now_ms += pause_ms
        if allowance.wait_ms(now_ms) == 0:
            assert spent < 1_000 + 100 * now_ms / 1000
            allowance.spend(amount, now_ms)
            spent += amount


@given(st.integers(1, 10_000), st.integers(0, 10**6))
def test_after_the_wait_something_can_be_spent(amount: int, now_ms: int) -> None:
    allowance = Quota(1_000, 100, now_ms)
    allowance.spend(amount, now_ms)
    assert allowance.wait_ms(now_ms + allowance.wait_ms(now_ms)) == 0


@given(st.lists(st.integers(-5_000, 5_000), max_size=30))
def test_a_clock_that_steps_back_gives_nothing(steps: list[int]) -> None:
    allowance, now_ms = Quota(1_000, 100, 0), 0
    allowance.spend(1_000 + 10**6, 0)
    for step in steps:
        now_ms = max(0, now_ms + step)
        assert allowance.wait_ms(now_ms) > 0


def test_a_draft_of_the_largest_size_every_5_s_for_a_week_never_waits() -> None:
    quotas = Quotas()
    for now_ms in range(0, 7 * 24 * 3_600_000, 5_000):
        assert quotas.wait_ms(ID, now_ms) == 0
        quotas.spend(ID, 20, limits.FRAME_BYTES, now_ms)


def test_the_full_queue_of_a_client_never_waits() -> None:
    quotas = Quotas()
    for _ in range(200):
        assert quotas.wait_ms(ID, 0) == 0
        quotas.spend(ID, 500, 64 * 1024 * 1024 // 200 + 1_000, 0)


def test_bytes_and_events_have_an_allowance_each() -> None:
    quotas = Quotas(BOUNDS)
    quotas.spend(ID, 1, 1_500, 0)
    assert quotas.wait_ms(ID, 0) == 5_011
    quotas.spend(OTHER, 100, 10, 0)
    assert quotas.wait_ms(OTHER, 0) == 10_201
    assert quotas.wait_ms(uuid4(), 0) == 0


def test_reaching_the_quota_is_noted_once_until_the_allowance_is_full_again() -> None:
    quotas = Quotas(BOUNDS)
    assert not quotas.note(ID)
    quotas.spend(ID, 1, 1_500, 0)
    assert [quotas.note(ID), quotas.note(ID)] == [True, False]
    quotas.spend(ID, 1, 500, 6_000)
    assert not quotas.note(ID)
    quotas.spend(ID, 1, 1_500, 60_000)
    assert quotas.note(ID)


def test_a_student_may_connect_a_few_times_at_once_and_then_once_a_second() -> None:
    quotas = Quotas(BOUNDS)
    assert [quotas.spend_hello(ID, 0) for _ in range(4)] == [0, 0, 0, 1_001]
    assert quotas.spend_hello(OTHER, 0) == 0
    assert [quotas.spend_hello(ID, 1_001) for _ in range(2)] == [0, 1_000]


def test_those_that_were_idle_longest_are_forgotten() -> None:
    quotas = Quotas(BOUNDS)
    quotas.spend(ID, 1, 1_500, 0)
    for _ in range(KEPT):
        quotas.spend(uuid4(), 1, 1, 0)
    assert quotas.wait_ms(ID, 0) == 0
