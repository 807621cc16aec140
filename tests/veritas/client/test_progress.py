from uuid import UUID

import msgspec

from protocol.console import Delta, ExamRow, Resync, Since, Snapshot
from veritas.client.progress import News, Progress

EXAM = UUID(int=1)


def snapshot(offset: int, part: int = 1, parts: int = 1) -> Snapshot:
    exam = ExamRow(EXAM, "Physics", 60)
    return Snapshot(exam_id=EXAM, epoch="e", offset=offset, part=part, parts=parts, exam=exam)


def delta(offset: int) -> Delta:
    return Delta(EXAM, offset, "student", msgspec.Raw(b"{}"))


def test_deltas_follow_a_snapshot_one_by_one() -> None:
    place = Progress()
    assert place.take(snapshot(4)) is News.NEW
    assert [place.take(delta(offset)) for offset in (5, 6)] == [News.NEW, News.NEW]
    assert place.since == Since("e", 6)


def test_what_is_known_is_old() -> None:
    place = Progress()
    place.take(snapshot(4))
    assert place.take(delta(4)) is News.OLD
    assert place.since == Since("e", 4)


def test_a_hole_is_told_once_until_it_is_filled() -> None:
    place = Progress()
    place.take(snapshot(4))
    assert [place.take(delta(offset)) for offset in (6, 7)] == [News.HOLE, News.OLD]
    assert [place.take(delta(offset)) for offset in (5, 6, 7)] == [News.NEW] * 3
    assert place.take(delta(9)) is News.HOLE


def test_a_snapshot_counts_only_when_its_last_part_is_here() -> None:
    place = Progress()
    place.take(snapshot(9, 1, 2))
    assert place.since is None
    place.take(snapshot(9, 2, 2))
    assert place.since == Since("e", 9)


def test_a_resync_forgets() -> None:
    place = Progress()
    place.take(snapshot(4))
    assert place.take(Resync(EXAM, "slow")) is News.NEW
    assert place.since is None
    assert place.rewatch() is None
