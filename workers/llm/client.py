"""The client of a language model: any server with the OpenAI chat API. It stores nothing and never logs a key.

It trusts no server: it follows no redirect, reads a limited and uncompressed answer, and checks all that is stored. It
repeats a request only while no model can have worked on it, and counts the most possible tokens if none are reported.
"""

import asyncio
import math
import time
from typing import Annotated, Any, Final, Protocol

import httpx
import msgspec

from protocol.backoff import Backoff
from workers.llm.errors import BadVerdict, ModelError, ModelRefused, Unavailable
from workers.llm.evidence import Prompt
from workers.llm.names import is_line
from workers.settings import WorkerSettings

ANSWER_BYTES: Final = 256 * 1024
"""How much of an answer is read. A longer one is a failed answer."""

NAME_CHARS: Final = 200
TOKENS_MAX: Final = 10_000_000
"""A reported usage above this makes no sense."""

RETRY_AFTER_MAX_S: Final = 60.0

_UNREACHABLE: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""The request was not sent."""


class Tokens(msgspec.Struct, frozen=True):
    """The most tokens that a request can use: a token of the prompt has at least one byte."""

    prompt: int
    completion: int


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A checked answer, the model's name according to the server, and the tokens and time that it took."""

    text: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    duration_ms: int


class Model(Protocol):
    """A language model."""

    def estimate(self, evidence: Prompt, schema: dict[str, Any]) -> Tokens:
        """Return the most tokens that a request can use."""

    async def ask(self, evidence: Prompt, schema: dict[str, Any]) -> Reply:
        """Request an answer in this JSON Schema. Raises Unavailable, ModelRefused or BadVerdict."""

    async def aclose(self) -> None:
        """Close all connections."""


class OpenAIModel:
    """A model behind the OpenAI API, hosted or on your own server (docs/llm.md)."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._url = f"{settings.llm_base_url.rstrip('/')}/chat/completions"
        self._http: httpx.AsyncClient | None = None

    def estimate(self, evidence: Prompt, schema: dict[str, Any]) -> Tokens:
        """Return the most tokens that a request can use."""
        return self._estimate(self._encode(evidence, schema))

    async def ask(self, evidence: Prompt, schema: dict[str, Any]) -> Reply:
        """Request an answer in this JSON Schema. Raises Unavailable, ModelRefused or BadVerdict."""
        request = self._encode(evidence, schema)
        started_s = time.monotonic()
        try:
            async with asyncio.timeout(self._settings.llm_timeout_s):
                body = await self._post(request)
        except TimeoutError as error:
            raise Unavailable(f"no answer within {self._settings.llm_timeout_s} s") from error
        reply = read_reply(body, self._estimate(request), duration_ms=round((time.monotonic() - started_s) * 1000))
        return reply if reply.model else msgspec.structs.replace(reply, model=self._settings.llm_model)

    async def aclose(self) -> None:
        """Close all connections."""
        if self._http is not None:
            await self._http.aclose()

    def _encode(self, evidence: Prompt, schema: dict[str, Any]) -> bytes:
        return msgspec.json.encode(
            {
                "model": self._settings.llm_model,
                "messages": [
                    {"role": "system", "content": evidence.instructions},
                    {"role": "user", "content": evidence.shown},
                ],
                "temperature": 0,
                "max_tokens": self._settings.llm_answer_tokens,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "verdict", "schema": schema, "strict": True},
                },
            }
        )

    def _estimate(self, request: bytes) -> Tokens:
        return Tokens(len(request), self._settings.llm_answer_tokens)

    async def _post(self, request: bytes) -> bytes:
        """Send a request until it is answered, again only if no model can have worked on it."""
        backoff = Backoff(0.5, 8.0)
        while True:
            try:
                return await self._send(request)
            except Unavailable as error:
                if error.may_cost or backoff.failures >= self._settings.llm_retries:
                    raise
                pause_s = backoff.next_s()
                await asyncio.sleep(pause_s if error.after_s is None else error.after_s)

    async def _send(self, request: bytes) -> bytes:
        client = self._http = self._http or _connect(self._settings)
        try:
            async with client.stream("POST", self._url, content=request) as response:
                if response.status_code != httpx.codes.OK:
                    raise _refusal(response)
                return await _read_body(response)
        except _UNREACHABLE as error:
            raise Unavailable(type(error).__name__, may_cost=False) from error
        except httpx.HTTPError as error:  # a truncated body, or not HTTP
            raise Unavailable(type(error).__name__) from error


class _Message(msgspec.Struct, frozen=True):
    content: str | None = None


class _Choice(msgspec.Struct, frozen=True):
    message: _Message


_Count = Annotated[int, msgspec.Meta(ge=0, le=TOKENS_MAX)]


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None


class _Completion(msgspec.Struct, frozen=True):
    choices: list[_Choice]
    model: str = ""
    usage: _Usage | None = None


def read_reply(body: bytes, most: Tokens, *, duration_ms: int) -> Reply:
    """Read and check the body of a response. Raises BadVerdict.

    Fewer tokens may be reported than `most`, never more; what is not reported counts as `most`.
    """
    try:
        completion = msgspec.json.decode(body, type=_Completion)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadVerdict(f"not a completion: {error}") from error
    text = (completion.choices[0].message.content or "") if completion.choices else ""
    if not text or "\0" in text:
        raise BadVerdict("the answer has no text, or a text with NUL")
    if len(completion.model) > NAME_CHARS or not is_line(completion.model):
        raise BadVerdict("the name of the model is too long, or cannot be shown")
    usage = completion.usage or _Usage()
    return Reply(
        text=text,
        model=completion.model.strip(),
        prompt_tokens=_least(usage.prompt_tokens, most.prompt),
        completion_tokens=_least(usage.completion_tokens, most.completion),
        duration_ms=duration_ms,
    )


def _least(reported: int | None, most: int) -> int:
    return most if reported is None else min(reported, most)


def _connect(settings: WorkerSettings) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        headers={
            "Authorization": f"Bearer {settings.llm_api_key or 'none'}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        },
        timeout=settings.llm_timeout_s,
        follow_redirects=False,
    )


async def _read_body(response: httpx.Response) -> bytes:
    """Read a body up to the limit, as it was sent: nothing is decompressed. Raises BadVerdict."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise BadVerdict("the answer is encoded, although that was not allowed")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > ANSWER_BYTES:
            raise BadVerdict(f"the answer is longer than {ANSWER_BYTES} bytes")
    return bytes(body)


def _refusal(response: httpx.Response) -> ModelError:
    status = response.status_code
    message = f"the model's server answered {status}"
    if status in (408, 409, 429) or status >= 500:
        return Unavailable(message, may_cost=False, after_s=_retry_after_s(response))
    return ModelRefused(message, may_cost=False)


def _retry_after_s(response: httpx.Response) -> float | None:
    """Return the pause that a server asks for in seconds, within limits. A date is not read."""
    try:
        after_s = float(response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return min(max(after_s, 0.0), RETRY_AFTER_MAX_S) if math.isfinite(after_s) else None
