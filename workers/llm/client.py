"""The client of a language model: any server with the OpenAI API. It stores nothing and never logs a key.

The openai client retries and respects `Retry-After`. This module limits the total time of all tries.
"""

import asyncio
import importlib
import time
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from workers.llm.errors import ModelError, ModelRefused, Unavailable
from workers.llm.evidence import Prompt
from workers.settings import WorkerSettings

if TYPE_CHECKING:
    from openai import AsyncOpenAI


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, the model's name according to the server, and the tokens and time that it took."""

    text: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    duration_ms: int


class Model(Protocol):
    """A language model."""

    async def ask(self, evidence: Prompt, schema: dict[str, Any]) -> Reply:
        """Request an answer in this JSON Schema. Raises Unavailable or ModelRefused."""

    async def aclose(self) -> None:
        """Close all connections."""


class OpenAIModel:
    """A model behind the OpenAI API, hosted or on your own server (docs/llm.md)."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._client: AsyncOpenAI | None = None

    async def ask(self, evidence: Prompt, schema: dict[str, Any]) -> Reply:
        """Request an answer in this JSON Schema. Raises Unavailable or ModelRefused."""
        # Imported before the first request only: it takes most of a second, which must not count as the model's time.
        await asyncio.to_thread(importlib.import_module, "openai")
        started_s = time.monotonic()
        try:
            async with asyncio.timeout(self._settings.llm_timeout_s):
                completion = await self._complete(evidence, schema)
        except TimeoutError as error:
            raise Unavailable(f"no answer within {self._settings.llm_timeout_s} s") from error
        message = completion.choices[0].message if completion.choices else None
        usage = completion.usage
        return Reply(
            text=(message.content if message is not None else None) or "",
            model=completion.model or self._settings.llm_model,
            prompt_tokens=usage.prompt_tokens if usage else 0,
            completion_tokens=usage.completion_tokens if usage else 0,
            duration_ms=round((time.monotonic() - started_s) * 1000),
        )

    async def aclose(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.close()

    async def _complete(self, evidence: Prompt, schema: dict[str, Any]) -> Any:
        import openai

        client = self._client = self._client or _connect(self._settings)
        try:
            return await client.chat.completions.create(
                model=self._settings.llm_model,
                messages=[
                    {"role": "system", "content": evidence.instructions},
                    {"role": "user", "content": evidence.shown},
                ],
                temperature=0,
                max_tokens=self._settings.llm_answer_tokens,
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "verdict", "schema": schema, "strict": True},
                },
            )
        except openai.APIStatusError as error:
            raise _refusal(error.status_code) from error
        except openai.APIError as error:  # no connection, a truncated body, or not an answer of this API
            raise Unavailable(type(error).__name__) from error
        except ValueError as error:  # a body that is not the JSON that it claims to be
            raise Unavailable("the answer is not JSON") from error


def _connect(settings: WorkerSettings) -> "AsyncOpenAI":
    import openai

    return openai.AsyncOpenAI(
        base_url=settings.llm_base_url,
        api_key=settings.llm_api_key or "none",
        max_retries=settings.llm_retries,
        timeout=settings.llm_timeout_s,
    )


def _refusal(status: int) -> ModelError:
    message = f"the model's server answered {status}"
    return Unavailable(message) if status in (408, 409, 429) or status >= 500 else ModelRefused(message)
