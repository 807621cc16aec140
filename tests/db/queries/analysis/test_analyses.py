import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Row, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from uuid_utils.compat import uuid7

from db.models import AnalysisCursor, BehaviorAnalysis, ExamAttempt, Flag
from db.queries.analysis import analyses
from db.queries.analysis.analyses import Backlog, ClaimedAnalysis
from db.queries.review import decisions
from protocol.flags import FlagSource, FlagStatus, JudgedFlag, Severity
from tests.factories import make_flag
from tests.locks import until_blocked
from tests.seeded_attempts import SeededAttempt, end, seed_attempt

SUPPORTED = frozenset({1})


@pytest.fixture
async def seeded(conn: AsyncConnection) -> SeededAttempt:
    seeded = await seed_attempt(conn)
    await end(conn, seeded)
    return seeded


async def read(conn: AsyncConnection, attempt_id: UUID) -> Row[Any]:
    found = await conn.execute(select(BehaviorAnalysis.__table__).where(BehaviorAnalysis.attempt_id == attempt_id))
    return found.one()


async def claim(conn: AsyncConnection, seeded: SeededAttempt) -> ClaimedAnalysis:
    claimed = await analyses.claim_analysis(conn, seeded.attempt_id, supported=SUPPORTED)
    assert claimed is not None
    return claimed


