"""The end of an attempt: everything that it stores, and that an attempt ends once in any race."""

import asyncio
from collections import Counter
from datetime import timedelta
from hashlib import sha256
from json import dumps
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import Row, select, update
from sqlalchemy import event as sql_event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import Conflict, NotFound
from db.models import AttemptGrade, BehaviorAnalysis, ExamAttempt
from db.queries import feed
from db.queries.attempts.answers import SubmittedAnswer, list_revisions
from db.queries.attempts.end import EndedAttempt, end_attempts
from db.queries.attempts.start import start_attempt
from db.queries.console import board
from judgement import grading
from judgement.attempts import Action
from protocol.attempts import AttemptStatus
from protocol.console import AttemptRow
from tests.candidates import system_events
from tests.seeded_attempts import WITH_TEXT, SeededAttempt, answer, end, ending, seed_attempt


async def read(conn: AsyncConnection, seeded: SeededAttempt) -> Row[Any]:
    found = await conn.execute(select(ExamAttempt.__table__).where(ExamAttempt.id == seeded.attempt_id))
    return found.one()


async def points(conn: AsyncConnection, seeded: SeededAttempt) -> dict[str, float]:
    found = await conn.execute(
        select(AttemptGrade.item, AttemptGrade.points).where(AttemptGrade.attempt_id == seeded.attempt_id)
    )
    return {row.item: row.points for row in found}


