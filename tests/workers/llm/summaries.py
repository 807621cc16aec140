"""Summarizers with model servers, and what they store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.clock import from_ms
from db.models import (
    BehaviorAnalysis,
    ExamAttempt,
    Flag,
    ModelRun,
)
from db.notify import Notifier
from protocol.flags import FlagSource
from tests.workers.llm.server import (
    ModelServer,
    Reaction,
    serve,
)
from tests.workers.llm.test_client import settings_for
from workers.jobs.llm_summary import LlmSummarizer
from workers.llm.breaker import Breaker
from workers.llm.client import OpenAIModel

TEMPLATE = "Left the page for 22 s."


@asynccontextmanager
async def summarizing(
    engine: AsyncEngine, notifier: Notifier, *reactions: Reaction, **changes: Any
) -> AsyncIterator[tuple[LlmSummarizer, ModelServer]]:
    """Run a summarizer whose model server has these reactions."""
    exam_tokens, breaker = changes.pop("exam_tokens", 10**6), changes.pop("breaker", None)
    async with serve(*reactions) as server:
        settings = settings_for(server.url, **{"llm_retries": 0, "llm_timeout_s": 30} | changes)
        model = OpenAIModel(settings)
        yield (
            LlmSummarizer(
                engine,
                notifier,
                model,
                timeout_s=settings.llm_timeout_s,
                exam_tokens=exam_tokens,
                breaker=breaker or Breaker(failures=99),
            ),
            server,
        )
        await model.aclose()


async def read(engine: AsyncEngine, attempt_id: UUID) -> Row[Any]:
    async with engine.connect() as conn:
        found = await conn.execute(select(BehaviorAnalysis).where(BehaviorAnalysis.attempt_id == attempt_id))
        return found.one()


async def runs(engine: AsyncEngine) -> list[Any]:
    async with engine.connect() as conn:
        return list(await conn.execute(select(ModelRun).order_by(ModelRun.id)))


async def make_due(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await conn.execute(update(BehaviorAnalysis).values(due_at=from_ms(0)))


async def read_figures(engine: AsyncEngine) -> dict[str, Any]:
    """Everything that must not change: scores, statuses, labels, rules' flags."""
    async with engine.connect() as conn:
        attempts = await conn.execute(select(ExamAttempt.__table__))
        rules = await conn.execute(select(Flag.__table__).where(Flag.source == FlagSource.RULE))
        analyses = await conn.execute(
            select(
                BehaviorAnalysis.integrity_score,
                BehaviorAnalysis.lmi_score,
                BehaviorAnalysis.dropout_label,
                BehaviorAnalysis.requires_instructor_attention,
                BehaviorAnalysis.requires_recap,
                BehaviorAnalysis.anomaly_count,
            )
        )
        return {"attempts": attempts.all(), "flags": rules.all(), "analyses": analyses.all()}


async def tokens_of(engine: AsyncEngine) -> list[int]:
    return [run.prompt_tokens + run.completion_tokens for run in await runs(engine)]
