"""Grades: what each item of an attempt was given, by its key or by a person, and what they come to.

A person's word goes before the key's. How an answer is graded is not decided here: whoever asks gives the arithmetic.
"""

from collections.abc import Mapping, Sequence
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
from db.queries.attempts.answers import Revision
from protocol.attempts import AttemptStatus, ItemKind, Marks
from protocol.roles import Permission

BY_KEY: Final = "key"


class Grading(Protocol):
    """The arithmetic: `judgement.grading`."""

    def grade_item(self, kind: ItemKind, key: Any, points: float, value: Any) -> float | None:
        """Give an answer its points by the key; None where a person has to look."""

    def add_up(self, given: Sequence[float | None], max_score: float, passing_score: float) -> Marks:
        """Add up what the items were given."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One item of the version an attempt is pinned to, with its key."""

    item: str
    kind: ItemKind
    prompt: str
    choices: list[str]
    points: float
    answer_key: Any


class StoredGrade(msgspec.Struct, frozen=True, kw_only=True):
    """What one item was given: `by` the "key", or a person of this name; `graded_at` in ms since the epoch."""

    points: float
    by: str
    comment: str
    graded_at: int


class ItemGrade(msgspec.Struct, frozen=True):
    """What a person gives one item."""

    item: str
    points: float
    comment: str = ""


class GradedAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt as it is graded: its items with their keys, the answers that stand, what they were given, the marks.

    `status` and `grade_final` say whether it has ended, and whether a person or the keys have had the last word.
    """

    attempt_id: UUID
    exam_id: UUID
    status: AttemptStatus
    items: list[Item]
    answers: Mapping[str, Revision]
    given: Mapping[str, StoredGrade]
    marks: Marks
    grade_final: bool


async def read_items(conn: AsyncConnection, exam_id: UUID, version: int) -> list[Item]:
    """Read one version of an exam's items, in their order, with their keys."""
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


async def grade_by_keys(
    conn: AsyncConnection, attempt_id: UUID, items: Sequence[Item], standing: Mapping[str, Revision], grading: Grading
) -> list[float | None]:
    """Grade what the keys can, store it, and tell what each item was given, in their order."""
    given = [
        grading.grade_item(
            one.kind, one.answer_key, one.points, standing[one.item].value if one.item in standing else None
        )
        for one in items
    ]
    rows = [
        {"attempt_id": attempt_id, "item": one.item, "points": points}
        for one, points in zip(items, given, strict=True)
        if points is not None
    ]
    if rows:
        await conn.execute(insert(AttemptGrade), rows)
    return given


async def read_graded_attempt(conn: AsyncConnection, attempt_id: UUID, user_id: UUID) -> GradedAttempt:
    """Read an attempt as somebody who may review its exam sees it. Raises NotFound, and Forbidden to who may not."""
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
    most = sum(one.points for one in items) if row.max_score is None else row.max_score
    return GradedAttempt(
        attempt_id=attempt_id,
        exam_id=row.exam_id,
        status=AttemptStatus(row.status),
        items=items,
        answers=await answers.read_current_answers(conn, attempt_id),
        given=await _read_given(conn, attempt_id),
        marks=Marks(row.score, most, row.percentage, row.passed),
        grade_final=row.grade_final_at is not None,
    )


async def lock_graded_attempt(conn: AsyncConnection, attempt_id: UUID, user_id: UUID) -> GradedAttempt:
    """Read an attempt to grade it: nobody else does so until COMMIT.

    Raises NotFound, Forbidden, and Conflict while it has not ended.
    """
    await conn.execute(select(ExamAttempt.id).where(ExamAttempt.id == attempt_id).with_for_update(key_share=True))
    script = await read_graded_attempt(conn, attempt_id, user_id)
    if not await _has_ended(conn, attempt_id):
        raise Conflict("You can grade an attempt after it has ended.")
    return script


async def store_grades(
    conn: AsyncConnection,
    script: GradedAttempt,
    grades: Sequence[ItemGrade],
    grader_id: UUID,
    grading: Grading,
    *,
    final: bool,
) -> None:
    """Give items of a locked script a person's points, in the place of whatever they were given, and sum up anew.

    With `final` the grade is the last word: raises Conflict while an item has no points. What is concluded from the
    marks is to be concluded anew.
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
                    "attempt_id": script.attempt_id,
                    "item": one.item,
                    "points": one.points,
                    "comment": one.comment,
                    "grader_id": grader_id,
                }
                for one in grades
            ],
        )
    given = await _read_given(conn, script.attempt_id)
    missing = [one.item for one in script.items if one.item not in given]
    if final and missing:
        raise Conflict(f"Some items have no points yet: {', '.join(missing[:5])}")
    await _store_marks(
        conn,
        script,
        [given[one.item].points if one.item in given else None for one in script.items],
        grading,
        final=final,
    )
    await analyses.mark_stale(conn, [script.attempt_id])


async def _store_marks(
    conn: AsyncConnection, script: GradedAttempt, given: Sequence[float | None], grading: Grading, *, final: bool
) -> None:
    passing: float = (await conn.execute(select(Exam.passing_score).where(Exam.id == script.exam_id))).scalar_one()
    marks = grading.add_up(given, sum(one.points for one in script.items), passing)
    values: dict[str, Any] = msgspec.structs.asdict(marks)
    if final and not script.grade_final:
        values["grade_final_at"] = func.clock_timestamp()
    await conn.execute(update(ExamAttempt).where(ExamAttempt.id == script.attempt_id).values(**values))


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
