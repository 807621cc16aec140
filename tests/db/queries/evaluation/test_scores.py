import asyncio
from collections.abc import Sequence
from typing import Any
from unittest.mock import ANY
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from uuid_utils.compat import uuid7

from db.errors import NotFound
from db.models import ExamAttempt
from db.queries.evaluation import cursors, scores
from protocol.analysis import Observed, Score
from protocol.console import ScoreRow
from protocol.flags import CountedFlag
from protocol.roles import Role
from tests.factories import make_attempt, make_connection, make_exam, make_stream, make_user
from tests.locks import until_blocked


async def make_one(conn: AsyncConnection) -> UUID:
    exam_id = await make_exam(conn, await make_user(conn, role=Role.TEACHER), policy={"weight": 0.5})
    return await make_attempt(conn, exam_id, await make_user(conn))


def always(integrity: float | None, coverage: float | None = 1.0) -> scores.ComputeScore:
    def compute_score(
        _flags: Sequence[CountedFlag], _seen: Observed, _settings: dict[str, Any], _rulebook: int
    ) -> Score:
        return Score(integrity, coverage)

    return compute_score


async def read_score(conn: AsyncConnection, attempt: UUID) -> float | None:
    found = await conn.execute(select(ExamAttempt.integrity_score).where(ExamAttempt.id == attempt))
    score: float | None = found.scalar_one()
    return score


async def read_coverage(conn: AsyncConnection, attempt: UUID) -> float | None:
    found = await conn.execute(select(ExamAttempt.coverage).where(ExamAttempt.id == attempt))
    coverage: float | None = found.scalar_one()
    return coverage


async def test_a_changed_score_is_stored_and_returned_once(conn: AsyncConnection) -> None:
    attempt = await make_one(conn)
    assert await scores.rescore(conn, attempt, always(0.75)) == ScoreRow(attempt, 0.75, 1.0)
    assert await read_score(conn, attempt) == 0.75
    assert await scores.rescore(conn, attempt, always(0.75)) is None


async def test_a_score_can_become_unknown(conn: AsyncConnection) -> None:
    attempt = await make_one(conn)
    assert await scores.rescore(conn, attempt, always(None, None)) is None
    await scores.rescore(conn, attempt, always(0.1))
    assert await scores.rescore(conn, attempt, always(None, 0.4)) == ScoreRow(attempt, None, 0.4)
    assert await read_score(conn, attempt) is None


async def test_a_score_is_computed_from_the_attempts_policy_rulebook_and_observations(conn: AsyncConnection) -> None:
    calls: list[tuple[Sequence[CountedFlag], Observed, dict[str, Any], int]] = []

    def compute_score(
        flags: Sequence[CountedFlag], seen: Observed, settings: dict[str, Any], rulebook_version: int
    ) -> Score:
        calls.append((flags, seen, settings, rulebook_version))
        return Score(1.0, 1.0)

    attempt = await make_one(conn)
    stream = await make_stream(conn, attempt)
    await make_connection(conn, attempt, stream, opened_s=1, closed_s=5)
    await make_connection(conn, attempt, stream, opened_s=9)
    await scores.rescore(conn, attempt, compute_score)
    [(flags, seen, settings, rulebook)] = calls
    assert (flags, settings, rulebook) == ([], {"weight": 0.5}, 1)
    first = seen.started_ms
    assert sorted(seen.connected) == [(first + 1_000, first + 5_000), (first + 9_000, None)]
    assert (seen.ended_ms, seen.now_ms >= first) == (None, True)
    assert await scores.read_observations(conn, [attempt]) == {attempt: msgspec.structs.replace(seen, now_ms=ANY)}


async def test_a_running_attempts_coverage_is_stored_and_shown_once_it_moves_a_tenth(conn: AsyncConnection) -> None:
    attempt = await make_one(conn)
    assert await scores.rescore(conn, attempt, always(0.9, 0.88)) == ScoreRow(attempt, 0.9, 0.8)
    assert await scores.rescore(conn, attempt, always(0.9, 0.82)) is None
    assert await read_coverage(conn, attempt) == 0.88
    assert await scores.rescore(conn, attempt, always(0.9, 0.91)) == ScoreRow(attempt, 0.9, 0.9)
    assert await read_coverage(conn, attempt) == 0.91


async def test_the_coverage_of_an_attempt_that_has_ended_is_stored_as_it_is(conn: AsyncConnection) -> None:
    attempt = await make_one(conn)
    await scores.rescore(conn, attempt, always(0.9, 0.88))
    await conn.execute(update(ExamAttempt).values(completed_at=func.now()))
    assert await scores.rescore(conn, attempt, always(0.9, 0.82)) is None
    assert await read_coverage(conn, attempt) == 0.82


async def test_an_attempt_that_does_not_exist_has_no_score(conn: AsyncConnection) -> None:
    with pytest.raises(NotFound):
        await scores.rescore(conn, uuid7(), always(1.0))


async def test_only_changed_scores_are_stored_of_many(conn: AsyncConnection) -> None:
    attempts = sorted([await make_one(conn) for _ in range(3)])
    await scores.rescore(conn, attempts[1], always(0.5))
    changed = await scores.rescore_all(conn, attempts, always(0.5))
    assert changed == [ScoreRow(attempts[0], 0.5, 1.0), ScoreRow(attempts[2], 0.5, 1.0)]
    assert [await read_score(conn, attempt) for attempt in attempts] == [0.5] * 3


async def test_rescoring_no_attempts_returns_no_scores(conn: AsyncConnection) -> None:
    assert await scores.rescore_all(conn, [], always(0.5)) == []


async def test_rescoring_waits_for_a_fold_in_flight(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        attempt = await make_one(conn)
    async with engine.begin() as fold, engine.begin() as review:
        await cursors.claim_cursors(fold, [attempt], 1, supported={1})
        rescoring = asyncio.ensure_future(scores.rescore(review, attempt, always(0.5)))
        await until_blocked(engine)
        await fold.commit()
        assert await rescoring == ScoreRow(attempt, 0.5, 1.0)
