import time

import msgspec
import pytest

from db.settings import Secret
from tests.workers.llm.server import (
    BROKEN,
    BUSY,
    GOOD,
    NO_JSON,
    WRONG_KEY,
    Reaction,
    bomb,
    complete,
    cut,
    endless,
    never,
    redirect,
    respond,
    say,
    serve,
    use,
)
from workers.llm.client import ANSWER_BYTES, NAME_CHARS, OpenAIModel, Reply
from workers.llm.errors import BadVerdict, ModelError, ModelRefused, Unavailable
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


@pytest.mark.parametrize("trouble", [BUSY, BROKEN], ids=["429 with Retry-After", "500"])
async def test_temporary_errors_are_retried(trouble: Reaction) -> None:
    reply, requests = await ask(trouble, say(GOOD))
    assert (reply.text, requests) == (GOOD, 2)


async def test_retry_after_is_respected() -> None:
    started_s = time.monotonic()
    await ask(respond("429 Too Many Requests", b"{}", retry_after="0.6"), say(GOOD))
    assert time.monotonic() - started_s >= 0.6


@pytest.mark.parametrize("trouble", [BUSY, BROKEN], ids=["429", "500"])
async def test_lasting_errors_are_unavailable_after_the_retries(trouble: Reaction) -> None:
    async with serve(trouble) as server:
        model = OpenAIModel(settings_for(server.url, llm_retries=1))
        with pytest.raises(Unavailable):
            await model.ask(EVIDENCE, schema())
        await model.aclose()
    assert len(server.requests) == 2


@pytest.mark.parametrize("trouble", [cut, NO_JSON], ids=["cut mid-body", "no JSON"])
async def test_an_answer_that_may_have_been_paid_is_not_requested_again_at_once(trouble: Reaction) -> None:
    async with serve(trouble) as server:
        model = OpenAIModel(settings_for(server.url))
        with pytest.raises(ModelError) as failed:
            await model.ask(EVIDENCE, schema())
        await model.aclose()
    assert (failed.value.may_cost, len(server.requests)) == (True, 1)


@pytest.mark.parametrize("trouble", [BUSY, BROKEN, WRONG_KEY], ids=["429", "500", "401"])
async def test_a_request_that_the_server_refused_costs_nothing(trouble: Reaction) -> None:
    with pytest.raises(ModelError) as failed:
        await ask(trouble, llm_retries=0)
    assert not failed.value.may_cost


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


async def test_a_redirect_is_not_followed() -> None:
    async with serve(say(GOOD)) as elsewhere, serve(redirect(f"{elsewhere.url}/chat/completions")) as server:
        model = OpenAIModel(settings_for(server.url))
        with pytest.raises(ModelRefused, match="answered 307"):
            await model.ask(EVIDENCE, schema())
        await model.aclose()
    assert (len(server.requests), elsewhere.requests) == (1, [])


async def test_no_compressed_answer_is_requested_or_read() -> None:
    async with serve(bomb(4)) as server:
        model = OpenAIModel(settings_for(server.url))
        with pytest.raises(BadVerdict, match="encoded"):
            await model.ask(EVIDENCE, schema())
        await model.aclose()
    assert server.accepted_encodings == ["identity"]


async def test_a_body_that_does_not_end_is_cut_off() -> None:
    with pytest.raises(BadVerdict, match="longer than"):
        await ask(endless, llm_timeout_s=30)


async def test_an_answer_of_exactly_the_limit_is_read() -> None:
    body = complete(GOOD).ljust(ANSWER_BYTES)
    reply, _ = await ask(respond("200 OK", body))
    assert reply.text == GOOD
    with pytest.raises(BadVerdict, match="longer than"):
        await ask(respond("200 OK", body + b" "))


@pytest.mark.parametrize(
    "usage",
    [use(-(10**9)), use(700, -1), use(10**12), use("abc"), use(1.5), use([700]), use(True), [], 7],
)
async def test_a_usage_that_makes_no_sense_is_a_failed_answer(usage: object) -> None:
    with pytest.raises(BadVerdict):
        await ask(say(GOOD, usage=usage))


async def test_no_more_tokens_are_counted_than_a_request_can_use() -> None:
    reply, _ = await ask(say(GOOD, usage=use(9_999_999, 9_999_999)))
    most = OpenAIModel(settings_for("http://nowhere/v1")).estimate(EVIDENCE, schema())
    assert (reply.prompt_tokens, reply.completion_tokens) == (most.prompt, most.completion)
    assert most.completion == settings_for("").llm_answer_tokens


@pytest.mark.parametrize("usage", [None, {}, use(None, None)])
async def test_without_a_usage_the_estimate_is_counted(usage: object) -> None:
    reply, _ = await ask(say(GOOD, usage=usage))
    most = OpenAIModel(settings_for("http://nowhere/v1")).estimate(EVIDENCE, schema())
    assert (reply.prompt_tokens, reply.completion_tokens) == (most.prompt, most.completion)


@pytest.mark.parametrize(
    "model", ["nul \0", "line\nbreak", "turned \u202e", "lone \ud800", "x" * (NAME_CHARS + 1), 7, ["tiny"]]
)
async def test_a_name_of_a_model_that_cannot_be_shown_is_a_failed_answer(model: object) -> None:
    with pytest.raises(BadVerdict):
        await ask(say(GOOD, model=model))


async def test_without_a_name_the_model_has_the_name_of_the_settings() -> None:
    reply, _ = await ask(say(GOOD, model=None))
    assert reply.model == "tiny"


@pytest.mark.parametrize("content", ["nul \0", "lone \ud800"])
async def test_a_text_that_cannot_be_stored_is_a_failed_answer(content: str) -> None:
    with pytest.raises(BadVerdict):
        await ask(say(content))


@pytest.mark.parametrize("choices", [[], [{}], [{"message": None}], "none"])
async def test_an_answer_without_a_message_is_a_failed_answer(choices: object) -> None:
    with pytest.raises(BadVerdict):
        await ask(say(GOOD, choices=choices))
