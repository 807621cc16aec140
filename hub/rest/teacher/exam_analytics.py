"""Read the analytics of an exam, and its attempts page by page. This module must never change anything."""

from uuid import UUID

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Forbidden, NotFound
from db.queries.review import attempts, exam_analytics
from db.queries.review.attempts import AttemptSummary
from db.queries.review.exam_analytics import Bin, ExamHeading, Figures, ItemFigures, Risks, RuleFigures
from db.unit import change
from hub.auth.guards import BEARER, Principal
from hub.errors import Expired, Invalid, Unauthenticated, problems
from hub.rest.http.audit import AnyRequest, record_action
from hub.rest.http.paging import PAGE, After, Limit, Number, make_page, read_cursor
from judgement.rules import describe
from judgement.score.precision import compute_precision


class RuleRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The decisions about the flags of one rule in this exam.

    `precision` is the share of confirmed flags, null before any decision. `low` and `high` are its 95 % Wilson
    interval, which is wide for few decisions.
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
    """The figures of an exam. `students` is a page of its attempts; `next` is the `after` of the next page."""

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
    summary="Read the analytics of an exam",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound),
)
async def read_analytics(
    request: AnyRequest,
    exam_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
    after: After = None,
    limit: Limit = PAGE,
) -> Analytics:
    """Read averages, distributions, items and rules of the attempts that have ended, and a page of all attempts."""
    after_number = read_cursor(after, Number)
    async with change(engine, None) as unit:
        conn = unit.conn
        record_action(unit, request, principal.user_id, "read_analytics", "exam", exam_id)
        head = await exam_analytics.read_heading(conn, exam_id, principal.user_id)
        figures, risks = await exam_analytics.read_figures(conn, exam_id)
        found = await attempts.list_page(conn, exam_id, after=after_number, limit=limit + 1)
        scores, integrity = await exam_analytics.read_distributions(conn, exam_id)
        items = await exam_analytics.read_items(conn, exam_id)
        rules = await exam_analytics.read_rules(conn, exam_id)
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
        rules=[_record_of(rule) for rule in rules],
    )


def _record_of(rule: RuleFigures) -> RuleRecord:
    result = compute_precision(rule.confirmed, rule.dismissed)
    return RuleRecord(
        rule=rule.rule,
        name=describe(rule.rule).name,
        raised=rule.raised,
        confirmed=rule.confirmed,
        dismissed=rule.dismissed,
        open=rule.open,
        precision=result.precision,
        low=result.low,
        high=result.high,
    )
