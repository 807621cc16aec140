"""What is past its time, what holds it, and which partitions may be dropped."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from db.partitions import DEFAULT, partition_of
from db.retention.times import (
    STREAM_DAYS,
    DataClass,
    Hold,
    KeptAttempt,
    Times,
    day_of_partition,
    find_droppable,
    find_due,
    find_held,
    find_holds,
    is_past,
    shortest_days,
    starts_at,
    times_of,
)
from db.settings import DatabaseSettings
from protocol.attempts import OVER, AttemptStatus, ExamKind

NOW = datetime(2026, 11, 30, tzinfo=UTC)
TIMES = Times(events=90, reviews=180, answers=365, addresses=90)

moments = st.integers(-400 * 24, 0).map(lambda hours: NOW + timedelta(hours=hours))
kept_attempts = st.builds(
    KeptAttempt,
    attempt_id=st.just(UUID(int=1)),
    exam_id=st.just(UUID(int=2)),
    kind=st.sampled_from(ExamKind),
    status=st.sampled_from(AttemptStatus),
    ended_at=st.none() | moments,
    final_at=st.none() | moments,
    promised_days=st.none() | st.integers(1, 400),
    undecided=st.integers(0, 2),
    held_until=st.lists(st.none() | moments.map(lambda moment: moment + timedelta(days=200)), max_size=2),
    gone=st.frozensets(st.sampled_from(DataClass)),
)


def ended(days_ago: float, **more: object) -> KeptAttempt:
    attempt = KeptAttempt(
        attempt_id=UUID(int=1),
        exam_id=UUID(int=2),
        kind=ExamKind.REAL,
        status=AttemptStatus.SUBMITTED,
        ended_at=NOW - timedelta(days=days_ago),
    )
    return msgspec.structs.replace(attempt, **more)


def test_the_time_begins_at_the_final_grade() -> None:
    late = ended(200, final_at=NOW - timedelta(days=89))
    assert find_due(late, TIMES, NOW) == []
    assert find_due(late, TIMES, NOW + timedelta(days=1)) == [DataClass.EVENTS]


def test_without_a_final_grade_the_time_begins_at_the_end() -> None:
    assert find_due(ended(89.9), TIMES, NOW) == []
    assert find_due(ended(90), TIMES, NOW) == [DataClass.EVENTS]


def test_reviews_and_answers_follow_later() -> None:
    assert find_due(ended(180), TIMES, NOW) == [DataClass.EVENTS, DataClass.REVIEWS]
    assert find_due(ended(365), TIMES, NOW) == [DataClass.EVENTS, DataClass.REVIEWS, DataClass.ANSWERS]


def test_what_is_deleted_is_not_due_again() -> None:
    assert find_due(ended(180, gone=frozenset({DataClass.EVENTS})), TIMES, NOW) == [DataClass.REVIEWS]


def test_a_shorter_promise_of_the_notice_is_kept() -> None:
    assert find_due(ended(30, promised_days=30), TIMES, NOW) == [DataClass.EVENTS]


def test_a_longer_promise_of_the_notice_does_not_keep_events_longer() -> None:
    assert find_due(ended(90, promised_days=365), TIMES, NOW) == [DataClass.EVENTS]


def test_a_practice_attempt_is_deleted_as_a_whole_after_a_week() -> None:
    practice = ended(7, kind=ExamKind.PRACTICE)
    assert find_due(practice, TIMES, NOW) == [DataClass.PRACTICE]
    assert find_due(ended(6.9, kind=ExamKind.PRACTICE), TIMES, NOW) == []


def test_an_undecided_flag_and_a_hold_keep_everything() -> None:
    for attempt, hold in (
        (ended(400, undecided=1), Hold.UNDECIDED),
        (ended(400, held_until=(None,)), Hold.HELD),
        (ended(400, held_until=(NOW - timedelta(days=1), NOW + timedelta(days=1))), Hold.HELD),
        (ended(400, status=AttemptStatus.REOPENED), Hold.RUNNING),
    ):
        assert find_holds(attempt, NOW) == [hold]
        assert find_due(attempt, TIMES, NOW) == []
    assert find_held(ended(400, undecided=1), TIMES, NOW) == [DataClass.EVENTS, DataClass.REVIEWS, DataClass.ANSWERS]


def test_a_hold_that_is_over_keeps_nothing() -> None:
    assert find_due(ended(90, held_until=(NOW,)), TIMES, NOW) == [DataClass.EVENTS]


@given(kept_attempts)
def test_nothing_of_a_held_or_running_attempt_is_ever_due(attempt: KeptAttempt) -> None:
    if find_holds(attempt, NOW):
        assert find_due(attempt, TIMES, NOW) == []
    else:
        assert attempt.status in OVER
        assert attempt.ended_at is not None


@given(kept_attempts, st.integers(0, 1000))
def test_what_is_past_stays_past(attempt: KeptAttempt, days: int) -> None:
    for kind in DataClass:
        if is_past(kind, attempt, TIMES, NOW):
            assert is_past(kind, attempt, TIMES, NOW + timedelta(days=days))


@given(kept_attempts)
def test_nothing_is_due_before_the_shortest_time(attempt: KeptAttempt) -> None:
    if find_due(attempt, msgspec.structs.replace(TIMES, practice=90), NOW) and attempt.promised_days is None:
        start = starts_at(attempt)
        assert start is not None
        assert attempt.ended_at is not None
        assert attempt.ended_at <= NOW - timedelta(days=90)
    assert shortest_days(TIMES) == TIMES.practice


@given(st.sets(st.dates(date(2026, 8, 1), NOW.date())), st.sets(st.dates(date(2026, 8, 1), NOW.date())))
def test_a_day_with_a_stream_that_stays_is_never_dropped(days: set[date], staying: set[date]) -> None:
    droppable = find_droppable(days, staying, NOW.date())
    assert not set(droppable) & staying
    assert all((NOW.date() - day).days >= STREAM_DAYS for day in droppable)
    assert set(droppable) <= days


@given(st.dates(date(2020, 1, 1), date(2099, 12, 31)))
def test_the_name_of_a_partition_tells_its_day(day: date) -> None:
    assert day_of_partition(partition_of(day).name) == day


def test_the_default_partition_has_no_day() -> None:
    assert day_of_partition(DEFAULT) is None
    assert day_of_partition("monitoring_events_2026_13_01") is None


def test_the_times_of_a_deployment_are_its_settings() -> None:
    settings = DatabaseSettings(
        database_url="postgresql://x", redis_url="redis://x", retention_days=30, retention_answers_days=30
    )
    assert times_of(settings) == Times(events=30, reviews=180, answers=30, addresses=90)
