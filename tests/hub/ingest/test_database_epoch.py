import pytest

from hub.ingest.database_epoch import DatabaseEpoch, EpochChanged


def test_a_timeline_tells_of_another_history_once() -> None:
    rewinds: list[int] = []
    timeline = DatabaseEpoch(lambda: rewinds.append(timeline.rewinds))
    for epoch in ("7-1", "7-1", "7-2", "7-2"):
        timeline.see(epoch)
    assert rewinds == [1]
    timeline.hold(1)
    with pytest.raises(EpochChanged):
        timeline.hold(0)
