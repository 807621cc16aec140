"""Requests to a model over real HTTP: which are counted, repeated, paused and never sent."""

import asyncio
import contextlib
from typing import Any

import pytest
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.clock import from_ms
from db.models import (
    BehaviorAnalysis,
)
from db.notify import Notifier
from protocol.analysis import AnalysisState, ModelState
from tests.seeded_attempts import SeededAttempt
from tests.workers.llm.server import (
    BROKEN,
    BUSY,
    GOOD,
    NO_JSON,
    WRONG_KEY,
    Reaction,
    bomb,
    cut,
    never,
    say,
    serve,
    use,
    verdict,
)
from tests.workers.llm.summaries import TEMPLATE, make_due, read, runs, summarizing, tokens_of
from tests.workers.llm.test_client import settings_for
from tests.workers.rooms import AWAY, Room
from workers.jobs.llm_summary import TRIES, LlmSummarizer
from workers.llm.breaker import Breaker
from workers.llm.client import OpenAIModel

NOTHING_HOLDS = verdict(summary=[{"text": "A phone was seen.", "cites": [99]}])


@pytest.mark.parametrize(
    "trouble",
    [
        BUSY,
        BROKEN,
        cut,
        NO_JSON,
        never,
        say("I would rather not."),
        say(verdict(integrity_score=0)),
        say(NOTHING_HOLDS),
        bomb(1),
        say(GOOD, usage=use(-(10**9))),
        say(GOOD, usage=use(10**12)),
        say(GOOD, usage=use("abc")),
        say(GOOD, model="nul \0"),
        say(GOOD, model="x" * 5_000_000),
        say("lone \ud800"),
    ],
    ids=[
        *("429", "500", "cut", "no JSON", "slow", "no verdict", "schema violated", "nothing holds"),
        *("gzip", "negative usage", "huge usage", "no number", "NUL", "long name", "lone surrogate"),
    ],
)
async def test_a_failed_request_is_repeated_later_and_in_the_end_the_template_stays(
    engine: AsyncEngine, notifier: Notifier, seeded: SeededAttempt, trouble: Reaction
) -> None:
    async with summarizing(engine, notifier, trouble, llm_timeout_s=1) as (summarizer, server):
        for tried in range(1, TRIES + 1):
            assert (await read(engine, seeded.attempt_id)).model_state == ModelState.PENDING
            await summarizer.summarize()
            await summarizer.summarize()  # not due yet: no request
            assert len(server.requests) == tried
            await make_due(engine)
        await summarizer.summarize()
        assert len(server.requests) == TRIES
    analysis = await read(engine, seeded.attempt_id)
    assert (analysis.model_state, analysis.llm_model_version) == (ModelState.FAILED, "rules")
    assert analysis.llm_summary == TEMPLATE
    assert [run.state for run in await runs(engine)] == [ModelState.FAILED] * TRIES


@pytest.mark.parametrize("usage", [use(-(10**9)), use(10**12), use("abc")], ids=["negative", "huge", "no number"])
async def test_nonsense_usage_counts_as_the_estimate(
    engine: AsyncEngine, notifier: Notifier, seeded: SeededAttempt, usage: object
) -> None:
    async with summarizing(engine, notifier, say(GOOD, usage=usage)) as (summarizer, server):
        await summarizer.summarize()
    (tokens,) = await tokens_of(engine)
    assert len(server.shown) < tokens < 10 * len(server.shown) + 2_000


async def test_a_request_that_the_server_refused_uses_no_tokens(
    engine: AsyncEngine, notifier: Notifier, seeded: SeededAttempt
) -> None:
    async with summarizing(engine, notifier, BUSY) as (summarizer, _):
        await summarizer.summarize()
    assert await tokens_of(engine) == [0]


async def test_a_request_counts_before_it_is_sent(
    engine: AsyncEngine, notifier: Notifier, seeded: SeededAttempt
) -> None:
    seen: list[tuple[str, bool]] = []

    async def look(_reader: object, writer: Any) -> None:
        seen.extend((run.state, run.prompt_tokens > 0) for run in await runs(engine))
        writer.write(say(GOOD))
        await writer.drain()

    async with summarizing(engine, notifier, look) as (summarizer, _):
        await summarizer.summarize()
    assert seen == [("pending", True)]


async def test_a_request_that_kills_its_process_every_time_is_not_sent_for_ever(
    engine: AsyncEngine, notifier: Notifier, seeded: SeededAttempt
) -> None:
    class Deadly(OpenAIModel):
        """Ends as a killed process does: nothing is stored after the request."""

        async def ask(self, *_: object) -> Any:
            raise asyncio.CancelledError

    model, asked = Deadly(settings_for("http://nowhere/v1")), 0
    for _ in range(TRIES + 2):
        summarizer = LlmSummarizer(engine, notifier, model, timeout_s=1, exam_tokens=10**6)
        with contextlib.suppress(asyncio.CancelledError):
            await summarizer.summarize()
        asked = len(await runs(engine))
        await make_due(engine)
    assert asked == TRIES
    assert (await read(engine, seeded.attempt_id)).model_state == ModelState.FAILED
    assert min(await tokens_of(engine)) > 0