async def test_an_attempt_ends_with_its_current_answers_its_marks_and_a_receipt(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    await answer(conn, seeded, "a", "y", 1_000)
    await answer(conn, seeded, "c", 9.8, 2_000)
    last = await answer(conn, seeded, "a", "x", 3_000)
    ended = await end(conn, seeded)
    row = await read(conn, seeded)
    assert (row.status, ended.changed, ended.status) == ("submitted", True, AttemptStatus.SUBMITTED)
    assert row.submission_data["responses"] == {"a": "x", "c": 9.8}
    assert (row.score, row.max_score, row.percentage, row.passed) == (7, 10, 70, True)
    assert await points(conn, seeded) == {"a": 2, "b": 0, "c": 5}
    assert row.grade_final_at == row.completed_at
    receipt = ended.receipt
    assert (receipt.status, receipt.answers, receipt.events) == ("completed", 2, last)
    assert receipt.streams == {seeded.stream_id: last}
    content = {"answers": {"a": "x", "c": 9.8}, "streams": {str(seeded.stream_id): last}}
    # As docs/attempts.md has it.
    assert receipt.hash == sha256(dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    assert row.receipt == msgspec.to_builtins(receipt)


async def test_an_end_stores_an_event_a_feed_row_and_a_due_analysis(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    await end(conn, seeded, ending(Action.END))
    assert (await system_events(conn, seeded.attempt_id))[-1] == ("ended", {"reason": "ill", "by": "a teacher"})
    deltas = [delta for delta in await feed.read_after(conn, seeded.exam_id, 0) if delta.kind == "attempt"]
    shown = msgspec.json.decode(deltas[-1].body, type=AttemptRow)
    assert shown.status is AttemptStatus.ENDED
    assert shown.completed_at is not None
    assert [shown] == (await board.read_board(conn, seeded.exam_id)).attempts
    due = await conn.execute(select(BehaviorAnalysis.state).where(BehaviorAnalysis.attempt_id == seeded.attempt_id))
    assert due.scalar_one() == "pending"


async def test_an_answer_that_needs_a_grader_leaves_score_and_grade_open(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn, WITH_TEXT)
    await answer(conn, seeded, "d", "Because of inertia.", 1_000)
    await end(conn, seeded, ending(Action.TIME_OUT))
    row = await read(conn, seeded)
    assert (row.status, row.score, row.max_score, row.percentage, row.passed) == ("timed_out", None, 20, None, None)
    assert row.grade_final_at is None
    assert await points(conn, seeded) == {"a": 0, "b": 0, "c": 0}


async def test_an_unanswered_text_gets_zero_points_and_delays_no_grade(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn, WITH_TEXT)
    await answer(conn, seeded, "a", "x", 1_000)
    await end(conn, seeded)
    row = await read(conn, seeded)
    assert (row.score, row.passed, row.grade_final_at) == (2, False, row.completed_at)


async def test_an_exam_without_items_ends_without_marks(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn, [])
    await end(conn, seeded)
    row = await read(conn, seeded)
    assert (row.score, row.max_score, row.percentage, row.passed) == (None, 0, None, None)
    assert row.grade_final_at is not None


async def test_answers_of_the_submission_count_and_are_stored_as_events(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    await answer(conn, seeded, "a", "x", 1_000)
    given = [SubmittedAnswer("a", "x"), SubmittedAnswer("b", ["z", "x"])]
    ended = await end(conn, seeded, ending(answers=given))
    assert (await read(conn, seeded)).score == 5
    assert ended.receipt.answers == 2
    assert [event for event, _ in await system_events(conn, seeded.attempt_id)][-2:] == [
        "answer_submitted",
        "submitted",
    ]
    revisions = await list_revisions(conn, seeded.attempt_id)
    assert [(revision.item, revision.revision, revision.value, revision.stands) for revision in revisions] == [
        ("a", 1, "x", True),
        ("b", 1, ["z", "x"], True),
    ]


async def test_ending_again_changes_nothing_and_gives_the_same_receipt(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    first = await end(conn, seeded, ending(answers=[SubmittedAnswer("a", "x")]))
    before = await read(conn, seeded)
    for action in (Action.SUBMIT, Action.TIME_OUT, Action.END):
        again = await end(conn, seeded, ending(action, answers=[SubmittedAnswer("a", "x")]))
        assert (again.receipt, again.changed, again.row) == (first.receipt, False, None)
    assert await read(conn, seeded) == before
    assert Counter(event for event, _ in await system_events(conn, seeded.attempt_id))["submitted"] == 1


async def test_a_late_answer_is_kept_and_does_not_count(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    await answer(conn, seeded, "a", "x", 1_000)
    await end(conn, seeded, ending(Action.TIME_OUT))
    # From a queue that was offline: given before the end, stored after it. And one with a submission too late.
    await answer(conn, seeded, "a", "y", 500)
    await end(conn, seeded, ending(answers=[SubmittedAnswer("a", "y"), SubmittedAnswer("b", ["x"])]))
    await end(conn, seeded, ending(answers=[SubmittedAnswer("a", "y"), SubmittedAnswer("b", ["x"])]))
    revisions = await list_revisions(conn, seeded.attempt_id)
    assert [(revision.item, revision.revision, revision.value, revision.stands) for revision in revisions] == [
        ("a", 1, "y", False),
        ("a", 2, "x", True),
        ("a", 3, "y", False),
        ("b", 1, ["x"], False),
    ]
    row = await read(conn, seeded)
    assert (row.submission_data["responses"], row.score) == ({"a": "x"}, 2)


async def test_only_the_attempt_of_this_student_and_exam_is_ended(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    for mismatched in (ending(student_id=uuid4()), ending(exam_id=uuid4())):
        with pytest.raises(NotFound):
            await end(conn, seeded, mismatched)
    assert (await end(conn, seeded, ending(student_id=seeded.student_id, exam_id=seeded.exam_id))).changed


@pytest.mark.parametrize("status", ["waiting", "paused", "reopened", "abandoned", "declined"])
async def test_an_attempt_that_neither_runs_nor_has_ended_is_not_ended(conn: AsyncConnection, status: str) -> None:
    seeded = await seed_attempt(conn)
    await conn.execute(update(ExamAttempt).values(status=status))
    with pytest.raises(Conflict):
        await end(conn, seeded)


async def test_an_attempt_that_is_ended_by_many_at_once_ends_once(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        seeded_attempts = [await seed_attempt(conn, WITH_TEXT) for _ in range(6)]

    async def race(seeded: SeededAttempt, action: Action) -> tuple[UUID, bool, str]:
        async with engine.begin() as conn:
            ended = await end(conn, seeded, ending(action, answers=[SubmittedAnswer("a", "x")]))
            return seeded.attempt_id, ended.changed, ended.receipt.hash

    actions = [Action.SUBMIT, Action.TIME_OUT, Action.SUBMIT, Action.END]
    results = await asyncio.gather(*(race(seeded, action) for action in actions for seeded in seeded_attempts))
    assert Counter(attempt_id for attempt_id, changed, _ in results if changed) == {
        seeded.attempt_id: 1 for seeded in seeded_attempts
    }
    assert len({(attempt_id, digest) for attempt_id, _, digest in results}) == len(seeded_attempts)
    async with engine.connect() as conn:
        for seeded in seeded_attempts:
            stored_events = Counter(event for event, _ in await system_events(conn, seeded.attempt_id))
            assert stored_events["submitted"] + stored_events["ended"] == 1
            assert stored_events["answer_submitted"] == 1
            deltas = await feed.read_after(conn, seeded.exam_id, 0)
            assert [delta.kind for delta in deltas].count("attempt") == 2


async def test_a_start_during_the_end_finds_a_running_attempt_or_is_refused(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        seeded_attempts = [await seed_attempt(conn) for _ in range(8)]

    async def come_back(seeded: SeededAttempt) -> AttemptStatus | None:
        try:
            async with engine.begin() as conn:
                again = await start_attempt(conn, seeded.exam_id, seeded.student_id, rulebook_version=1, notice=1)
                return again.status
        except Conflict:
            return None

    async def end_it(seeded: SeededAttempt) -> None:
        async with engine.begin() as conn:
            await end(conn, seeded, ending(Action.END))

    came = await asyncio.gather(*(job(seeded) for seeded in seeded_attempts for job in (come_back, end_it)))
    assert set(came[::2]) <= {AttemptStatus.IN_PROGRESS, None}
    async with engine.connect() as conn:
        for seeded in seeded_attempts:
            assert (await read(conn, seeded)).status == "ended"
            board_now = await board.read_board(conn, seeded.exam_id)
            assert len(board_now.attempts) == 1
    assert [await come_back(seeded) for seeded in seeded_attempts] == [None] * 8


async def test_an_answer_that_is_just_being_stored_does_not_hold_up_the_end(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        seeded = await seed_attempt(conn)
    async with engine.connect() as storing:
        await answer(storing, seeded, "a", "x", 1_000)
        async with engine.begin() as conn:
            assert (await end(conn, seeded)).receipt.answers == 0
        await storing.commit()
    async with engine.connect() as conn:
        (late,) = await list_revisions(conn, seeded.attempt_id)
        assert not late.stands


async def test_how_long_it_took_is_stored(conn: AsyncConnection) -> None:
    seeded = await seed_attempt(conn)
    await conn.execute(update(ExamAttempt).values(started_at=ExamAttempt.started_at - timedelta(seconds=90)))
    await end(conn, seeded)
    assert 90 <= (await read(conn, seeded)).duration_seconds <= 95


async def test_many_attempts_end_together_and_each_has_its_own_outcome(conn: AsyncConnection) -> None:
    answered, answering, ended, paused, strange = [await seed_attempt(conn) for _ in range(5)]
    await answer(conn, answered, "a", "x", 1_000)
    await answer(conn, answering, "a", "y", 1_000)
    before = await end(conn, ended)
    await conn.execute(
        update(ExamAttempt).where(ExamAttempt.id == paused.attempt_id).values(status=AttemptStatus.ABANDONED)
    )
    how = {one.attempt_id: ending() for one in (answered, ended, paused)}
    how[answering.attempt_id] = ending(answers=[SubmittedAnswer("a", "x"), SubmittedAnswer("c", "9,81")])
    how[strange.attempt_id] = ending(student_id=answered.student_id)
    outcomes = await end_attempts(conn, how, grading)
    assert isinstance(outcomes[paused.attempt_id], Conflict)
    assert isinstance(outcomes[strange.attempt_id], NotFound)
    again = outcomes[ended.attempt_id]
    assert isinstance(again, EndedAttempt)
    assert (again.receipt, again.changed) == (before.receipt, False)
    for seeded, score, answers, events in ((answered, 2, 1, 1), (answering, 7, 2, 1)):
        outcome = outcomes[seeded.attempt_id]
        assert isinstance(outcome, EndedAttempt)
        assert (outcome.receipt.answers, outcome.receipt.events) == (answers, events)
        assert outcome.receipt.streams == {seeded.stream_id: 1}
        assert (await read(conn, seeded)).score == score
        assert [event for event, _ in await system_events(conn, seeded.attempt_id)][-1] == "submitted"
    assert (await read(conn, strange)).receipt is None


async def test_a_batch_executes_as_many_statements_as_one(engine: AsyncEngine) -> None:
    statements: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, _parameters: object, *_: object) -> None:
        statements.append(statement)

    counts = []
    for size in (1, 7):
        async with engine.begin() as conn:
            seeded = [await seed_attempt(conn) for _ in range(size)]
            assert conn.sync_connection is not None
            statements.clear()
            sql_event.listen(conn.sync_connection, "before_cursor_execute", note)
            await end_attempts(conn, {one.attempt_id: ending() for one in seeded}, grading)
        # Each of these attempts is of another exam, whose items are read once.
        counts.append(len(statements) - size)
    assert counts[0] == counts[1]
    assert 0 < counts[0] < 15
