import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import Forbidden, NotFound
from db.models import Exam, ExamAttempt, Flag
from db.queries.analysis import summary_views
from db.queries.exams import permissions
from db.queries.exams.permissions import Grants
from db.queries.review import exam_analytics
from db.queries.review.exam_analytics import Bin, RuleFigures
from protocol.attempts import ExamKind
from protocol.flags import FlagSource, FlagStatus
from protocol.roles import Role
from tests.factories import make_attempt, make_flag, make_user
from tests.seeded_attempts import SeededAttempt, answer, end, seed_attempt


@pytest.fixture
async def seeded(conn: AsyncConnection) -> SeededAttempt:
    """One ended attempt with 5 of 10 points, and one that is running."""
    seeded = await seed_attempt(conn)
    await answer(conn, seeded, "a", "x", 1_000)
    await answer(conn, seeded, "b", ["x", "z"], 2_000)
    await end(conn, seeded)
    await make_attempt(conn, seeded.exam_id, await make_user(conn))
    return seeded


async def conclude(conn: AsyncConnection, seeded: SeededAttempt, label: str, integrity: float) -> None:
    await conn.execute(
        update(ExamAttempt)
        .where(ExamAttempt.id == seeded.attempt_id)
        .values(dropout_label=label, integrity_score=integrity, lmi=60, flagged=True)
    )


async def test_before_the_first_refresh_the_figures_come_from_the_attempts(
    conn: AsyncConnection, seeded: SeededAttempt
) -> None:
    await conclude(conn, seeded, "copy", 0.4)
    figures, risks = await exam_analytics.read_figures(conn, seeded.exam_id)
    assert (figures.total_attempts, figures.average_score, figures.pass_rate) == (1, 50, 100)
    assert (figures.high_risk_count, figures.average_integrity, figures.average_lmi, figures.flagged) == (1, 0.4, 60, 1)
    assert (risks.copy, risks.safe, risks.incapable, risks.no_interest, risks.unknown) == (1, 0, 0, 0, 0)


@pytest.mark.parametrize("is_refreshed", [False, True], ids=["live", "view"])
async def test_a_practice_exam_has_averages_and_no_risks(
    conn: AsyncConnection, seeded: SeededAttempt, is_refreshed: bool
) -> None:
    await conclude(conn, seeded, "copy", 0.4)
    await conn.execute(update(Exam).values(kind=ExamKind.PRACTICE))
    if is_refreshed:
        await conn.exec_driver_sql("SELECT refresh_summary_views()")
    figures, risks = await exam_analytics.read_figures(conn, seeded.exam_id)
    assert (figures.total_attempts, figures.average_score, figures.average_integrity) == (1, 50, 0.4)
    assert (figures.high_risk_count, figures.flagged, risks.copy, risks.unknown) == (0, 0, 0, 1)


async def test_without_attempts_the_averages_are_null(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    figures, risks = await exam_analytics.read_figures(conn, seeded.exam_id)
    assert (figures.total_attempts, figures.average_score, figures.pass_rate, figures.average_integrity) == (
        0,
        None,
        None,
        None,
    )
    assert risks.unknown == 0


async def test_after_a_refresh_the_figures_are_those_of_the_view(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await conn.exec_driver_sql("SELECT refresh_summary_views()")
    before = await exam_analytics.read_figures(conn, seeded.exam_id)
    await conclude(conn, seeded, "safe", 1)
    assert await exam_analytics.read_figures(conn, seeded.exam_id) == before
    await conn.exec_driver_sql("SELECT refresh_summary_views()")
    figures, risks = await exam_analytics.read_figures(conn, seeded.exam_id)
    assert (figures.average_integrity, risks.safe, risks.unknown) == (1, 1, 0)
    assert await summary_views.read_age_s(conn) is None, "no change waits"


async def test_distributions_have_ten_parts_and_the_last_one_includes_its_end(
    conn: AsyncConnection, seeded: SeededAttempt
) -> None:
    await conclude(conn, seeded, "safe", 1)
    percentages, integrities = await exam_analytics.read_distributions(conn, seeded.exam_id)
    assert len(percentages) == len(integrities) == 10
    assert [part for part in percentages if part.count] == [Bin(50, 60, 1)]
    assert [part for part in integrities if part.count] == [Bin(0.9, 1, 1)]


async def test_items_count_the_answers_of_ended_attempts(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    items = await exam_analytics.read_items(conn, seeded.exam_id)
    assert [(item.item, item.answered, item.average_points, item.points) for item in items] == [
        ("a", 1, 2, 2),
        ("b", 1, 3, 3),
        ("c", 0, 0, 5),
    ]


async def test_rules_count_their_flags_by_outcome(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    for status in FlagStatus:
        flag = await make_flag(conn, seeded.attempt_id, episode=status)
        await conn.execute(update(Flag).where(Flag.id == flag).values(status=status))
    other = await make_flag(conn, seeded.attempt_id, episode="of a service")
    await conn.execute(update(Flag).where(Flag.id == other).values(source=FlagSource.SERVICE))
    assert await exam_analytics.read_rules(conn, seeded.exam_id) == [
        RuleFigures(rule="left_page", raised=5, confirmed=1, dismissed=1, open=2)
    ]


async def test_the_heading_needs_the_permission_to_view_analytics(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    heading = await exam_analytics.read_heading(conn, seeded.exam_id, seeded.teacher_id)
    assert (heading.exam_id, heading.title, heading.passing_score) == (seeded.exam_id, "Physics", 5)
    colleague = await make_user(conn, role=Role.TEACHER)
    with pytest.raises(NotFound):
        await exam_analytics.read_heading(conn, seeded.exam_id, colleague)
    await permissions.grant(conn, seeded.exam_id, seeded.teacher_id, f"u-{colleague}", Grants(can_view=True))
    with pytest.raises(Forbidden):
        await exam_analytics.read_heading(conn, seeded.exam_id, colleague)


async def test_each_exam_has_its_own_figures_and_items(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await conclude(conn, seeded, "safe", 1)
    await end(conn, other := await seed_attempt(conn))
    await conclude(conn, other, "copy", 0.5)
    live = [await exam_analytics.read_items(conn, exam_id) for exam_id in (seeded.exam_id, other.exam_id)]
    await conn.exec_driver_sql("SELECT refresh_summary_views()")
    for exam_id, integrity, items in ((seeded.exam_id, 1, live[0]), (other.exam_id, 0.5, live[1])):
        assert (await exam_analytics.read_figures(conn, exam_id))[0].average_integrity == integrity
        assert await exam_analytics.read_items(conn, exam_id) == items
