"""Analytics of an exam: averages, distributions, items and rules.

Averages, labels and items come from the summary, which a worker renews; before that, from the attempts.
Never returns data about one student.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    ColumnElement,
    Double,
    Integer,
    Select,
    case,
    cast,
    exists,
    func,
    select,
    text,
    true,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.errors import NotFound
from db.models import AttemptGrade, Exam, ExamAttempt, ExamItem, ExamPerformance, Flag, SummaryChange
from db.queries import access
from protocol.analysis import HIGH_RISK, DropoutLabel
from protocol.attempts import ExamKind
from protocol.flags import UNDECIDED, FlagSource, FlagStatus
from protocol.roles import Permission

RESPONSES: Final = "responses"
"""The key of the answers in `submission_data`, by item."""

BINS: Final = 10
"""The number of equal parts of a distribution."""


class ExamHeading(msgspec.Struct, frozen=True, kw_only=True):
    """The exam that the figures are about."""

    exam_id: UUID
    title: str
    subject: str
    topic: str
    max_score: float
    passing_score: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The ended attempts together, as of `as_of` (ms since the epoch). Averages are null without attempts.

    `average_score` and `pass_rate` are percentages, `average_integrity` is 0 to 1, `average_lmi` 0 to 100.
    """

    total_attempts: int
    average_score: float | None
    pass_rate: float | None
    high_risk_count: int
    average_integrity: float | None
    average_lmi: float | None
    flagged: int
    as_of: int


class Risks(msgspec.Struct, frozen=True, kw_only=True):
    """How many attempts have which dropout label; `unknown` have none."""

    safe: int
    incapable: int
    copy: int
    no_interest: int
    unknown: int


class Bin(msgspec.Struct, frozen=True):
    """How many attempts have a value from `low` up to `high`, exclusive. The last bin includes its upper end."""

    low: float = msgspec.field(name="from")
    high: float = msgspec.field(name="to")
    count: int = 0


class ItemFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How many ended attempts answered an item, and the average points of those that were graded on it."""

    item: str
    prompt: str
    points: float
    answered: int
    average_points: float | None


class RuleFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The flags of one rule by outcome."""

    rule: str
    raised: int
    confirmed: int
    dismissed: int
    open: int


_IS_CHANGING: Final = exists().where(SummaryChange.exam_id == ExamPerformance.exam_id).correlate(ExamPerformance)
# Without a change that waits, the row is what would be added up now.
_AS_OF: Final = case((_IS_CHANGING, ExamPerformance.as_of), else_=func.now()).label("as_of")
_SUMMARY: Final = select(
    *(column for column in ExamPerformance.__table__.c if column.name not in ("as_of", "items")), _AS_OF
)
_NO_RISKS: Final = dict.fromkeys(("high_risk_count", "flagged", *map(str, DropoutLabel)), 0)


async def read_heading(conn: AsyncConnection, exam_id: UUID, user_id: UUID) -> ExamHeading:
    """Read the heading of an exam. Raises NotFound and Forbidden. A user who may read it may read all figures."""
    await access.require(conn, exam_id, user_id, Permission.VIEW_ANALYTICS)
    found = await conn.execute(
        select(Exam.title, Exam.subject, Exam.topic, Exam.max_score, Exam.passing_score).where(Exam.id == exam_id)
    )
    row = found.mappings().one_or_none()
    if row is None:
        raise NotFound(f"There is no exam {exam_id}.")
    return ExamHeading(exam_id=exam_id, **row)


async def read_figures(conn: AsyncConnection, exam_id: UUID) -> tuple[Figures, Risks]:
    """Read averages and labels from the view, or from the attempts when the view has no row yet.

    A practice exam has no risks: all its attempts count as without a label, and none as one that needs attention.
    """
    found = await conn.execute(_SUMMARY.where(ExamPerformance.exam_id == exam_id))
    row = found.mappings().one_or_none()
    if row is None:
        row = (await conn.execute(_live(exam_id))).mappings().one()
    # PostgreSQL's average of integers is a numeric, and SQLAlchemy's names are not plain strings.
    rate = row["pass_rate"]
    plain = {str(name): value for name, value in row.items()}
    if (await conn.execute(select(Exam.kind).where(Exam.id == exam_id))).scalar_one_or_none() == ExamKind.PRACTICE:
        plain |= _NO_RISKS | {"unknown": plain["total_attempts"]}
    figures = plain | {"pass_rate": None if rate is None else float(rate), "as_of": to_ms(row["as_of"])}
    return msgspec.convert(figures, Figures), msgspec.convert(figures, Risks)


async def read_distributions(conn: AsyncConnection, exam_id: UUID) -> tuple[list[Bin], list[Bin]]:
    """Read the distributions of percentages and of integrity scores of the ended attempts."""
    tops = {ExamAttempt.percentage: 100.0, ExamAttempt.integrity_score: 1.0}
    # Without a value there is no bin: `least` alone would take null for the last one.
    numbers = [
        case((value.is_not(None), func.least(func.width_bucket(value, 0, top, BINS), BINS)))
        for value, top in tops.items()
    ]
    found = await conn.execute(
        select(*numbers, func.count())
        .where(ExamAttempt.exam_id == exam_id, ExamAttempt.completed_at.is_not(None))
        .group_by(*(text(str(place + 1)) for place in range(len(numbers))))
    )
    rows = found.all()
    percentage, integrity = (_fill_bins(top, rows, place) for place, top in enumerate(tops.values()))
    return percentage, integrity


