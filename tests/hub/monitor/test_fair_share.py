import pytest

from hub.monitor import fair_share
from hub.monitor.fair_share import FairShare


def test_a_turn_ends_after_so_many_small_frames() -> None:
    mine = FairShare()
    assert [mine.spend(10, 0.0) for _ in range(2 * fair_share.FRAMES)] == [*[None] * (fair_share.FRAMES - 1), 0.0] * 2


def test_a_large_frame_ends_the_turn_at_once() -> None:
    mine = FairShare()
    assert mine.spend(fair_share.BYTES, 0.0) == 0.0
    assert mine.spend(fair_share.BYTES - 1, 0.0) is None
    assert mine.spend(1, 0.0) == 0.0


def test_a_long_turn_is_followed_by_a_pause_as_long() -> None:
    mine = FairShare()
    assert mine.spend(fair_share.BYTES // 2, 0.02) is None
    assert mine.spend(fair_share.BYTES // 2, 0.01) == pytest.approx(0.03)
    assert mine.spend(fair_share.BYTES, 0.001) == 0.0
