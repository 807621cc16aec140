"""An exam in figures, and its attempts page by page, for those who may see its analytics. Nothing is decided here."""

from uuid import UUID

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Forbidden, NotFound
from db.queries.review import attempts
from db.queries.review import exam_analytics as analytics
from db.queries.review.attempts import AttemptSummary
from db.queries.review.exam_analytics import Bin, ExamHeading, Figures, ItemFigures, Risks, RuleFigures
from hub.auth.guards import BEARER, Principal
from hub.errors import Expired, Invalid, Unauthenticated, problems
from hub.rest.http.paging import PAGE, After, Limit, make_page, read_cursor
from judgement.rules import describe
from judgement.score.precision import compute_precision


class RuleRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What people decided about one rule's flags here; `precision` is the share confirmed, null before any decision.

    `low` and `high` are its 95 % interval, Wilson's: of few decisions it is wide.
    """

    rule: str
    name: str
    raised: int
    confirmed: int
    dismissed: int
    open: int
    precision: float | None
    low: float
    high: float


class Analytics(msgspec.Struct, frozen=True, kw_only=True):
    """An exam in figures; `students` holds attempts, page by page: `next` is the `after` of the page that follows."""

    exam: ExamHeading
    analytics: Figures
    students: list[AttemptSummary]
    next: str | None
    risk_distribution: Risks
    score_distribution: list[Bin]
    integrity_distribution: list[Bin]
    items: list[ItemFigures]
    rules: list[RuleRecord]


@get(
    "/exams/{exam_id:uuid}/analytics",
    summary="See an exam in figures",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound),
)
async def read_analytics(
    exam_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
    after: After = None,
    limit: Limit = PAGE,
) -> Analytics:
    """Read averages, distributions, items and rules of the attempts that have ended, and a page of all attempts."""
    place = read_cursor(after, int)
    async with engine.connect() as conn:
        head = await analytics.read_heading(conn, exam_id, principal.user_id)
        figures, risks = await analytics.read_figures(conn, exam_id)
        found = await attempts.list_page(conn, exam_id, after=place, limit=limit + 1)
        scores, integrity = await analytics.read_distributions(conn, exam_id)
        items = await analytics.read_items(conn, exam_id)
        rules = await analytics.read_rules(conn, exam_id)
    page = make_page(found, limit, lambda attempt: attempt.ix)
    return Analytics(
        exam=head,
        analytics=figures,
        students=page.items,
        next=page.next,
        risk_distribution=risks,
        score_distribution=scores,
        integrity_distribution=integrity,
        items=items,
        rules=[_judge(rule) for rule in rules],
    )


def _judge(rule: RuleFigures) -> RuleRecord:
    judged = compute_precision(rule.confirmed, rule.dismissed)
    return RuleRecord(
        rule=rule.rule,
        name=describe(rule.rule).name,
        raised=rule.raised,
        confirmed=rule.confirmed,
        dismissed=rule.dismissed,
        open=rule.open,
        precision=judged.precision,
        low=judged.low,
        high=judged.high,
    )
