from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.models import BehaviorAnalysis, ModelRun
from db.queries.analysis import model_runs
from db.queries.analysis.model_runs import NewSummary, RunResult, SummaryRequest
from db.queries.review import service_reports
from protocol.analysis import AnalysisState, ModelState
from tests.factories import make_flag, store_events
from tests.seeded_attempts import WITH_TEXT, SeededAttempt, answer, end, seed_attempt


async def seed_waiting(conn: AsyncConnection) -> SeededAttempt:
    """An ended attempt whose analysis waits for a model's summary."""
    seeded = await seed_attempt(conn, WITH_TEXT)
    await answer(conn, seeded, "d", "Light is both a wave and a particle.", 1_000)
    await end(conn, seeded)
    await conn.execute(
        update(BehaviorAnalysis)
        .where(BehaviorAnalysis.attempt_id == seeded.attempt_id)
        .values(
            state=AnalysisState.DONE,
            model_state=ModelState.PENDING,
            revision=1,
            due_at=func.now() - timedelta(minutes=1),
        )
    )
    return seeded


@pytest.fixture
async def seeded(conn: AsyncConnection) -> SeededAttempt:
    return await seed_waiting(conn)


async def store_run(
    conn: AsyncConnection, attempt_id: UUID, state: ModelState = ModelState.DONE, *, revision: int = 1, **result: Any
) -> None:
    run_id = await model_runs.start_run(conn, attempt_id, revision, "shown", (0, 0))
    await model_runs.finish_run(conn, run_id, RunResult(state=state, model="m-1", output="an answer", **result))


async def read_runs(conn: AsyncConnection) -> list[Row[Any]]:
    return list(await conn.execute(select(ModelRun.__table__).order_by(ModelRun.id)))


async def read_analysis(conn: AsyncConnection, seeded: SeededAttempt) -> Row[Any]:
    found = await conn.execute(
        select(BehaviorAnalysis.__table__).where(BehaviorAnalysis.attempt_id == seeded.attempt_id)
    )
    return found.one()


async def claim(
    conn: AsyncConnection, *, limit: int = 10, lease_s: float = 60, among: Collection[UUID] = ()
) -> list[SummaryRequest]:
    return await model_runs.claim_requests(conn, limit=limit, lease_s=lease_s, among=among)


async def test_a_claimed_analysis_is_not_claimed_again_before_its_lease_ends(
    conn: AsyncConnection, seeded: SeededAttempt
) -> None:
    assert await claim(conn) == [SummaryRequest(seeded.attempt_id, 1, 0)]
    assert await claim(conn) == []
    await model_runs.postpone_request(conn, seeded.attempt_id, 1, -1)
    assert await claim(conn) == [SummaryRequest(seeded.attempt_id, 1, 0)]


