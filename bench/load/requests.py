"""A cheap HTTP client that reads answers: one connection of one network, one request at a time. Never retries."""

import asyncio
import time
from typing import Any, Final, Self

import msgspec

TIMEOUT_S: Final = 90.0
_LENGTH: Final = b"content-length:"


class Answer(msgspec.Struct, frozen=True):
    """An answer: its status, its body, and how long it took."""

    status: int
    body: bytes
    took_ms: float


class Requests:
    """One connection, opened with the first request. Use it as `async with`."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self._port = port
        self._source = source
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()

    async def send(self, method: str, path: str, body: Any = None, token: str = "") -> Answer:
        """Send a request and read its answer; the time includes opening the connection. Raises OSError."""
        began_s = time.perf_counter()
        async with asyncio.timeout(TIMEOUT_S):
            if self._reader is None or self._writer is None or self._reader.at_eof():
                self._reader, self._writer = await asyncio.open_connection(
                    "127.0.0.1", self._port, local_addr=(self._source, 0)
                )
            content = b"" if body is None else msgspec.json.encode(body)
            head = [f"{method} {path} HTTP/1.1", "Host: bench"]
            head += [f"Authorization: Bearer {token}"] if token else []
            head += ["Content-Type: application/json", f"Content-Length: {len(content)}"] if method != "GET" else []
            self._writer.write("\r\n".join([*head, "", ""]).encode() + content)
            try:
                answer = await self._reader.readuntil(b"\r\n\r\n")
                length = answer.lower().partition(_LENGTH)[2].partition(b"\r\n")[0]
                received = await self._reader.readexactly(int(length or 0))
            except asyncio.IncompleteReadError as error:
                raise ConnectionError(f"{method} {path}: the connection ended") from error
        return Answer(int(answer[9:12]), received, (time.perf_counter() - began_s) * 1000)
