"""Three months of made history: what is past is deleted, what is held stays, and the record still holds."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from db.errors import Conflict
from db.models import (
    AttemptAnswer,
    AuditLog,
    BehaviorAnalysis,
    ExamAttempt,
    MonitoringEvent,
    RejectedEvent,
    RetentionRun,
)
from db.partitions import partition_of
from db.queries.analysis import analyses
from db.queries.attempts.answers import (
    SubmittedAnswer,
    find_new,
    list_late_revisions,
    list_revisions,
    read_current_answers,
)
from db.queries.attempts.end import end_attempt
from db.queries.events.partitions import list_partitions
from db.queries.retention import holds, kept, runs
from db.queries.review import flags
from db.retention.times import Hold, Times
from judgement import grading
from judgement.rules import RULEBOOK_VERSION
from protocol.attempts import ExamKind
from tests.seeded_attempts import ending
from tests.workers.history import EVENTS, History, PastAttempt
from veritas.audit import verify
from workers.jobs.retention import EVENT_ROWS, HELD, PARTITIONS, Pace, Retention, make_plan

TIMES = Times(events=90, reviews=180, answers=365, addresses=90)


@pytest.fixture
async def history(engine: AsyncEngine) -> History:
    return await History(engine).open()


async def run(engine: AsyncEngine, pace: Pace | None = None) -> dict[str, int]:
    deleted = await Retention(engine, TIMES, pace).run()
    assert deleted is not None
    return deleted


async def count_events(engine: AsyncEngine, attempt: PastAttempt) -> int:
    async with engine.connect() as conn:
        found = await conn.execute(
            select(func.count()).select_from(MonitoringEvent).where(MonitoringEvent.stream_id.in_(attempt.streams))
        )
        return int(found.scalar_one())


async def has_partition(engine: AsyncEngine, attempt: PastAttempt) -> bool:
    async with engine.connect() as conn:
        return partition_of(attempt.day).name in await list_partitions(conn)


async def verified(engine: AsyncEngine) -> str:
    out = Console(width=160, record=True, file=io.StringIO())
    code = await verify.run(engine, out)
    printed = out.export_text()
    assert code == 0, printed
    return printed


async def test_past_events_go_with_their_partition(engine: AsyncEngine, history: History) -> None:
    past, recent = await history.add(91), await history.add(60)
    deleted = await run(engine)
    assert (deleted["events"], deleted[PARTITIONS], deleted[EVENT_ROWS]) == (1, 1, 0)
    assert not await has_partition(engine, past)
    assert await count_events(engine, recent) == EVENTS
    assert "past retention: 1 attempt whose events are deleted" in await verified(engine)


async def test_the_time_begins_at_the_final_grade(engine: AsyncEngine, history: History) -> None:
    graded_late, graded = await history.add(120, final_days_ago=30), await history.add(121, final_days_ago=100)
    await run(engine)
    assert await count_events(engine, graded_late) == EVENTS
    assert not await has_partition(engine, graded)


async def test_in_a_partition_with_a_held_attempt_only_the_rows_of_the_others_go(
    engine: AsyncEngine, history: History
) -> None:
    past, held = await history.add(100), await history.add(100, flag="escalated")
    deleted = await run(engine)
    assert (deleted[PARTITIONS], deleted[EVENT_ROWS], deleted[HELD]) == (0, EVENTS, 1)
    assert await count_events(engine, past) == 0
    assert await count_events(engine, held) == EVENTS
    await verified(engine)


async def test_a_partition_goes_once_nothing_in_it_is_held(engine: AsyncEngine, history: History) -> None:
    attempt = await history.add(100)
    async with engine.begin() as conn:
        hold = await holds.place_hold(conn, attempt.attempt_id, placed_by=None, reason="an appeal", until=None)
    assert (await run(engine))[HELD] == 1
    assert await count_events(engine, attempt) == EVENTS
    async with engine.begin() as conn:
        await holds.release_hold(conn, hold.hold_id, released_by=None)
    assert (await run(engine))[PARTITIONS] == 1
    assert not await has_partition(engine, attempt)


async def test_drafts_and_refused_events_go_with_the_events_and_the_answer_that_counted_stays(
    engine: AsyncEngine, history: History
) -> None:
    await history.add(100)
    await history.add(100, flag="open")
    await run(engine)
    async with engine.connect() as conn:
        values = (await conn.execute(select(AttemptAnswer.value).order_by(AttemptAnswer.stream_id))).scalars().all()
        refused = (await conn.execute(select(func.count()).select_from(RejectedEvent))).scalar_one()
    assert sorted(values) == ["first", "third", "third"]
    assert refused == 1


async def test_answers_keep_their_numbers_and_what_arrived_late_stays(engine: AsyncEngine, history: History) -> None:
    past = await history.add(100)
    await history.add_late_answer(past, 6, "too late")
    async with engine.connect() as conn:
        before = await list_revisions(conn, past.attempt_id)
        late = await list_late_revisions(conn, past.attempt_id)
    assert [(one.revision, one.value, one.stands) for one in before] == [
        (1, "first", False),
        (2, "third", True),
        (3, "too late", False),
    ]
    assert [(one.revision, one.value, one.late_ms) for one in late] == [(3, "too late", 60_000)]
    await run(engine)
    async with engine.connect() as conn:
        assert await list_revisions(conn, past.attempt_id) == before[1:]
        assert await list_revisions(conn, past.attempt_id, after=("q1", 2)) == before[2:]
        assert await list_late_revisions(conn, past.attempt_id) == late
        assert await read_current_answers(conn, past.attempt_id) == {"q1": before[1]}
    await verified(engine)


async def test_an_answer_that_arrives_after_the_deletion_continues_the_numbers(
    engine: AsyncEngine, history: History
) -> None:
    past = await history.add(100)
    await history.add_late_answer(past, 6, "too late")
    async with engine.begin() as conn:
        await kept.mark_events_deleted(conn, [past.attempt_id])
        await kept.delete_events(conn, past.attempt_id)
    await history.add_late_answer(past, 7, "even later")
    async with engine.begin() as conn:
        await kept.delete_events(conn, past.attempt_id)
        found = await list_revisions(conn, past.attempt_id)
    assert [(one.revision, one.value) for one in found] == [(2, "third"), (3, "too late"), (4, "even later")]


async def test_an_attempt_whose_events_are_deleted_takes_no_new_answers_and_repeats_the_receipt(
    engine: AsyncEngine, history: History
) -> None:
    past = await history.add(100)
    await run(engine)
    async with engine.begin() as conn:
        assert await find_new(conn, {past.attempt_id: [SubmittedAnswer("q1", "third")]}) == {}
    async with engine.begin() as conn:
        with pytest.raises(Conflict, match="deleted after their time"):
            await end_attempt(conn, past.attempt_id, ending(answers=(SubmittedAnswer("q1", "new"),)), grading)
    await verified(engine)


@pytest.mark.parametrize(("revision", "state"), [(1, "done"), (0, "failed")])
async def test_an_analysis_that_waits_is_not_made_without_the_events(
    engine: AsyncEngine, history: History, revision: int, state: str
) -> None:
    past = await history.add(100)
    async with engine.begin() as conn:
        waiting = {"state": "stale", "revision": revision, "model_state": "pending"}
        await conn.execute(insert(BehaviorAnalysis).values(attempt_id=past.attempt_id, **waiting))
        assert await analyses.list_due(conn, 10, supported=[RULEBOOK_VERSION]) == [past.attempt_id]
    await run(engine)
    async with engine.begin() as conn:
        found = (await conn.execute(select(BehaviorAnalysis.state, BehaviorAnalysis.model_state))).one()
        assert found == (state, "off")
        assert await analyses.list_due(conn, 10, supported=[RULEBOOK_VERSION]) == []
        assert await analyses.claim_analysis(conn, past.attempt_id, supported=[RULEBOOK_VERSION]) is None
        assert (await analyses.measure_backlog(conn)).waiting == 0


async def test_late_answers_go_with_the_answers(engine: AsyncEngine, history: History) -> None:
    past = await history.add(366)
    await history.add_late_answer(past, 6, "too late")
    await run(engine)
    async with engine.connect() as conn:
        assert await list_revisions(conn, past.attempt_id) == []


async def test_cited_evidence_is_kept_after_the_events_are_gone(engine: AsyncEngine, history: History) -> None:
    past = await history.add(100)
    await run(engine)
    async with engine.connect() as conn:
        case = (await flags.list_attempt_cases(conn, past.attempt_id))[0]
    assert case.record.summary == "300 characters pasted"
    assert [event.data for event in case.evidence.events] == [{"chars": 300, "item": "q1"}]


async def test_reasons_and_copies_go_after_their_time_and_answers_last(engine: AsyncEngine, history: History) -> None:
    older, oldest = await history.add(181), await history.add(366)
    await run(engine)
    async with engine.connect() as conn:
        case = (await flags.list_attempt_cases(conn, older.attempt_id))[0]
        answered = (await conn.execute(select(AttemptAnswer.attempt_id))).scalars().all()
        found = await conn.execute(select(ExamAttempt.submission_data).where(ExamAttempt.id == oldest.attempt_id))
    assert (case.record.summary, case.evidence.events, case.record.rule) == ("", [], "large_paste")
    assert answered == [older.attempt_id]
    assert found.scalar_one() is None


async def test_practice_attempts_go_as_a_whole_after_a_week(engine: AsyncEngine, history: History) -> None:
    await history.add(8, kind=ExamKind.PRACTICE)
    recent = await history.add(5, kind=ExamKind.PRACTICE)
    real = await history.add(8)
    deleted = await run(engine)
    assert deleted["practice"] == 1
    async with engine.connect() as conn:
        left = set((await conn.execute(select(ExamAttempt.id))).scalars())
    assert left == {recent.attempt_id, real.attempt_id}
    await verified(engine)


async def test_a_run_that_was_killed_is_continued(engine: AsyncEngine, history: History) -> None:
    past, _ = await history.add(100), await history.add(100, flag="open")
    async with engine.begin() as conn:
        assert await kept.mark_events_deleted(conn, [past.attempt_id]) == [past.attempt_id]
        assert await kept.delete_events(conn, past.attempt_id, 2) == 2
    await verified(engine)
    assert (await run(engine))[EVENT_ROWS] == EVENTS - 2
    assert await count_events(engine, past) == 0


async def test_events_are_deleted_in_bounded_steps(engine: AsyncEngine, history: History) -> None:
    past, _ = await history.add(100), await history.add(100, flag="open")
    assert (await run(engine, Pace(attempts=1, events=2)))[EVENT_ROWS] == EVENTS
    assert await count_events(engine, past) == 0


async def test_only_one_worker_runs_at_a_time(engine: AsyncEngine, history: History) -> None:
    await history.add(100)
    async with engine.connect() as other:
        assert await runs.try_lock(other)
        assert await Retention(engine, TIMES).run() is None
        await runs.unlock(other)
    assert (await run(engine))["events"] == 1


async def test_it_runs_once_a_day_and_every_run_is_audited(engine: AsyncEngine, history: History) -> None:
    await history.add(100)
    retention = Retention(engine, TIMES)
    await retention.poll()
    await retention.poll()
    async with engine.connect() as conn:
        run_ids = list((await conn.execute(select(RetentionRun.id))).scalars())
        audited = (await conn.execute(select(AuditLog.action, AuditLog.resource_id, AuditLog.details))).one()
    assert audited == ("retention", str(run_ids[0]), {"events": "1", "partitions": "1"})
    assert len(run_ids) == 1


async def test_a_query_that_reads_the_events_postpones_the_partition_only(
    engine: AsyncEngine, history: History
) -> None:
    past = await history.add(100)
    async with engine.connect() as reader:
        await reader.execute(text("SELECT count(*) FROM monitoring_events"))
        deleted = await run(engine, Pace(lock_tries=2, lock_pause_s=0.01))
    assert (deleted[PARTITIONS], deleted[EVENT_ROWS]) == (0, EVENTS)
    assert await has_partition(engine, past)
    assert (await run(engine))[PARTITIONS] == 1


async def test_a_dry_run_names_what_goes_and_what_is_held_and_changes_nothing(
    engine: AsyncEngine, history: History
) -> None:
    past, shared = await history.add(100), await history.add(101)
    await history.add(101, flag="open")
    await history.add(60)
    async with engine.connect() as conn:
        plan = await make_plan(conn, TIMES)
    assert plan.due == {"events": 2}
    assert plan.held == {Hold.UNDECIDED: 1}
    days = {day.day: day for day in plan.days}
    assert (days[past.day].is_dropped, days[past.day].kept) == (True, {})
    assert (days[shared.day].is_dropped, days[shared.day].kept) == (False, {Hold.UNDECIDED: 1})
    recent = (datetime.now(UTC) - timedelta(days=60, hours=2)).date()
    assert days[recent].kept == {"not past its time": 1}
    assert await count_events(engine, past) == EVENTS


@pytest.mark.parametrize(
    ("days_ago", "flag"), [(100, "open"), (100, "escalated"), (0, "confirmed")], ids=["open", "escalated", "today"]
)
async def test_the_database_refuses_to_delete_events_that_are_held(
    engine: AsyncEngine, history: History, days_ago: int, flag: str
) -> None:
    attempt = await history.add(days_ago, flag=flag)
    with pytest.raises(DBAPIError, match="is held"):
        async with engine.begin() as conn:
            await conn.execute(text("UPDATE exam_attempts SET events_deleted_at = now()"))
    with pytest.raises(DBAPIError, match="are not to be deleted"):
        async with engine.begin() as conn:
            await kept.delete_events(conn, attempt.attempt_id)


async def test_the_database_refuses_to_drop_a_partition_with_events_to_keep(
    engine: AsyncEngine, history: History
) -> None:
    attempt = await history.add(60)
    with pytest.raises(DBAPIError, match="has events to keep"):
        async with engine.begin() as conn:
            await kept.drop_partition(conn, attempt.day)
    with pytest.raises(DBAPIError, match="not old enough"):
        async with engine.begin() as conn:
            await kept.drop_partition(conn, datetime.now(UTC).date())


async def test_a_run_needs_no_more_rights_than_a_worker_has(engine: AsyncEngine, history: History) -> None:
    past, _ = await history.add(400), await history.add(100, flag="open")
    await history.add(100)
    await history.add(9, kind=ExamKind.PRACTICE)
    as_worker = create_async_engine(engine.url, connect_args={"server_settings": {"role": "veritas_worker"}})
    try:
        deleted = await run(as_worker)
    finally:
        await as_worker.dispose()
    assert (deleted["events"], deleted["answers"], deleted["practice"]) == (2, 1, 1)
    assert not await has_partition(engine, past)
