"""Attempts to evaluate."""

import pytest
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.clock import from_ms
from db.models import BehaviorAnalysis, ExamAttempt
from db.notify import Notifier
from protocol.analysis import AnalysisState, ModelState
from protocol.attempts import AttemptStatus
from tests.factories import TIME_BASE_MS
from tests.seeded_attempts import SeededAttempt
from tests.workers.llm.summaries import TEMPLATE
from tests.workers.rooms import AWAY, Room
from workers.jobs.evaluate import Evaluator


@pytest.fixture
def room(engine: AsyncEngine) -> Room:
    return Room(engine)


@pytest.fixture
def evaluator(engine: AsyncEngine, notifier: Notifier) -> Evaluator:
    return Evaluator(engine, notifier)


@pytest.fixture
async def seeded(room: Room, evaluator: Evaluator) -> SeededAttempt:
    """An attempt with a rule's flag that has ended, was analyzed, and waits for a model."""
    (seeded,) = await room.add_attempts()
    await room.store(seeded, AWAY)
    await evaluator.evaluate([seeded.attempt_id])
    async with room.engine.begin() as conn:
        await conn.execute(
            update(ExamAttempt)
            .where(ExamAttempt.id == seeded.attempt_id)
            .values(
                status=AttemptStatus.SUBMITTED,
                started_at=from_ms(TIME_BASE_MS),
                completed_at=from_ms(TIME_BASE_MS + 60_000),
                percentage=55.0,
                passed=True,
            )
        )
        analysis = {
            "attempt_id": seeded.attempt_id,
            "state": AnalysisState.DONE,
            "model_state": ModelState.PENDING,
            "revision": 1,
            "integrity_score": 0.88,
            "llm_summary": TEMPLATE,
        }
        await conn.execute(insert(BehaviorAnalysis).values(analysis))
    return seeded
