"""Analysis after the end: once, in one transaction, after crashes too, and again when its input changes."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import Row, delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import create_engine
from db.models import BehaviorAnalysis, Exam, ExamAttempt, Flag, MonitoringEvent, PerformanceMetric
from db.notify import Notifier
from db.queries import feed
from db.queries.analysis import analyses
from db.queries.evaluation import cursors, scores
from db.queries.events import system_events
from db.queries.events.system_events import ServerEvent
from db.queries.review import decisions, service_reports
from db.settings import DatabaseSettings
from judgement.score import conclusion
from protocol.flags import FlagStatus
from protocol.jobs import Analyze
from tests import seeded_attempts
from tests.factories import make_connection, store_events
from tests.seeded_attempts import KEYED, SeededAttempt
from tests.workers.rooms import AWAY, EventSpec
from workers.jobs import analyze as stage
from workers.jobs.analyze import Analyst
from workers.jobs.evaluate import Evaluator

TYPED = "The more I practise, the luckier I get. "
WRITING: list[EventSpec] = [("draft_saved", {"item": "d", "text": TYPED * n}, 30_000 + n) for n in range(1, 6)]


@pytest.fixture
def analyst(engine: AsyncEngine, notifier: Notifier) -> Analyst:
    return make_analyst(engine, notifier)


def make_analyst(engine: AsyncEngine, notifier: Notifier) -> Analyst:
    return Analyst(engine, notifier, Evaluator(engine, notifier))


async def sit_and_end(engine: AsyncEngine, events: Sequence[EventSpec] = (*AWAY, *WRITING)) -> SeededAttempt:
    """A student leaves the page for long, writes, and submits. All of it is covered, and no event is folded yet."""
    async with engine.begin() as conn:
        seeded = await seeded_attempts.seed_attempt(conn, KEYED)
        await make_connection(conn, seeded.attempt_id, seeded.stream_id)
        if events:
            await store_events(conn, seeded.stream_id, list(events))
    async with engine.begin() as conn:
        await seeded_attempts.end(conn, seeded)
    return seeded


async def read(engine: AsyncEngine, seeded: SeededAttempt) -> Row[Any]:
    async with engine.connect() as conn:
        found = await conn.execute(
            select(BehaviorAnalysis.__table__).where(BehaviorAnalysis.attempt_id == seeded.attempt_id)
        )
        return found.one()


async def read_attempt(engine: AsyncEngine, seeded: SeededAttempt) -> Row[Any]:
    async with engine.connect() as conn:
        found = await conn.execute(select(ExamAttempt.__table__).where(ExamAttempt.id == seeded.attempt_id))
        return found.one()


async def read_kinds(engine: AsyncEngine, seeded: SeededAttempt) -> list[str]:
    async with engine.connect() as conn:
        return [delta.kind for delta in await feed.read_after(conn, seeded.exam_id, 0)]


async def change(engine: AsyncEngine, statement: Any) -> None:
    async with engine.begin() as conn:
        await conn.execute(statement)


async def make_due(engine: AsyncEngine) -> None:
    await change(engine, update(BehaviorAnalysis).values(due_at=func.now()))


async def decide(engine: AsyncEngine, seeded: SeededAttempt, decision: FlagStatus) -> None:
    async with engine.begin() as conn:
        flag = (await conn.execute(select(Flag.id).where(Flag.attempt_id == seeded.attempt_id))).scalar_one()
        await decisions.lock_flag(conn, seeded.exam_id, flag)
        await decisions.store_decision(
            conn,
            flag_id=flag,
            seen=FlagStatus.OPEN,
            decision=decision,
            reviewer_id=seeded.teacher_id,
            command_id=uuid4(),
            reason="because",
        )


async def test_an_ended_attempt_is_folded_analyzed_and_stored_with_its_figures(
    engine: AsyncEngine, analyst: Analyst
) -> None:
    seeded = await sit_and_end(engine)
    await analyst.analyze([seeded.attempt_id])
    found, attempt = await read(engine, seeded), await read_attempt(engine, seeded)
    assert (found.state, found.revision, found.failures, found.error) == ("done", 1, 0, None)
    assert found.total_monitoring_events == found.facts == len(AWAY) + len(WRITING) + 2, "with both of the server's"
    assert (found.anomaly_count, found.critical_events) == (2, 0)
    assert found.integrity_score == attempt.integrity_score == pytest.approx(1 - 0.15 * 0.8)
    assert found.coverage == attempt.coverage == 1.0
    assert (found.lmi_score, attempt.lmi, found.improvement_trend) == (100, 100, "steady")
    assert (found.dropout_label, attempt.dropout_label) == ("safe", "safe")
    assert 0.5 <= found.dropout_confidence <= 1
    assert (found.requires_instructor_attention, attempt.flagged, found.requires_recap) == (False, False, True)
    assert "left the page (1 open)" in found.llm_summary
    assert found.llm_recommendations[0] == {"text": "Review 1 flag without a decision.", "cited": []}
    assert (found.llm_model_version, found.model_state) == ("rules", "off")
    assert found.analysed_at is not None


async def test_an_analysis_is_stored_in_one_transaction(
    engine: AsyncEngine, analyst: Analyst, notifier: Notifier
) -> None:
    seeded = await sit_and_end(engine)
    await Evaluator(engine, notifier).evaluate([seeded.attempt_id])
    await change(engine, update(ExamAttempt).values(coverage=0.4, integrity_score=None))
    await analyst.analyze([seeded.attempt_id])
    async with engine.connect() as conn:
        written_by = await conn.execute(
            text(
                "SELECT xmin FROM behavior_analysis UNION SELECT xmin FROM exam_attempts "
                "UNION SELECT xmin FROM performance_metrics UNION SELECT xmin FROM feed_heads "
                'UNION (SELECT xmin FROM exam_feed ORDER BY "offset" DESC LIMIT 1)'
            )
        )
        assert len(written_by.all()) == 1
    assert (await read_kinds(engine, seeded))[-1] == "score"


async def test_analyzing_again_changes_nothing(engine: AsyncEngine, analyst: Analyst) -> None:
    seeded = await sit_and_end(engine)
    await analyst.analyze([seeded.attempt_id])
    first, kinds = await read(engine, seeded), await read_kinds(engine, seeded)
    await analyst.analyze([seeded.attempt_id])
    await analyst.poll()
    assert (await read(engine, seeded), await read_kinds(engine, seeded)) == (first, kinds)


async def test_two_workers_at_once_analyze_once(
    engine: AsyncEngine, database: DatabaseSettings, notifier: Notifier
) -> None:
    all_of_them = [await sit_and_end(engine) for _ in range(8)]
    other = create_engine(database)
    workers = [make_analyst(engine, notifier), make_analyst(other, notifier)]
    await asyncio.gather(*(worker.poll() for worker in workers))
    await make_due(engine)
    await workers[0].poll()
    assert {(await read(engine, seeded)).revision for seeded in all_of_them} == {1}
    await other.dispose()


async def test_a_job_wakes_the_poll_and_the_poll_needs_no_job(engine: AsyncEngine, analyst: Analyst) -> None:
    woken: list[str] = []
    analyst.on_job = lambda: woken.append("woken")
    seeded = await sit_and_end(engine)
    await analyst.handle(None, msgspec.to_builtins(Analyze([seeded.attempt_id])))
    assert woken == ["woken"]
    assert (await read(engine, seeded)).state == "pending"
    await analyst.poll()
    assert (await read(engine, seeded)).state == "done"


async def test_a_running_attempt_is_not_analyzed(engine: AsyncEngine, analyst: Analyst) -> None:
    async with engine.begin() as conn:
        seeded = await seeded_attempts.seed_attempt(conn)
    await analyst.analyze([seeded.attempt_id])
    async with engine.connect() as conn:
        assert (await conn.execute(select(func.count()).select_from(BehaviorAnalysis))).scalar_one() == 0


async def test_below_half_coverage_there_is_neither_integrity_nor_label(engine: AsyncEngine, analyst: Analyst) -> None:
    seeded = await sit_and_end(engine)
    by = text("UPDATE exam_attempts SET started_at = started_at - interval '1 hour'")
    await change(engine, by)
    await analyst.analyze([seeded.attempt_id])
    found = await read(engine, seeded)
    assert (found.integrity_score, found.dropout_label, found.dropout_confidence) == (None, None, None)
    assert found.coverage < 0.1
    assert found.lmi_score == 100


async def test_a_review_makes_the_analysis_stale(engine: AsyncEngine, analyst: Analyst) -> None:
    seeded = await sit_and_end(engine)
    await analyst.analyze([seeded.attempt_id])
    await decide(engine, seeded, FlagStatus.DISMISSED)
    assert (await read(engine, seeded)).state == "stale"
    await analyst.poll()
    found = await read(engine, seeded)
    assert (found.state, found.revision, found.integrity_score, found.anomaly_count) == ("done", 2, 1.0, 0)
    assert "1 flag dismissed or withdrawn" in found.llm_summary


async def test_later_events_make_the_analysis_stale(engine: AsyncEngine, analyst: Analyst, notifier: Notifier) -> None:
    seeded = await sit_and_end(engine, WRITING)
    await analyst.analyze([seeded.attempt_id])
    async with engine.begin() as conn:
        await store_events(conn, seeded.stream_id, AWAY)
    await Evaluator(engine, notifier).evaluate([seeded.attempt_id])
    found = await read(engine, seeded)
    assert (found.state, found.integrity_score) == ("stale", 1.0), "the old values stay until the next analysis"
    await analyst.poll()
    assert (await read(engine, seeded)).state == "stale", "the rest of what comes late is waited for"
    await make_due(engine)
    await analyst.poll()
    found = await read(engine, seeded)
    assert (found.state, found.revision, found.facts) == ("done", 2, len(AWAY) + len(WRITING) + 2)
    assert found.integrity_score < 1


async def test_events_without_effect_make_no_new_revision(
    engine: AsyncEngine, analyst: Analyst, notifier: Notifier
) -> None:
    seeded = await sit_and_end(engine)
    await analyst.analyze([seeded.attempt_id])
    async with engine.begin() as conn:
        await system_events.append_events(conn, seeded.attempt_id, [ServerEvent("connection_lost", {"generation": 1})])
    await Evaluator(engine, notifier).evaluate([seeded.attempt_id])
    await make_due(engine)
    await analyst.poll()
    found = await read(engine, seeded)
    assert (found.state, found.revision, found.facts) == ("done", 1, len(AWAY) + len(WRITING) + 3)


@pytest.fixture
async def requested(engine: AsyncEngine, analyst: Analyst) -> SeededAttempt:
    """An attempt about which a model has written."""
    seeded = await sit_and_end(engine)
    await change(engine, update(Exam).values(enable_model=True))
    await analyst.analyze([seeded.attempt_id])
    assert (await read(engine, seeded)).model_state == "pending"
    written = {"llm_summary": "A model's.", "llm_model_version": "m", "model_state": "done"}
    await change(engine, update(BehaviorAnalysis).values(written))
    return seeded


async def test_a_model_s_text_stays_as_long_as_the_figures(
    engine: AsyncEngine, analyst: Analyst, requested: SeededAttempt
) -> None:
    async with engine.begin() as conn:
        await analyses.mark_stale(conn, [requested.attempt_id])
    await analyst.poll()
    found = await read(engine, requested)
    assert (found.state, found.revision, found.llm_summary, found.model_state) == ("done", 1, "A model's.", "done")


async def test_new_figures_get_the_template_until_the_model_has_written_again(
    engine: AsyncEngine, analyst: Analyst, requested: SeededAttempt
) -> None:
    await decide(engine, requested, FlagStatus.DISMISSED)
    await analyst.poll()
    found = await read(engine, requested)
    assert (found.revision, found.llm_model_version, found.model_state) == (2, "rules", "pending")
    assert "dismissed or withdrawn" in found.llm_summary


async def test_originality_reports_of_a_service_stay(engine: AsyncEngine, analyst: Analyst) -> None:
    seeded = await sit_and_end(engine)
    await analyst.analyze([seeded.attempt_id])
    async with engine.begin() as conn:
        await service_reports.add_indicators(conn, seeded.attempt_id, "service:checker", ["much like a paper of 2019"])
        await analyses.mark_stale(conn, [seeded.attempt_id])
    await analyst.poll()
    assert (await read(engine, seeded)).revision == 1
    await decide(engine, seeded, FlagStatus.DISMISSED)
    await analyst.poll()
    found = await read(engine, seeded)
    report = {"text": "much like a paper of 2019", "cited": [], "by": "service:checker"}
    assert (found.revision, found.originality_indicators) == (2, [report])


async def test_a_fold_in_flight_is_not_waited_for(engine: AsyncEngine, analyst: Analyst) -> None:
    seeded = await sit_and_end(engine)
    async with engine.begin() as fold:
        await cursors.claim_cursors(fold, [seeded.attempt_id], 1, supported={1})
        await asyncio.wait_for(analyst.analyze([seeded.attempt_id]), 5)
        assert (await read(engine, seeded)).state == "pending"
    await analyst.poll()
    assert (await read(engine, seeded)).state == "done"


async def test_events_that_cannot_be_folded_postpone_and_then_fail_the_analysis(
    engine: AsyncEngine, analyst: Analyst
) -> None:
    seeded = await sit_and_end(engine)
    await change(engine, delete(MonitoringEvent).where(MonitoringEvent.seq == 3))
    await analyst.poll()
    found = await read(engine, seeded)
    assert (found.state, found.failures) == ("pending", 0)
    past = func.now() - func.make_interval(0, 0, 0, 0, 1)
    await change(engine, update(MonitoringEvent).values(server_timestamp=past))
    for _ in range(analyses.FAILURES):
        await make_due(engine)
        await analyst.poll()
    found = await read(engine, seeded)
    assert (found.state, found.error, found.failures) == ("failed", "events are waiting that cannot be folded", 5)


async def test_a_failing_analysis_is_repeated_then_shown_as_failed_and_delays_no_other(
    engine: AsyncEngine, analyst: Analyst, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, whole = await sit_and_end(engine), await sit_and_end(engine, WRITING)

    def conclude(known: conclusion.ConclusionInput) -> conclusion.Conclusion:
        if known.flags:
            raise ValueError("Ada wrote something unreadable")
        return conclusion.conclude(known)

    monkeypatch.setattr(stage, "conclude", conclude)
    await analyst.poll()
    found = await read(engine, broken)
    assert (found.state, found.failures) == ("pending", 1)
    assert found.error.startswith("ValueError at test_analyze.py:")
    assert "Ada" not in found.error
    assert (await read(engine, whole)).state == "done"
    await analyst.poll()
    assert (await read(engine, broken)).failures == 1, "it is not its turn yet"
    for _ in range(analyses.FAILURES):
        await make_due(engine)
        await analyst.poll()
    assert (await read(engine, broken)).state == "failed"
    monkeypatch.undo()
    await make_due(engine)
    await analyst.poll()
    found = await read(engine, broken)
    assert (found.state, found.failures, found.error) == ("done", 0, None)


@pytest.mark.parametrize("step", ["rescore_all", "store_analysis", "update_performance", "append"])
async def test_a_cancelled_analysis_leaves_nothing_and_the_next_one_does_all(
    engine: AsyncEngine, notifier: Notifier, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    seeded = await sit_and_end(engine)
    await Evaluator(engine, notifier).evaluate([seeded.attempt_id])
    await change(engine, update(ExamAttempt).values(coverage=0.4, integrity_score=None))
    modules = {
        "rescore_all": scores,
        "store_analysis": analyses,
        "update_performance": stage,
        "append": feed,
    }
    reached = asyncio.Event()

    async def hang(*_: object) -> None:
        reached.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(modules[step], step, hang)
    dying = asyncio.create_task(make_analyst(engine, notifier).poll())
    await asyncio.wait_for(reached.wait(), 10)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    monkeypatch.undo()
    assert (await read(engine, seeded)).state == "pending"
    assert (await read_attempt(engine, seeded)).lmi is None
    await make_analyst(engine, notifier).poll()
    assert (await read(engine, seeded)).state == "done"
    assert (await read_kinds(engine, seeded)).count("score") == 2


async def test_a_student_s_figures_follow_a_final_attempt(engine: AsyncEngine, analyst: Analyst) -> None:
    seeded = await sit_and_end(engine)
    await analyst.analyze([seeded.attempt_id])
    assert await read_total(engine, seeded.student_id) == 0, "a flag is still open"
    await decide(engine, seeded, FlagStatus.CONFIRMED)
    await analyst.poll()
    assert await read_total(engine, seeded.student_id) == 1


async def read_total(engine: AsyncEngine, student_id: UUID) -> int:
    async with engine.connect() as conn:
        found = await conn.execute(
            select(PerformanceMetric.total_exams).where(PerformanceMetric.student_id == student_id)
        )
        return found.scalar_one()
