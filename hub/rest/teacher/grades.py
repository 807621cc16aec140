"""Answers beside their keys, and a person's points for them: for those who may review the exam, and nobody else.

A person's word goes before the key's, and is the last one once they say so. Every look and every word leaves a row in
the audit log.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Conflict, Forbidden, NotFound
from db.notify import Notifier
from db.queries.attempts import grades
from db.queries.attempts.grades import GradedAttempt, Item, ItemGrade, StoredGrade
from hub.auth.guards import BEARER, Principal, principal_as
from hub.errors import Expired, Invalid, Unauthenticated, problems
from hub.rest.http import audit
from hub.rest.http.fields import Text
from judgement import grading
from protocol.attempts import ItemKind
from protocol.limits import ITEM_CHARS
from protocol.roles import Role

GRADES_MAX: Final = 500


class ReadAnswer(msgspec.Struct, frozen=True):
    """The answer that stands; `saved_at`, ms since the epoch, is when it was stored."""

    value: Any
    revision: int
    saved_at: int


class GradedItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item with its key, the answer that stands, and what it was given: `by` is "key" or a person's name."""

    item: str
    kind: ItemKind
    prompt: str
    choices: list[str]
    answer_key: Any
    points: float
    answer: ReadAnswer | None
    given: StoredGrade | None


class ScriptView(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt as it is graded; the sum is null while an item has no points."""

    items: list[GradedItem]
    score: float | None
    max_score: float
    percentage: float | None
    passed: bool | None
    grade_final: bool


class NewGrade(msgspec.Struct, frozen=True):
    """A person's points for one item, from 0 to the item's own."""

    item: Annotated[str, msgspec.Meta(min_length=1, max_length=ITEM_CHARS)]
    points: Annotated[float, msgspec.Meta(ge=0, le=1e9)]
    comment: Text = ""


class Grading(msgspec.Struct, frozen=True):
    """Points for some items; with `final` the grade is the last word, which wants points for every item."""

    grades: Annotated[list[NewGrade], msgspec.Meta(max_length=GRADES_MAX)]
    final: bool = False


@get(
    "/{attempt_id:uuid}/answers",
    summary="Read an attempt's answers with their keys",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden, NotFound),
)
async def read_answers(
    request: audit.AnyRequest,
    attempt_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
) -> ScriptView:
    """Read the items, their keys, the answers that stand, and what they were given so far."""
    async with engine.begin() as conn:
        script = await grades.read_graded_attempt(conn, attempt_id, principal.user_id)
        await audit.leave(conn, request, principal.user_id, "read_answers", "attempt", attempt_id)
    return _view(script)


@post(
    "/{attempt_id:uuid}/grade",
    status_code=HTTP_200_OK,
    summary="Grade an attempt",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound, Conflict),
)
async def grade_attempt(
    request: audit.AnyRequest,
    attempt_id: FromPath[UUID],
    data: JSONBody[Grading],
    engine: NamedDependency[AsyncEngine],
    notifier: NamedDependency[Notifier],
    principal: NamedDependency[Principal],
) -> ScriptView:
    """Give items points, in the place of whatever they were given; conclusions that rest on them are made anew.

    An attempt is graded once it has ended. A grade that was final stays so, and can still be mended.
    """
    async with engine.begin() as conn:
        script = await grades.lock_graded_attempt(conn, attempt_id, principal.user_id)
        new = _read_grades(data.grades, script.items)
        await grades.store_grades(conn, script, new, principal.user_id, grading, final=data.final)
        given = {one.item: f"{one.points:g}" for one in new}
        details = {"grades": msgspec.json.encode(given).decode(), "final": data.final}
        await audit.leave(conn, request, principal.user_id, "grade", "attempt", attempt_id, **details)
        graded = await grades.read_graded_attempt(conn, attempt_id, principal.user_id)
    await notifier.enqueue_analyse([attempt_id])
    return _view(graded)


router: Final = Router(
    path="/teacher/attempts",
    tags=["teacher"],
    route_handlers=[read_answers, grade_attempt],
    dependencies={"principal": Provide(principal_as(Role.TEACHER, Role.ADMIN))},
)


def _read_grades(new: Sequence[NewGrade], items: Sequence[Item]) -> list[ItemGrade]:
    """Refuse by its path what cannot be given."""
    most = {one.item: one.points for one in items}
    seen: set[str] = set()
    for index, one in enumerate(new):
        path = f"$.grades[{index}]"
        if one.item not in most:
            raise Invalid(f"{path}.item", "there is no such item in this attempt")
        if one.item in seen:
            raise Invalid(f"{path}.item", "used twice")
        if one.points > most[one.item]:
            raise Invalid(f"{path}.points", f"must be at most {most[one.item]:g}")
        seen.add(one.item)
    return [ItemGrade(one.item, one.points, one.comment) for one in new]


def _view(script: GradedAttempt) -> ScriptView:
    return ScriptView(
        items=[_item(one, script) for one in script.items],
        score=script.marks.score,
        max_score=script.marks.max_score,
        percentage=script.marks.percentage,
        passed=script.marks.passed,
        grade_final=script.grade_final,
    )


def _item(item: Item, script: GradedAttempt) -> GradedItem:
    stands = script.answers.get(item.item)
    return GradedItem(
        item=item.item,
        kind=item.kind,
        prompt=item.prompt,
        choices=item.choices,
        answer_key=item.answer_key,
        points=item.points,
        answer=None if stands is None else ReadAnswer(stands.value, stands.revision, stands.saved_at),
        given=script.given.get(item.item),
    )
