"""Read the answers of an attempt with their keys, and grade them. Only for users who can review the exam.

Points from a teacher replace those from the answer key. Reading and grading must never happen without an audit row.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Router, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK
from msgspec import UNSET, UnsetType
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Conflict, Forbidden, NotFound
from db.notify import Notifier
from db.queries.attempts import grades
from db.queries.attempts.answers import LateRevision
from db.queries.attempts.grades import GradedAttempt, ItemGrade, StoredGrade
from db.queries.exams.items import Item
from db.unit import change
from hub.auth.guards import BEARER, Principal, principal_as
from hub.errors import Expired, Invalid, Unauthenticated, problems
from hub.rest.http.audit import AnyRequest, record_action
from hub.rest.http.bodies import LARGE_BYTES, StrictRequest
from hub.rest.http.fields import Text
from judgement import grading
from protocol.attempts import ItemKind
from protocol.limits import ITEM_CHARS
from protocol.roles import Role

GRADES_MAX: Final = 500


class ReadAnswer(msgspec.Struct, frozen=True):
    """The answer that counts. `saved_at` is when it was stored, in ms since the epoch."""

    value: Any
    revision: int
    saved_at: int


class ReadLateAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The last answer, which arrived `late_ms` after the end. It does not count by itself: you may give points for it.

    `points` is what the answer key would give for it; null where a grader decides.
    """

    value: Any
    revision: int
    saved_at: int
    late_ms: int
    points: float | None


class GradedItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item with its key, the answer that counts, and its points. `by` is "key" or the name of a teacher.

    `late` is a different answer that arrived after the end of the attempt.
    """

    item: str
    kind: ItemKind
    prompt: str
    choices: list[str]
    answer_key: Any
    points: float
    answer: ReadAnswer | None
    late: ReadLateAnswer | None
    given: StoredGrade | None


class GradedAttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt with its points. The sum is null while an item has no points."""

    items: list[GradedItem]
    score: float | None
    max_score: float
    percentage: float | None
    passed: bool | None
    grade_final: bool


class SeenGrade(msgspec.Struct, frozen=True):
    """The points of an item as you saw them: `points` and `graded_at` of its `given`."""

    points: float
    graded_at: int


class NewGrade(msgspec.Struct, frozen=True):
    """Points for one item, from 0 to the maximum of the item, as a number and not as text.

    `seen` is what you saw as `given`, null for no points: 409 if another grader has changed them since. Without `seen`,
    the points replace any others.
    """

    item: Annotated[str, msgspec.Meta(min_length=1, max_length=ITEM_CHARS)]
    points: Annotated[float, msgspec.Meta(ge=0, le=1e9)]
    comment: Text = ""
    seen: SeenGrade | UnsetType | None = UNSET


class GradeRequest(msgspec.Struct, frozen=True):
    """Points for some items. `final` makes the grade final; then every item needs points."""

    grades: Annotated[list[NewGrade], msgspec.Meta(max_length=GRADES_MAX)]
    final: bool = False


@get(
    "/{attempt_id:uuid}/answers",
    summary="Read an attempt's answers and answer keys",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden, NotFound),
)
async def read_answers(
    request: AnyRequest,
    attempt_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
) -> GradedAttemptView:
    """Read the items, their keys, the answers that count, and their points so far."""
    async with change(engine, None) as unit:
        attempt = await grades.read_graded_attempt(unit.conn, attempt_id, principal.user_id)
        record_action(unit, request, principal.user_id, "read_answers", "attempt", attempt_id)
    return _view(attempt)


