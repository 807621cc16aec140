"""Feed rows, audit rows and notifications are written through `db.unit.change` only."""

from tests.laws.counts import appends


def test_no_feed_row_audit_row_or_notification_is_written_outside_a_unit() -> None:
    assert appends() == [], "use `async with change(engine, notifier) as unit` and collect it with the unit"
