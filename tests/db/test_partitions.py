from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from db.partitions import first_id, partition_of, partitions_ahead

days = st.dates(min_value=date(2020, 1, 1), max_value=date(2100, 1, 1))


@given(days)
def test_neighboring_days_meet_without_a_gap(day: date) -> None:
    assert partition_of(day).upper == partition_of(day + timedelta(days=1)).lower


@given(days)
def test_the_partitions_ahead_cover_yesterday_and_the_next_days(day: date) -> None:
    ahead = partitions_ahead(day, 3)
    assert [partition.name for partition in ahead] == [
        partition_of(day + timedelta(days=n)).name for n in (-1, 0, 1, 2, 3)
    ]


def test_an_id_drawn_now_falls_into_todays_partition() -> None:
    before = first_id(datetime.now(UTC))
    drawn = uuid7()
    today = partition_of(datetime.now(UTC).date())
    assert before <= drawn
    assert today.lower <= drawn < today.upper
