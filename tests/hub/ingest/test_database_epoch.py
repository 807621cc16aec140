import pytest

from hub.ingest.database_epoch import DatabaseEpoch, EpochChanged


def test_a_change_of_the_epoch_is_reported_once() -> None:
    changes: list[int] = []
    epoch = DatabaseEpoch(lambda: changes.append(epoch.changes))
    for name in ("7-1", "7-1", "7-2", "7-2"):
        epoch.observe(name)
    assert changes == [1]
    epoch.check(1)
    with pytest.raises(EpochChanged):
        epoch.check(0)