async def test_a_claim_can_be_limited_to_some_attempts(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    other = await seed_waiting(conn)
    assert await claim(conn, among=[uuid4()]) == []
    assert [one.attempt_id for one in await claim(conn, among=[other.attempt_id])] == [other.attempt_id]
    assert [one.attempt_id for one in await claim(conn)] == [seeded.attempt_id]


async def test_two_workers_never_claim_the_same_analysis(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        waiting = {(await seed_waiting(conn)).attempt_id for _ in range(2)}
    async with engine.begin() as first, engine.begin() as second:
        (one,), (other,) = await claim(first, limit=1), await claim(second, limit=1)
    assert {one.attempt_id, other.attempt_id} == waiting


async def test_a_claim_counts_the_failed_requests_of_its_revision(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await store_run(conn, seeded.attempt_id, ModelState.FAILED, error="timeout")
    await store_run(conn, seeded.attempt_id, ModelState.FAILED, error="timeout", revision=0)
    assert await claim(conn) == [SummaryRequest(seeded.attempt_id, 1, 1)]


async def test_a_request_whose_lease_ended_without_a_result_counts_as_failed_and_keeps_its_estimate(
    conn: AsyncConnection, seeded: SeededAttempt
) -> None:
    await model_runs.start_run(conn, seeded.attempt_id, 1, "shown", (900, 100))
    assert await model_runs.count_tokens(conn, seeded.exam_id) == 1_000
    assert await claim(conn) == [SummaryRequest(seeded.attempt_id, 1, 1)]
    (lost,) = await read_runs(conn)
    assert (lost.state, lost.error, lost.input) == ("failed", model_runs.LOST, "shown")
    assert await model_runs.count_tokens(conn, seeded.exam_id) == 1_000


async def test_a_late_result_replaces_the_note_that_it_was_lost(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    run_id = await model_runs.start_run(conn, seeded.attempt_id, 1, "shown", (900, 100))
    assert await model_runs.fail_lost_runs(conn, [seeded.attempt_id], "lost") == 1
    await model_runs.finish_run(conn, run_id, RunResult(state=ModelState.DONE, output="late", tokens=(7, 5)))
    (run,) = await read_runs(conn)
    assert (run.state, run.output, run.error, run.prompt_tokens, run.completion_tokens) == ("done", "late", None, 7, 5)
    assert await model_runs.fail_lost_runs(conn, [seeded.attempt_id], "lost") == 0
    assert await model_runs.fail_lost_runs(conn, [], "lost") == 0


async def test_postponing_an_older_revision_changes_nothing(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await model_runs.postpone_request(conn, seeded.attempt_id, 0, 60)
    assert len(await claim(conn)) == 1


async def test_without_a_model_waiting_analyses_are_marked_as_such(
    conn: AsyncConnection, seeded: SeededAttempt
) -> None:
    assert await model_runs.turn_off_pending(conn) == 1
    assert await model_runs.turn_off_pending(conn) == 0
    assert (await read_analysis(conn, seeded)).model_state == ModelState.OFF


async def test_tokens_are_counted_for_each_exam(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    other = await seed_waiting(conn)
    for attempt_id, tokens in ((seeded.attempt_id, 3), (seeded.attempt_id, 5), (other.attempt_id, 100)):
        await store_run(conn, attempt_id, tokens=(tokens, 1))
    assert await model_runs.count_tokens(conn, seeded.exam_id) == 10
    assert await model_runs.count_tokens(conn, uuid4()) == 0


async def test_stored_nonsense_moves_no_budget(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    """Negative and huge usages that earlier versions stored as they were reported."""
    for tokens in ((-(10**9), -(10**9)), (2**31 - 1, 2**31 - 1), (3, 5)):
        await store_run(conn, seeded.attempt_id, tokens=tokens)
    assert await model_runs.count_tokens(conn, seeded.exam_id) == 2 * (2**31 - 1) + 8


async def test_the_answer_to_an_equal_input_is_found_again(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    await store_run(conn, seeded.attempt_id, ModelState.FAILED)
    assert await model_runs.find_earlier_answer(conn, seeded.attempt_id, "shown") is None
    await store_run(conn, seeded.attempt_id)
    assert await model_runs.find_earlier_answer(conn, seeded.attempt_id, "shown") == ("m-1", "an answer")
    assert await model_runs.find_earlier_answer(conn, seeded.attempt_id, "something else") is None


async def test_the_input_has_the_attempt_its_flags_its_texts_and_the_names_to_hide(
    conn: AsyncConnection, seeded: SeededAttempt
) -> None:
    await make_flag(conn, seeded.attempt_id)
    data = await model_runs.read_attempt_data(conn, seeded.attempt_id)
    assert (data.exam_id, data.policy_version) == (seeded.exam_id, 1)
    assert data.names == ["Ada Example", f"u-{seeded.student_id}"]
    assert [(flag.rule, flag.cited) for flag in await model_runs.read_flags(conn, seeded.attempt_id)] == [
        ("left_page", [])
    ]
    texts = await model_runs.read_texts(conn, seeded.attempt_id, least=10, most=5)
    assert texts == [("d", "Light is both a wave and a particle.")]
    assert await model_runs.read_texts(conn, seeded.attempt_id, least=100, most=5) == []


async def test_cited_events_come_first_and_plain_ones_only_when_cited(
    conn: AsyncConnection, seeded: SeededAttempt
) -> None:
    events: list[tuple[str, dict[str, Any], int]] = [("alive", {}, 2_000), ("paste", {}, 3_000), ("alive", {}, 4_000)]
    await store_events(conn, seeded.stream_id, events)
    cited = [(seeded.stream_id, 4)]
    found = await model_runs.read_events(conn, seeded.attempt_id, cited, plain=["alive", "answered"], most=2)
    assert (found[0].type, found[0].seq) == ("alive", 4)
    assert (await model_runs.count_events(conn, seeded.attempt_id))["alive"] == 2


async def test_a_summary_is_stored_with_its_analysis_and_keeps_the_indicators_of_services(
    conn: AsyncConnection, seeded: SeededAttempt
) -> None:
    await service_reports.add_indicators(conn, seeded.attempt_id, "service:origin", ["found on a page"])
    assert await model_runs.lock_analysis(conn, seeded.attempt_id, 1)
    claims = model_runs.to_statements([("The style changes.", [(seeded.stream_id, 1)])])
    summary = NewSummary(text="A summary.", recommendations=[], originality_indicators=claims, model="m-1")
    await model_runs.store_summary(conn, seeded.attempt_id, summary)
    analysis = await read_analysis(conn, seeded)
    assert (analysis.model_state, analysis.llm_summary, analysis.llm_model_version) == ("done", "A summary.", "m-1")
    assert [one["text"] for one in analysis.originality_indicators] == ["found on a page", "The style changes."]
    assert analysis.originality_indicators[1]["cited"] == [[str(seeded.stream_id), 1]]


async def test_without_a_valid_summary_the_text_of_the_template_stays(
    conn: AsyncConnection, seeded: SeededAttempt
) -> None:
    before = (await read_analysis(conn, seeded)).llm_summary
    await model_runs.store_summary(conn, seeded.attempt_id, None)
    after = await read_analysis(conn, seeded)
    assert (after.model_state, after.llm_summary) == ("failed", before)


async def test_an_analysis_that_has_changed_is_not_locked(conn: AsyncConnection, seeded: SeededAttempt) -> None:
    assert not await model_runs.lock_analysis(conn, seeded.attempt_id, 2)
    await model_runs.turn_off_pending(conn)
    assert not await model_runs.lock_analysis(conn, seeded.attempt_id, 1)
