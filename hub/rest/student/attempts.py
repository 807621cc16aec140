"""An attempt of one's own: while it runs all that is needed to go on from any machine, afterwards what came of it."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncEngine

from db.queries import answers, papers
from db.queries.answers import Revision
from db.queries.endings import Receipt
from db.queries.papers import Owner, Paper, PaperExam, PaperItem
from hub.auth.guards import BEARER, Person
from hub.errors import Expired, Forbidden, Invalid, Missing, Unauthenticated, problems
from hub.rest.paging import PAGE, After, Limit, Page, make_page, read_cursor
from protocol.attempts import ShownStatus, show_status


class SavedAnswer(msgspec.Struct, frozen=True):
    """The answer to one item that stands; `saved_at`, ms since the epoch, is when it was stored."""

    value: Any
    revision: int
    saved_at: int


class AnswerRevision(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of the answer to one item, and whether it is the one that stands."""

    item: str
    revision: int
    value: Any
    saved_at: int
    stands: bool


class AttemptPaper(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt, all times in ms since the epoch; `record` is what came of it, once it has ended."""

    attempt_id: UUID
    exam: PaperExam
    status: ShownStatus
    server_at: int
    started_at: int
    deadline: int | None
    completed_at: int | None
    items: list[PaperItem]
    answers: dict[str, SavedAnswer]
    receipt: Receipt | None


@get(
    "/exams/{attempt_id:uuid}",
    summary="Read an attempt",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden, Missing),
)
async def read_attempt(
    attempt_id: FromPath[UUID], engine: NamedDependency[AsyncEngine], person: NamedDependency[Person]
) -> AttemptPaper:
    """Read an attempt of one's own: its items, saved answers and remaining time; afterwards receipt and record."""
    owner = Owner(person.user_id, person.exam_id)
    async with engine.connect() as conn:
        paper = await papers.read_paper(conn, attempt_id, owner)
    return _view(paper)


@get(
    "/exams/{attempt_id:uuid}/answers",
    summary="List the revisions of one's answers",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, Missing),
)
async def list_answers(
    attempt_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    person: NamedDependency[Person],
    after: After = None,
    limit: Limit = PAGE,
) -> Page[AnswerRevision]:
    """List every revision of every answer, item by item; one that came too late does not stand, and is kept."""
    place = read_cursor(after, tuple[str, int])
    owner = Owner(person.user_id, person.exam_id)
    async with engine.connect() as conn:
        await papers.list_item_names(conn, attempt_id, owner)
        found = await answers.list_revisions(conn, attempt_id, after=place, limit=limit + 1)
    return make_page([_revision(one) for one in found], limit, lambda one: (one.item, one.revision))


def _view(paper: Paper) -> AttemptPaper:
    return AttemptPaper(
        attempt_id=paper.attempt_id,
        exam=paper.exam,
        status=show_status(paper.status),
        server_at=paper.server_at,
        started_at=paper.started_at,
        deadline=paper.deadline,
        completed_at=paper.completed_at,
        items=paper.items,
        answers={item: SavedAnswer(one.value, one.revision, one.saved_at) for item, one in paper.answers.items()},
        receipt=paper.receipt,
    )


def _revision(one: Revision) -> AnswerRevision:
    return AnswerRevision(
        item=one.item, revision=one.revision, value=one.value, saved_at=one.saved_at, stands=one.stands
    )
