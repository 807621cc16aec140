"""A silent student's coverage falls on the board, without any event."""

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import ExamAttempt
from db.notify import Notifier
from protocol.analysis import Score
from tests.seeded_attempts import SeededAttempt
from tests.workers.jobs.test_evaluate_coverage import count_scores, move_into_past, read_score
from tests.workers.rooms import Room
from workers.jobs.coverage import CoverageUpdater
from workers.jobs.evaluate import Evaluator


async def begin(room: Room, evaluator: Evaluator, students: int = 1) -> list[SeededAttempt]:
    seeded = await room.add_attempts(students)
    for each in seeded:
        await room.store(each, [("alive", {}, 1)])
    await evaluator.evaluate([each.attempt_id for each in seeded])
    return seeded


async def test_a_student_who_is_gone_has_low_coverage_now_and_no_integrity(
    engine: AsyncEngine, room: Room, evaluator: Evaluator, notifier: Notifier
) -> None:
    [seeded] = await begin(room, evaluator)
    assert await read_score(engine, seeded.attempt_id) == Score(1.0, 1.0)
    await move_into_past(engine, 35 * 60)
    await CoverageUpdater(engine, notifier).poll()
    score = await read_score(engine, seeded.attempt_id)
    assert score.integrity is None
    assert score.coverage is not None
    assert score.coverage < 0.05


async def test_the_board_gets_a_row_only_when_a_shown_tenth_changes(
    engine: AsyncEngine, room: Room, evaluator: Evaluator, notifier: Notifier
) -> None:
    [seeded] = await begin(room, evaluator)
    updater = CoverageUpdater(engine, notifier)
    before = await count_scores(engine, seeded.exam_id)
    for _ in range(3):
        await updater.poll()
    assert await count_scores(engine, seeded.exam_id) == before
    await move_into_past(engine, 28)
    for _ in range(3):
        await updater.poll()
    assert await count_scores(engine, seeded.exam_id) == before + 1
    await move_into_past(engine, 3_600)
    for _ in range(3):
        await updater.poll()
    assert await count_scores(engine, seeded.exam_id) == before + 2


async def test_events_that_wait_for_a_fold_are_not_missing(
    engine: AsyncEngine, room: Room, evaluator: Evaluator, notifier: Notifier
) -> None:
    [seeded] = await begin(room, evaluator)
    await move_into_past(engine, 60)
    await room.store(seeded, [("alive", {}, 60_000)])
    await CoverageUpdater(engine, notifier).poll()
    assert await read_score(engine, seeded.attempt_id) == Score(1.0, 1.0)


async def test_all_pages_of_silent_attempts_are_updated(
    engine: AsyncEngine, room: Room, evaluator: Evaluator, notifier: Notifier
) -> None:
    seeded = await begin(room, evaluator, 5)
    await move_into_past(engine, 600)
    await CoverageUpdater(engine, notifier, page=2).poll()
    scores = [await read_score(engine, each.attempt_id) for each in seeded]
    assert all(score.integrity is None and (score.coverage or 0) < 0.1 for score in scores)


async def test_attempts_of_another_version_are_left_to_it(
    engine: AsyncEngine, room: Room, evaluator: Evaluator, notifier: Notifier
) -> None:
    [seeded] = await begin(room, evaluator)
    async with engine.begin() as conn:
        await conn.execute(update(ExamAttempt).values(rulebook_version=99))
    await move_into_past(engine, 600)
    await CoverageUpdater(engine, notifier).poll()
    assert await read_score(engine, seeded.attempt_id) == Score(1.0, 1.0)