async def conclude(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    """Store the previous results as the next revision."""
    claimed = await claim(conn, seeded)
    await analyses.store_analysis(
        conn, claimed, claimed.verdict, claimed.words, claimed.model_state, claimed.revision + 1
    )


async def test_an_ended_attempt_is_due_until_it_is_analyzed(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    assert await analyses.list_due(conn, 5, supported=SUPPORTED) == [seeded.attempt_id]
    await conclude(conn, seeded)
    assert await analyses.list_due(conn, 5, supported=SUPPORTED) == []
    assert await analyses.claim_analysis(conn, seeded.attempt_id, supported=SUPPORTED) is None
    found = await read(conn, seeded.attempt_id)
    assert (found.state, found.revision) == ("done", 1)


async def test_the_longest_due_come_first_and_unsupported_rulebooks_are_left_out(conn: AsyncConnection) -> None:
    seeded_attempts = [await seed_attempt(conn) for _ in range(3)]
    for seconds, attempt in zip((10, 30, 20), seeded_attempts, strict=True):
        await end(conn, attempt)
        await conn.execute(
            update(BehaviorAnalysis)
            .where(BehaviorAnalysis.attempt_id == attempt.attempt_id)
            .values(due_at=func.now() - func.make_interval(0, 0, 0, 0, 0, 0, seconds))
        )
    order = [seeded_attempts[n].attempt_id for n in (1, 2, 0)]
    assert await analyses.list_due(conn, 5, supported=SUPPORTED) == order
    assert await analyses.list_due(conn, 2, supported=SUPPORTED) == order[:2]
    assert await analyses.list_due(conn, 5, supported={2}) == []
    assert await analyses.claim_analysis(conn, order[0], supported={2}) is None
    backlog = await analyses.measure_backlog(conn)
    assert (backlog.waiting, backlog.failed) == (3, 0)
    assert 30 <= backlog.lag_s < 60


async def test_nothing_waits_in_an_empty_record(conn: AsyncConnection) -> None:
    assert await analyses.measure_backlog(conn) == Backlog(0, 0, 0.0)


async def test_a_claim_has_the_input_of_the_analysis(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    found = await claim(conn, seeded)
    assert (found.exam_id, found.student_id) == (seeded.exam_id, seeded.student_id)
    assert (found.rulebook_version, found.policy, found.passed, found.enable_model) == (1, {}, False, False)
    assert (found.facts, found.revision, found.words.llm_model_version) == (0, 0, "rules")


@pytest.mark.parametrize("table", ["analysis_cursors", "exam_attempts", "behavior_analysis"])
async def test_a_locked_analysis_is_not_claimed_and_not_waited_for(engine: AsyncEngine, table: str) -> None:
    async with engine.begin() as conn:
        seeded = await seed_attempt(conn)
        await end(conn, seeded)
    async with engine.begin() as other, engine.begin() as conn:
        await other.execute(text(f"SELECT FROM {table} FOR NO KEY UPDATE"))
        assert await analyses.claim_analysis(conn, seeded.attempt_id, supported=SUPPORTED) is None


async def test_only_finished_analyses_become_stale(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await analyses.mark_stale(conn, [seeded.attempt_id])
    assert (await read(conn, seeded.attempt_id)).state == "pending"
    await conclude(conn, seeded)
    await analyses.mark_stale(conn, [seeded.attempt_id, uuid4()], after_s=60)
    found = await read(conn, seeded.attempt_id)
    assert found.state == "stale"
    assert await analyses.list_due(conn, 5, supported=SUPPORTED) == []
    await analyses.mark_stale(conn, [])


async def test_asking_again_makes_an_attempt_due_once(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await conclude(conn, seeded)
    for _ in range(2):
        await analyses.request_analyses(conn, [seeded.attempt_id])
    assert await analyses.list_due(conn, 5, supported=SUPPORTED) == [seeded.attempt_id]


async def test_each_failure_doubles_the_wait_and_many_failures_are_shown(
    conn: AsyncConnection, seeded: SeededAttempt
) -> None:
    waits = []
    for _ in range(analyses.FAILURES):
        await conn.execute(update(BehaviorAnalysis).values(due_at=func.now()))
        await analyses.record_failure(conn, seeded.attempt_id, "x" * 1000)
        found = await read(conn, seeded.attempt_id)
        now = (await conn.execute(select(func.clock_timestamp()))).scalar_one()
        waits.append(round((found.due_at - now).total_seconds()))
        assert len(found.error) == analyses.ERROR_CHARS
    assert waits == [2, 4, 8, 16, 3600]
    assert (found.state, found.failures) == ("failed", 5)
    assert (await analyses.measure_backlog(conn)).failed == 1


async def test_a_failure_of_what_is_not_due_any_more_is_none(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await conclude(conn, seeded)
    await analyses.record_failure(conn, seeded.attempt_id, "late")
    assert (await read(conn, seeded.attempt_id)).failures == 0


async def test_a_postponed_analysis_is_due_later(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await analyses.postpone_analysis(conn, seeded.attempt_id, 60)
    assert await analyses.list_due(conn, 5, supported=SUPPORTED) == []
    backlog = await analyses.measure_backlog(conn)
    assert (backlog.waiting, backlog.lag_s) == (1, 0)


async def test_cited_events_of_counted_flags_are_counted_once(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    stream = str(uuid7())
    raised = [
        ("rule", "warning", "open", [1, 2, 3]),
        ("rule", "critical", "open", [3, 4]),
        ("rule", "critical", "dismissed", [5]),
        ("rule", "normal", "open", [6]),
        ("llm", "critical", "open", [7]),
        ("teacher", "critical", "confirmed", [8]),
    ]
    for n, (source, severity, status, seqs) in enumerate(raised):
        flag = await make_flag(conn, seeded.attempt_id, episode=str(n))
        evidence = {"numbers": {}, "cited": [[stream, seq] for seq in seqs], "events": []}
        await conn.execute(
            update(Flag)
            .where(Flag.id == flag)
            .values(source=source, severity=severity, status=status, evidence=evidence)
        )
    found = await analyses.read_flags(conn, seeded.attempt_id)
    assert (found.anomalies, found.critical) == (5, 3)
    assert found.flags[1] == JudgedFlag("left_page", FlagSource.RULE, Severity.CRITICAL, 0.8, FlagStatus.OPEN)
    assert [flag.is_counted for flag in found.flags] == [True, True, False, True, False, True]


async def test_a_review_waits_for_a_claimed_analysis_and_then_makes_it_stale(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        seeded = await seed_attempt(conn)
        flag = await make_flag(conn, seeded.attempt_id)
        await end(conn, seeded)

    async def review() -> None:
        async with engine.begin() as conn:
            await decisions.lock_flag(conn, seeded.exam_id, flag)
            await decisions.store_decision(
                conn,
                flag_id=flag,
                seen=FlagStatus.OPEN,
                decision=FlagStatus.DISMISSED,
                reviewer_id=seeded.teacher_id,
                command_id=uuid4(),
                reason="because",
            )

    async with engine.begin() as conn:
        claimed = await claim(conn, seeded)
        reviewing = asyncio.create_task(review())
        await until_blocked(engine)
        await analyses.store_analysis(conn, claimed, claimed.verdict, claimed.words, claimed.model_state, 1)
    await reviewing
    async with engine.connect() as conn:
        assert (await read(conn, seeded.attempt_id)).state == "stale"


async def test_how_far_an_attempt_is_folded_is_counted(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await conn.execute(update(AnalysisCursor).values(facts=7))
    assert await analyses.count_events(conn, seeded.attempt_id) == 7
    assert await analyses.count_events(conn, uuid4()) == 0


async def test_unchanged_results_do_not_update_the_attempts_row(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        seeded = await seed_attempt(conn)
        await end(conn, seeded)

    async def version() -> int:
        async with engine.connect() as conn:
            return int((await conn.execute(select(text("xmin::text::bigint")).select_from(ExamAttempt))).scalar_one())

    before = await version()
    async with engine.begin() as conn:
        await conclude(conn, seeded)
    assert await version() == before, "locked, and not written"