@post(
    "/{attempt_id:uuid}/grade",
    status_code=HTTP_200_OK,
    summary="Grade an attempt",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound, Conflict),
    request_class=StrictRequest,
    request_max_body_size=LARGE_BYTES,
)
async def grade_attempt(
    request: AnyRequest,
    attempt_id: FromPath[UUID],
    data: JSONBody[GradeRequest],
    engine: NamedDependency[AsyncEngine],
    notifier: NamedDependency[Notifier],
    principal: NamedDependency[Principal],
) -> GradedAttemptView:
    """Set points for items. They replace earlier points, and the attempt is analyzed again.

    You can grade an attempt after it has ended. A final grade stays final, but can be corrected.
    """
    async with change(engine, notifier) as unit:
        attempt = await grades.lock_graded_attempt(unit.conn, attempt_id, principal.user_id)
        new = _read_grades(data.grades, attempt.items)
        _check_seen(data.grades, attempt.given)
        await grades.store_grades(unit.conn, attempt, new, principal.user_id, grading, final=data.final)
        points = {grade.item: f"{grade.points:g}" for grade in new}
        details = {"grades": msgspec.json.encode(points).decode(), "final": data.final}
        record_action(unit, request, principal.user_id, "grade", "attempt", attempt_id, **details)
        unit.enqueue_analysis([attempt_id])
        graded = await grades.read_graded_attempt(unit.conn, attempt_id, principal.user_id)
    return _view(graded)


router: Final = Router(
    path="/teacher/attempts",
    tags=["teacher"],
    route_handlers=[read_answers, grade_attempt],
    dependencies={"principal": Provide(principal_as(Role.TEACHER, Role.ADMIN))},
)


def _read_grades(new: Sequence[NewGrade], items: Sequence[Item]) -> list[ItemGrade]:
    """Convert the grades of a request. Raises Invalid for one that is not valid for its item."""
    maximum = {item.item: item.points for item in items}
    seen: set[str] = set()
    for index, grade in enumerate(new):
        path = f"$.grades[{index}]"
        if grade.item not in maximum:
            raise Invalid(f"{path}.item", "there is no such item in this attempt")
        if grade.item in seen:
            raise Invalid(f"{path}.item", "used twice")
        if grade.points > maximum[grade.item]:
            raise Invalid(f"{path}.points", f"must be at most {maximum[grade.item]:g}")
        seen.add(grade.item)
    # 0.0 + -0.0 is 0.0: no one reads "-0 points".
    return [ItemGrade(grade.item, 0.0 + grade.points, grade.comment) for grade in new]


def _check_seen(new: Sequence[NewGrade], given: Mapping[str, StoredGrade]) -> None:
    """Raise Conflict for an item whose points have changed since the grader saw them.

    Points and a comment that are stored already are no conflict: a request may be repeated.
    """
    for grade in new:
        stored = given.get(grade.item)
        if isinstance(grade.seen, UnsetType) or _is_seen(grade.seen, stored):
            continue
        if stored is None:
            raise Conflict(f"Item {grade.item} has no points any more. Reload and try again.")
        if (stored.points, stored.comment) != (grade.points, grade.comment):
            by = "The answer key" if stored.by == grades.BY_KEY else stored.by
            raise Conflict(
                f"{by} has graded item {grade.item} since you opened it. Reload and try again.",
                by=stored.by,
                at=stored.graded_at,
            )


def _is_seen(seen: SeenGrade | None, stored: StoredGrade | None) -> bool:
    if seen is None or stored is None:
        return seen is None and stored is None
    return (seen.points, seen.graded_at) == (stored.points, stored.graded_at)


def _view(attempt: GradedAttempt) -> GradedAttemptView:
    return GradedAttemptView(
        items=[_item(item, attempt) for item in attempt.items],
        score=attempt.marks.score,
        max_score=attempt.marks.max_score,
        percentage=attempt.marks.percentage,
        passed=attempt.marks.passed,
        grade_final=attempt.grade_final,
    )


def _item(item: Item, attempt: GradedAttempt) -> GradedItem:
    answer = attempt.answers.get(item.item)
    late = attempt.late.get(item.item)
    return GradedItem(
        item=item.item,
        kind=item.kind,
        prompt=item.prompt,
        choices=item.choices,
        answer_key=item.answer_key,
        points=item.points,
        answer=None if answer is None else ReadAnswer(answer.value, answer.revision, answer.saved_at),
        late=None if late is None else _late(item, late),
        given=attempt.given.get(item.item),
    )


def _late(item: Item, late: LateRevision) -> ReadLateAnswer:
    return ReadLateAnswer(
        value=late.value,
        revision=late.revision,
        saved_at=late.saved_at,
        late_ms=late.late_ms,
        points=grading.grade_item(item.kind, item.answer_key, item.points, late.value),
    )
