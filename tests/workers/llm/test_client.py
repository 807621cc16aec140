import time

import msgspec
import pytest

from db.settings import Secret
from tests.workers.llm.server import BROKEN, BUSY, GOOD, NO_JSON, WRONG_KEY, Reaction, cut, never, respond, say, serve
from workers.llm.client import OpenAIModel, Reply
from workers.llm.errors import ModelRefused, Unavailable
from workers.llm.evidence import Prompt
from workers.llm.verdict import schema
from workers.settings import WorkerSettings

EVIDENCE = Prompt("instructions", "shown", ())


def settings_for(url: str, **changes: object) -> WorkerSettings:
    settings = WorkerSettings(
        database_url="postgresql://nowhere", redis_url="redis://nowhere", llm_base_url=url, llm_model="tiny",
        llm_api_key=Secret("a key"), llm_timeout_s=5, llm_retries=2,
    )  # fmt: skip
    return msgspec.structs.replace(settings, **changes)


async def ask(*reactions: Reaction, **changes: object) -> tuple[Reply, int]:
    """Ask a server that reacts so; the reply, and after how many requests."""
    async with serve(*reactions) as server:
        model = OpenAIModel(settings_for(server.url, **changes))
        try:
            return await model.ask(EVIDENCE, schema()), len(server.requests)
        finally:
            await model.aclose()


async def test_an_answer_has_its_tokens_and_time() -> None:
    reply, requests = await ask(say(GOOD))
    assert (reply.text, reply.model, requests) == (GOOD, "tiny-1", 1)
    assert (reply.prompt_tokens, reply.completion_tokens) == (700, 100)


async def test_the_request_carries_instructions_evidence_schema_and_key() -> None:
    async with serve(say(GOOD)) as server:
        model = OpenAIModel(settings_for(server.url))
        await model.ask(EVIDENCE, schema())
        await model.aclose()
    request = server.requests[0]
    assert [(message["role"], message["content"]) for message in request["messages"]] == [
        ("system", "instructions"),
        ("user", "shown"),
    ]
    assert request["response_format"]["json_schema"]["schema"] == schema()
    assert (request["model"], request["temperature"]) == ("tiny", 0)
    assert server.authorization == ["Bearer a key"]


@pytest.mark.parametrize("trouble", [BUSY, BROKEN, cut], ids=["429 with Retry-After", "500", "cut mid-body"])
async def test_temporary_errors_are_retried(trouble: Reaction) -> None:
    reply, requests = await ask(trouble, say(GOOD))
    assert (reply.text, requests) == (GOOD, 2)


async def test_retry_after_is_respected() -> None:
    started_s = time.monotonic()
    await ask(respond("429 Too Many Requests", b"{}", retry_after="0.6"), say(GOOD))
    assert time.monotonic() - started_s >= 0.6


@pytest.mark.parametrize("trouble", [BUSY, BROKEN, cut], ids=["429", "500", "cut mid-body"])
async def test_lasting_errors_are_unavailable_after_the_retries(trouble: Reaction) -> None:
    async with serve(trouble) as server:
        model = OpenAIModel(settings_for(server.url, llm_retries=1))
        with pytest.raises(Unavailable):
            await model.ask(EVIDENCE, schema())
        await model.aclose()
    assert len(server.requests) == 2


async def test_a_body_that_is_not_json_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await ask(NO_JSON, llm_retries=0)


async def test_the_time_of_all_tries_is_limited() -> None:
    with pytest.raises(Unavailable, match="within 1 s"):
        await ask(never, llm_timeout_s=1)


async def test_a_refusal_is_not_retried_and_does_not_show_the_key() -> None:
    async with serve(WRONG_KEY) as server:
        model = OpenAIModel(settings_for(server.url))
        with pytest.raises(ModelRefused) as refused:
            await model.ask(EVIDENCE, schema())
        await model.aclose()
    assert str(refused.value) == "the model's server answered 401"
    assert len(server.requests) == 1


async def test_a_server_that_cannot_be_reached_is_unavailable() -> None:
    async with serve(say(GOOD)) as server:
        pass
    model = OpenAIModel(settings_for(server.url, llm_retries=0))
    with pytest.raises(Unavailable):
        await model.ask(EVIDENCE, schema())
    await model.aclose()
