"""Grades: the points of each item of an attempt, from the answer key or from a grader, and the marks.

Points of a grader replace points of the key. The caller provides the arithmetic; only whether a score passes is also
decided here, for all attempts of an exam.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.errors import Conflict, NotFound
from db.models import AttemptGrade, Exam, ExamAttempt, ExamItem, User
from db.queries import access
from db.queries.analysis import analyses
from db.queries.attempts import answers
from db.queries.attempts.answers import LateRevision, Revision
from db.queries.exams.items import Item
from protocol.attempts import AttemptStatus, ItemKind, Marks, sum_points
from protocol.roles import Permission

BY_KEY: Final = "key"


class Grading(Protocol):
    """The arithmetic of grades: `judgement.grading`."""

    def grade_item(self, kind: ItemKind, key: Any, points: float, value: Any) -> float | None:
        """Return the points of an answer by its key; None where a grader is needed."""

    def add_up(self, given: Sequence[float | None], max_score: float, passing_score: float) -> Marks:
        """Add up the points of the items."""


class StoredGrade(msgspec.Struct, frozen=True, kw_only=True):
    """The points of one item. `by` is "key" or the grader's name; `graded_at` in ms since the epoch."""

    points: float
    by: str
    comment: str
    graded_at: int


class ItemGrade(msgspec.Struct, frozen=True):
    """The points that a grader gives one item."""

    item: str
    points: float
    comment: str = ""


class GradedAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt for grading: items with keys, answers that count, late answers, points, and marks.

    `status` shows whether it has ended, and `grade_final` whether the grade is final.
    """

    attempt_id: UUID
    exam_id: UUID
    status: AttemptStatus
    items: list[Item]
    answers: Mapping[str, Revision]
    late: Mapping[str, LateRevision]
    given: Mapping[str, StoredGrade]
    marks: Marks
    grade_final: bool


async def read_items(conn: AsyncConnection, exam_id: UUID, version: int) -> list[Item]:
    """Read one version of the items of an exam, in order, with their keys."""
    found = await conn.execute(
        select(ExamItem.item, ExamItem.kind, ExamItem.prompt, ExamItem.choices, ExamItem.points, ExamItem.answer_key)
        .where(ExamItem.exam_id == exam_id, ExamItem.version == version)
        .order_by(ExamItem.position)
    )
    return [
        Item(
            item=row.item,
            kind=ItemKind(row.kind),
            prompt=row.prompt,
            choices=row.choices,
            points=row.points,
            answer_key=row.answer_key,
        )
        for row in found
    ]


async def read_item_sets(
    conn: AsyncConnection, versions: Collection[tuple[UUID, int]]
) -> dict[tuple[UUID, int], list[Item]]:
    """Read versions of the items of exams, with their keys. A version never changes."""
    return {(exam_id, version): await read_items(conn, exam_id, version) for exam_id, version in versions}


def grade_items(items: Sequence[Item], current: Mapping[str, Revision], grading: Grading) -> dict[str, float | None]:
    """Grade with the answer keys; return the points by item, in the order of the items."""
    return {
        item.item: grading.grade_item(
            item.kind, item.answer_key, item.points, current[item.item].value if item.item in current else None
        )
        for item in items
    }


async def store_points_by_key(conn: AsyncConnection, points: Mapping[UUID, Mapping[str, float | None]]) -> None:
    """Store the points by key of attempts, where there are any."""
    rows = [
        {"attempt_id": attempt_id, "item": item, "points": value}
        for attempt_id, values in points.items()
        for item, value in values.items()
        if value is not None
    ]
    if rows:
        await conn.execute(insert(AttemptGrade), rows)


async def read_graded_attempt(conn: AsyncConnection, attempt_id: UUID, user_id: UUID) -> GradedAttempt:
    """Read an attempt for a user who may review its exam. Raises NotFound and Forbidden."""
    found = await conn.execute(
        select(
            ExamAttempt.exam_id,
            ExamAttempt.status,
            ExamAttempt.items_version,
            ExamAttempt.score,
            ExamAttempt.max_score,
            ExamAttempt.percentage,
            ExamAttempt.passed,
            ExamAttempt.grade_final_at,
        ).where(ExamAttempt.id == attempt_id)
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound(f"There is no attempt {attempt_id} that you can see.")
    await _require(conn, row.exam_id, user_id, attempt_id)
    items = await read_items(conn, row.exam_id, row.items_version)
    most = sum_points(item.points for item in items) if row.max_score is None else row.max_score
    return GradedAttempt(
        attempt_id=attempt_id,
        exam_id=row.exam_id,
        status=AttemptStatus(row.status),
        items=items,
        answers=await answers.read_current_answers(conn, attempt_id),
        late={one.item: one for one in await answers.list_late_revisions(conn, attempt_id)},
        given=await _read_given(conn, attempt_id),
        marks=Marks(row.score, most, row.percentage, row.passed),
        grade_final=row.grade_final_at is not None,
    )


async def lock_graded_attempt(conn: AsyncConnection, attempt_id: UUID, user_id: UUID) -> GradedAttempt:
    """Read an attempt for grading, and lock it until COMMIT.

    Raises NotFound, Forbidden, and Conflict while it has not ended.
    """
    await conn.execute(select(ExamAttempt.id).where(ExamAttempt.id == attempt_id).with_for_update(key_share=True))
    graded = await read_graded_attempt(conn, attempt_id, user_id)
    if not await _has_ended(conn, attempt_id):
        raise Conflict("You can grade an attempt after it has ended.")
    return graded


async def store_grades(
    conn: AsyncConnection,
    graded: GradedAttempt,
    grades: Sequence[ItemGrade],
    grader_id: UUID,
    grading: Grading,
    *,
    final: bool,
) -> None:
    """Store the points of a grader for items of a locked attempt, replacing earlier points, and update the marks.

    `final` makes the grade final, and raises Conflict while an item has no points. Marks the analysis of the attempt as
    stale.
    """
    if grades:
        added = postgresql.insert(AttemptGrade)
        await conn.execute(
            added.on_conflict_do_update(
                index_elements=["attempt_id", "item"],
                set_={
                    "points": added.excluded.points,
                    "grader_id": added.excluded.grader_id,
                    "comment": added.excluded.comment,
                    "graded_at": func.clock_timestamp(),
                },
            ),
            [
                {
                    "attempt_id": graded.attempt_id,
                    "item": grade.item,
                    "points": grade.points,
                    "comment": grade.comment,
                    "grader_id": grader_id,
                }
                for grade in grades
            ],
        )
    given = await _read_given(conn, graded.attempt_id)
    missing = [item.item for item in graded.items if item.item not in given]
    if final and missing:
        raise Conflict(f"Some items have no points yet: {', '.join(missing[:5])}")
    await _store_marks(
        conn,
        graded,
        [given[item.item].points if item.item in given else None for item in graded.items],
        grading,
        final=final,
    )
    await analyses.mark_stale(conn, [graded.attempt_id])


async def read_passing_scores(conn: AsyncConnection, exam_ids: Collection[UUID]) -> dict[UUID, float]:
    """Read the points to pass. Call it after the attempts are locked: see `decide_again`."""
    found = await conn.execute(select(Exam.id, Exam.passing_score).where(Exam.id.in_(exam_ids)))
    return {row.id: row.passing_score for row in found}


async def decide_again(conn: AsyncConnection, exam_id: UUID, passing_score: float) -> list[UUID]:
    """Decide again which attempts pass, after a change of the exam's points to pass; return those that are different.

    Locks all attempts of the exam, which the caller has locked. So attempts that are graded at the same time are
    decided before, and found here, or after COMMIT by the new points.
    """
    await conn.execute(
        select(ExamAttempt.id)
        .where(ExamAttempt.exam_id == exam_id)
        .order_by(ExamAttempt.id)
        .with_for_update(key_share=True)
    )
    passes = ExamAttempt.score >= passing_score
    changed = await conn.execute(
        update(ExamAttempt)
        .where(
            ExamAttempt.exam_id == exam_id, ExamAttempt.score.is_not(None), ExamAttempt.passed.is_distinct_from(passes)
        )
        .values(passed=passes)
        .returning(ExamAttempt.id)
    )
    return list(changed.scalars())


async def _store_marks(
    conn: AsyncConnection, graded: GradedAttempt, given: Sequence[float | None], grading: Grading, *, final: bool
) -> None:
    passing = await read_passing_scores(conn, [graded.exam_id])
    marks = grading.add_up(given, sum_points(item.points for item in graded.items), passing[graded.exam_id])
    values: dict[str, Any] = msgspec.structs.asdict(marks)
    if final and not graded.grade_final:
        values["grade_final_at"] = func.clock_timestamp()
    await conn.execute(update(ExamAttempt).where(ExamAttempt.id == graded.attempt_id).values(**values))


async def _require(conn: AsyncConnection, exam_id: UUID, user_id: UUID, attempt_id: UUID) -> None:
    try:
        await access.require(conn, exam_id, user_id, Permission.REVIEW)
    except NotFound:
        raise NotFound(f"There is no attempt {attempt_id} that you can see.") from None


async def _has_ended(conn: AsyncConnection, attempt_id: UUID) -> bool:
    found = await conn.execute(select(ExamAttempt.receipt.is_not(None)).where(ExamAttempt.id == attempt_id))
    return bool(found.scalar_one())


async def _read_given(conn: AsyncConnection, attempt_id: UUID) -> dict[str, StoredGrade]:
    found = await conn.execute(
        select(AttemptGrade.item, AttemptGrade.points, AttemptGrade.comment, AttemptGrade.graded_at, User.full_name)
        .outerjoin(User, User.id == AttemptGrade.grader_id)
        .where(AttemptGrade.attempt_id == attempt_id)
    )
    return {
        row.item: StoredGrade(
            points=row.points,
            by=BY_KEY if row.full_name is None else row.full_name,
            comment=row.comment,
            graded_at=to_ms(row.graded_at),
        )
        for row in found
    }
