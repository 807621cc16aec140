import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from uuid_utils.compat import uuid7

from db.errors import NotFound
from db.models import ExamAttempt
from db.queries import cursors, scores
from protocol.console import ScoreRow
from protocol.flags import StandingFlag
from protocol.people import Role
from tests.factories import make_attempt, make_exam, make_user


async def make_one(conn: AsyncConnection) -> UUID:
    exam_id = await make_exam(conn, await make_user(conn, role=Role.TEACHER), policy={"weight": 0.5})
    return await make_attempt(conn, exam_id, await make_user(conn))


def always(integrity: float | None) -> scores.Judge:
    def judge(_flags: Sequence[StandingFlag], _settings: dict[str, Any], _rulebook: int) -> float | None:
        return integrity

    return judge


async def read_score(conn: AsyncConnection, attempt: UUID) -> float | None:
    found = await conn.execute(select(ExamAttempt.integrity_score).where(ExamAttempt.id == attempt))
    score: float | None = found.scalar_one()
    return score


async def test_a_changed_score_is_stored_and_returned_once(conn: AsyncConnection) -> None:
    attempt = await make_one(conn)
    assert await scores.rescore(conn, attempt, always(0.75)) == ScoreRow(attempt, 0.75)
    assert await read_score(conn, attempt) == 0.75
    assert await scores.rescore(conn, attempt, always(0.75)) is None


async def test_a_score_can_become_unknown(conn: AsyncConnection) -> None:
    attempt = await make_one(conn)
    assert await scores.rescore(conn, attempt, always(None)) is None
    await scores.rescore(conn, attempt, always(0.1))
    assert await scores.rescore(conn, attempt, always(None)) == ScoreRow(attempt, None)
    assert await read_score(conn, attempt) is None


async def test_the_judge_is_told_the_pinned_policy_and_rulebook(conn: AsyncConnection) -> None:
    told: list[tuple[Sequence[StandingFlag], dict[str, Any], int]] = []

    def judge(flags: Sequence[StandingFlag], settings: dict[str, Any], rulebook_version: int) -> float | None:
        told.append((flags, settings, rulebook_version))
        return 1.0

    await scores.rescore(conn, await make_one(conn), judge)
    assert told == [([], {"weight": 0.5}, 1)]


async def test_an_attempt_that_does_not_exist_has_no_score(conn: AsyncConnection) -> None:
    with pytest.raises(NotFound):
        await scores.rescore(conn, uuid7(), always(1.0))


async def test_only_changed_scores_are_stored_of_many(conn: AsyncConnection) -> None:
    attempts = sorted([await make_one(conn) for _ in range(3)])
    await scores.rescore(conn, attempts[1], always(0.5))
    changed = await scores.rescore_all(conn, attempts, always(0.5))
    assert changed == [ScoreRow(attempts[0], 0.5), ScoreRow(attempts[2], 0.5)]
    assert [await read_score(conn, attempt) for attempt in attempts] == [0.5] * 3


async def test_of_no_attempts_nothing_is_scored(conn: AsyncConnection) -> None:
    assert await scores.rescore_all(conn, [], always(0.5)) == []


async def test_rescoring_waits_for_a_fold_in_flight(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        attempt = await make_one(conn)
    async with engine.begin() as fold, engine.begin() as review:
        await cursors.claim(fold, [attempt], 1, carried={1})
        rescoring = asyncio.ensure_future(scores.rescore(review, attempt, always(0.5)))
        done, _ = await asyncio.wait({rescoring}, timeout=0.2)
        assert not done
        await fold.commit()
        assert await rescoring == ScoreRow(attempt, 0.5)