async def read_items(conn: AsyncConnection, exam_id: UUID) -> list[ItemFigures]:
    """Read the figures of each of the exam's newest items, in their order.

    They come from the summary, or from the attempts while a change waits for it.
    """
    stored = select(ExamPerformance.items).where(ExamPerformance.exam_id == exam_id, ~_IS_CHANGING)
    counted: dict[str, Any] | None = (await conn.execute(stored)).scalar_one_or_none()
    if counted is None:
        return await _count_items(conn, exam_id)
    found = await conn.execute(_newest_items(exam_id, ExamItem.item, ExamItem.prompt, ExamItem.points))
    return [
        ItemFigures(
            item=row.item,
            prompt=row.prompt,
            points=row.points,
            answered=counted.get(row.item, _UNANSWERED)[0],
            average_points=counted.get(row.item, _UNANSWERED)[1],
        )
        for row in found
    ]


_UNANSWERED: Final = (0, None)


def _newest_items(exam_id: UUID, *columns: Any) -> Select[Any]:
    return (
        select(*columns)
        .select_from(ExamItem)
        .join(Exam, (Exam.id == ExamItem.exam_id) & (Exam.items_version == ExamItem.version))
        .where(ExamItem.exam_id == exam_id)
        .order_by(ExamItem.position)
    )


async def _count_items(conn: AsyncConnection, exam_id: UUID) -> list[ItemFigures]:
    ended = (ExamAttempt.exam_id == exam_id) & ExamAttempt.completed_at.is_not(None)
    given = (
        select(AttemptGrade.item, func.avg(AttemptGrade.points).label("points"))
        .join(ExamAttempt, ExamAttempt.id == AttemptGrade.attempt_id)
        .where(ended)
        .group_by(AttemptGrade.item)
        .subquery("given")
    )
    keys = func.jsonb_object_keys(ExamAttempt.submission_data[RESPONSES]).table_valued("item")
    answer = keys.render_derived().lateral("answer")
    answered = (
        select(answer.c.item, func.count().label("attempts"))
        .select_from(ExamAttempt)
        .join(answer, true())
        .where(ended, func.jsonb_typeof(ExamAttempt.submission_data[RESPONSES]) == "object")
        .group_by(answer.c.item)
        .subquery("answered")
    )
    figures = (func.coalesce(answered.c.attempts, 0).label("answered"), given.c.points.label("average_points"))
    found = await conn.execute(
        _newest_items(exam_id, ExamItem.item, ExamItem.prompt, ExamItem.points, *figures)
        .outerjoin(answered, answered.c.item == ExamItem.item)
        .outerjoin(given, given.c.item == ExamItem.item)
    )
    return [ItemFigures(**row) for row in found.mappings()]


async def read_rules(conn: AsyncConnection, exam_id: UUID) -> list[RuleFigures]:
    """Read the flags of rules in an exam, rule by rule."""

    def counted(*among: FlagStatus) -> ColumnElement[int]:
        return func.count().filter(Flag.status.in_(among))

    found = await conn.execute(
        select(
            Flag.rule,
            func.count().label("raised"),
            counted(FlagStatus.CONFIRMED).label("confirmed"),
            counted(FlagStatus.DISMISSED).label("dismissed"),
            counted(*UNDECIDED).label("open"),
        )
        .where(Flag.exam_id == exam_id, Flag.source == FlagSource.RULE)
        .group_by(Flag.rule)
        .order_by(Flag.rule)
    )
    return [RuleFigures(**row) for row in found.mappings()]


def _fill_bins(top: float, rows: Sequence[Any], place: int) -> list[Bin]:
    """Return the bins of one value. `rows` are the numbers of both values' bins, and how many attempts are in both."""
    counts = Counter[int | None]()
    for row in rows:
        counts[row[place]] += row[-1]
    return [Bin(low=top * part / BINS, high=top * (part + 1) / BINS, count=counts[part + 1]) for part in range(BINS)]


def _live(exam_id: UUID) -> Select[*tuple[Any, ...]]:
    """Select what the view would contain now, also without attempts."""

    def labelled(*among: DropoutLabel) -> ColumnElement[int]:
        return func.count().filter(ExamAttempt.dropout_label.in_(among))

    return select(
        func.count().label("total_attempts"),
        func.avg(ExamAttempt.percentage).label("average_score"),
        (100 * func.avg(cast(cast(ExamAttempt.passed, Integer), Double))).label("pass_rate"),
        labelled(*HIGH_RISK).label("high_risk_count"),
        func.avg(ExamAttempt.integrity_score).label("average_integrity"),
        func.avg(ExamAttempt.lmi).label("average_lmi"),
        func.count().filter(ExamAttempt.flagged).label("flagged"),
        *(labelled(label).label(label) for label in DropoutLabel),
        func.count().filter(ExamAttempt.dropout_label.is_(None)).label("unknown"),
        func.now().label("as_of"),
    ).where(ExamAttempt.exam_id == exam_id, ExamAttempt.completed_at.is_not(None))