async def test_broken_answers_pause_the_model(engine: AsyncEngine, notifier: Notifier, seeded: SeededAttempt) -> None:
    breaker = Breaker(failures=1, rest_s=60)
    async with summarizing(engine, notifier, say("no verdict"), breaker=breaker) as (summarizer, server):
        await summarizer.summarize()
        await make_due(engine)
        await summarizer.summarize()
    assert len(server.requests) == 1


class Faulty(OpenAIModel):
    """Fails for one attempt in a way that no one expected, while the request about another one is open."""

    def __init__(self, url: str) -> None:
        super().__init__(settings_for(url))
        self.calls = 0

    async def ask(self, *prompt: Any) -> Any:
        self.calls += 1
        if self.calls == 1:
            raise ZeroDivisionError
        return await super().ask(*prompt)


async def test_an_unexpected_error_counts_as_a_failure_and_cancels_no_neighbor(
    engine: AsyncEngine, notifier: Notifier, seeded: SeededAttempt, room: Room
) -> None:
    (other,) = await room.add_attempts()
    await room.store(other, AWAY)
    async with engine.begin() as conn:
        waiting = {"state": AnalysisState.DONE, "model_state": ModelState.PENDING, "revision": 1}
        await conn.execute(insert(BehaviorAnalysis).values(attempt_id=other.attempt_id, **waiting))
    async with serve(say(GOOD)) as server:
        model = Faulty(server.url)
        await LlmSummarizer(engine, notifier, model, timeout_s=30, exam_tokens=10**6).summarize()
        await model.aclose()
    states = [(await read(engine, one.attempt_id)).model_state for one in (seeded, other)]
    assert sorted(states) == ["done", "pending"]
    (failed,) = [run for run in await runs(engine) if run.state == ModelState.FAILED]
    assert (failed.error, failed.prompt_tokens > 0) == ("unexpected: ZeroDivisionError", True)


async def test_a_wrong_key_fails_at_once(engine: AsyncEngine, notifier: Notifier, seeded: SeededAttempt) -> None:
    async with summarizing(engine, notifier, WRONG_KEY) as (summarizer, server):
        await summarizer.summarize()
    assert (await read(engine, seeded.attempt_id)).model_state == ModelState.FAILED
    assert (await runs(engine))[0].error == "the model's server answered 401"
    assert len(server.requests) == 1


async def test_requests_to_a_model_that_keeps_failing_are_paused(
    engine: AsyncEngine, notifier: Notifier, seeded: SeededAttempt
) -> None:
    async with summarizing(engine, notifier, BROKEN, breaker=Breaker(failures=1, rest_s=60)) as (summarizer, server):
        await summarizer.summarize()
        await make_due(engine)
        await summarizer.summarize()
    assert len(server.requests) == 1
    assert (await read(engine, seeded.attempt_id)).model_state == ModelState.PENDING


async def test_an_exam_without_token_budget_sends_no_requests(
    engine: AsyncEngine, notifier: Notifier, seeded: SeededAttempt
) -> None:
    async with summarizing(engine, notifier, say(GOOD), exam_tokens=800) as (summarizer, server):
        await summarizer.summarize()
        async with engine.begin() as conn:
            again = {"model_state": ModelState.PENDING, "revision": 2, "lmi_score": 12.0, "due_at": from_ms(0)}
            await conn.execute(update(BehaviorAnalysis).values(again))
        await summarizer.summarize()
    assert len(server.requests) == 1
    assert (await read(engine, seeded.attempt_id)).model_state == ModelState.FAILED
    assert (await runs(engine))[-1].error == "the token budget of the exam is used up"


async def test_the_same_input_is_not_paid_for_twice(
    engine: AsyncEngine, notifier: Notifier, seeded: SeededAttempt
) -> None:
    async with summarizing(engine, notifier, say(GOOD)) as (summarizer, server):
        await summarizer.summarize()
        async with engine.begin() as conn:
            again = {"model_state": ModelState.PENDING, "revision": 2, "llm_summary": TEMPLATE, "due_at": from_ms(0)}
            await conn.execute(update(BehaviorAnalysis).values(again))
        await summarizer.summarize()
    assert len(server.requests) == 1
    assert (await read(engine, seeded.attempt_id)).llm_summary.startswith("The page was left once for 22 seconds. [")
