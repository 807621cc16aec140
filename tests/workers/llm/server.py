"""A real HTTP server that speaks the OpenAI API as far as Veritas does, and misbehaves on demand."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

Misbehave = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Reaction = bytes | Misbehave


class ModelServer:
    """Answers each request with the next of its `reactions`, the last one for ever; keeps every request it was sent."""

    def __init__(self, *reactions: Reaction) -> None:
        self.reactions = list(reactions)
        self.requests: list[dict[str, Any]] = []
        self.authorization: list[str] = []
        self.accepted_encodings: list[str] = []
        self.url = ""

    @property
    def shown(self) -> str:
        """The text that the last request showed the model."""
        content: str = self.requests[-1]["messages"][1]["content"]
        return content

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n"))}
            self.requests.append(json.loads(await reader.readexactly(int(headers["content-length"]))))
            self.authorization.append(headers.get("authorization", ""))
            self.accepted_encodings.append(headers.get("accept-encoding", ""))
            reaction = self.reactions.pop(0) if len(self.reactions) > 1 else self.reactions[0]
            if isinstance(reaction, bytes):
                writer.write(reaction)
                await writer.drain()
            else:
                await reaction(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has disconnected
        finally:
            writer.close()


@asynccontextmanager
async def serve(*reactions: Reaction) -> AsyncIterator[ModelServer]:
    model = ModelServer(*reactions)
    server = await asyncio.start_server(model.answer, "127.0.0.1", 0)
    model.url = "http://{}:{}/v1".format(*server.sockets[0].getsockname())
    try:
        yield model
    finally:
        server.close()


def respond(status: str, body: bytes, **headers: str) -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "connection: close",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def complete(content: str, **changes: Any) -> bytes:
    """The body of a completion with this content. A changed field that is None is left out."""
    completion: dict[str, Any] = {
        "id": "one",
        "object": "chat.completion",
        "created": 0,
        "model": "tiny-1",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}],
        "usage": {"prompt_tokens": 700, "completion_tokens": 100, "total_tokens": 800},
    }
    return json.dumps({name: value for name, value in (completion | changes).items() if value is not None}).encode()


def say(content: str, **changes: Any) -> bytes:
    """A response with a completion."""
    return respond("200 OK", complete(content, **changes))


def use(prompt_tokens: object, completion_tokens: object = 100) -> dict[str, object]:
    """The usage that a server reports."""
    return {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}


def verdict(**fields: Any) -> str:
    empty: dict[str, Any] = {
        "summary": [],
        "recommendations": [],
        "originality_indicators": [],
        "advisory_flags": [],
    }
    return json.dumps(empty | fields)


GOOD = verdict(
    summary=[{"text": "The page was left once for 22 seconds.", "cites": [1, 2]}],
    recommendations=[{"text": "Ask what took the focus.", "cites": [1]}],
    advisory_flags=[{"text": "Left the page early.", "cites": [1], "severity": "warning", "confidence": 0.5}],
)


async def never(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Accept the request and send nothing until the client has disconnected."""
    await reader.read()


async def cut(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begin an answer and close the connection in the middle."""
    whole = say(GOOD)
    writer.write(whole[: len(whole) // 2])
    await writer.drain()


BUSY = respond("429 Too Many Requests", b'{"error": {"message": "slow down"}}', retry_after="0.05")
BROKEN = respond("500 Internal Server Error", b'{"error": {"message": "boom"}}', retry_after="0.01")
WRONG_KEY = respond("401 Unauthorized", b'{"error": {"message": "who are you"}}')
NO_JSON = respond("200 OK", b"<html>a proxy's page</html>")


def redirect(url: str) -> bytes:
    return respond("307 Temporary Redirect", b"{}", location=url)


def bomb(mebibytes: int) -> bytes:
    """A small gzip response that becomes a completion of this size when it is decompressed."""
    head, _, tail = complete("#").partition(b"#")
    packer = gzip.GzipFile(fileobj=(packed := BytesIO()), mode="wb", compresslevel=1)
    packer.write(head)
    for _ in range(mebibytes):
        packer.write(b"x" * 2**20)
    packer.write(tail)
    packer.close()
    return respond("200 OK", packed.getvalue(), content_encoding="gzip")


async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with a body that never ends, until the client has disconnected."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n")
    while True:
        writer.write(b" " * 65_536)
        await writer.drain()
