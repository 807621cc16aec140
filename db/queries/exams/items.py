"""Items of an exam, in immutable versions; an attempt keeps the version that it started with.

Never reads answer keys for a user who may neither edit the exam nor review its attempts.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import Conflict
from db.models import Exam, ExamItem
from db.queries import access
from protocol.attempts import ItemKind, sum_points
from protocol.roles import Permission

KEYS = (Permission.EDIT, Permission.REVIEW)
"""Either permission allows reading answer keys."""

SEEN_BY = (Permission.VIEW, *KEYS)
"""Either permission allows reading the items."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One item.

    `item` is the name that events and answers use. `answer_key` is null where a grader gives the points.
    """

    item: str
    kind: ItemKind
    prompt: str
    choices: list[str]
    points: float
    answer_key: Any


class ItemSet(msgspec.Struct, frozen=True):
    """One version of the items of an exam, in order. Without `with_keys`, every key is null. Version 0 is empty."""

    version: int
    items: list[Item]
    with_keys: bool


async def read_newest_items(conn: AsyncConnection, exam_id: UUID, user_id: UUID) -> ItemSet:
    """Read the newest items of an exam, with keys if the user may see them. Raises NotFound and Forbidden."""
    found = await conn.execute(
        select(Exam.items_version, access.permits(user_id, *KEYS).label("with_keys")).where(
            Exam.id == exam_id, access.permits(user_id, *SEEN_BY)
        )
    )
    exam = found.one_or_none()
    if exam is None:
        await access.raise_refusal(conn, exam_id, user_id, *SEEN_BY)
    rows = await conn.execute(
        select(
            ExamItem.item,
            ExamItem.kind,
            ExamItem.prompt,
            ExamItem.choices,
            ExamItem.points,
            (ExamItem.answer_key if exam.with_keys else null()).label("answer_key"),
        )
        .where(ExamItem.exam_id == exam_id, ExamItem.version == exam.items_version)
        .order_by(ExamItem.position)
    )
    return ItemSet(exam.items_version, [_item(row) for row in rows], exam.with_keys)


async def replace_items(
    conn: AsyncConnection, exam_id: UUID, user_id: UUID, items: Sequence[Item], *, seen: int | None = None
) -> int:
    """Add the next version of the items and update the maximum score; return the version.

    Raises NotFound, Forbidden, and Conflict when `seen` is given and is not the newest version.
    """
    changed = await conn.execute(
        update(Exam)
        .where(Exam.id == exam_id, access.permits(user_id, Permission.EDIT))
        .values(
            items_version=Exam.items_version + 1,
            max_score=sum_points(item.points for item in items),
            version=Exam.version + 1,
        )
        .returning(Exam.items_version)
    )
    version: int | None = changed.scalar_one_or_none()
    if version is None:
        await access.raise_refusal(conn, exam_id, user_id, Permission.EDIT)
    if seen not in (None, version - 1):
        raise Conflict(f"The items have changed since you opened them (version {version - 1}). Reload and try again.")
    if items:
        await conn.execute(
            insert(ExamItem),
            [
                {"exam_id": exam_id, "version": version, "position": position, **msgspec.structs.asdict(item)}
                for position, item in enumerate(items, 1)
            ],
        )
    return version


def _item(row: Any) -> Item:
    return Item(
        item=row.item,
        kind=ItemKind(row.kind),
        prompt=row.prompt,
        choices=row.choices,
        points=row.points,
        answer_key=row.answer_key,
    )
