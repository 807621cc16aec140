"""A cheap HTTP client: one event per POST, keep-alive, one request at a time. Never reads a body."""

import asyncio
import time
from array import array
from collections.abc import Sequence
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec

from protocol.events import Entry


class PostError(Exception):
    """The answer was not 201."""


class HttpPoster:
    """One connection that posts events one by one."""

    def __init__(self, url: str, entries: Sequence[Entry]) -> None:
        self._parts = urlsplit(url)
        self._attempt_id = str(uuid4())
        self._requests = [self._request(entry) for entry in entries]
        self.sent = 0
        self.acked = 0
        self.waits_ms = array("d")

    async def connect(self) -> None:
        """Open the connection."""
        self._reader, self._writer = await asyncio.open_connection(self._parts.hostname, self._parts.port)

    async def play(self, limit_s: float) -> None:
        """Post the same events again and again for `limit_s`. Raises PostError."""
        clock = time.perf_counter
        started_s = clock()
        while (sent_s := clock()) - started_s < limit_s:
            self._writer.write(self._requests[self.sent % len(self._requests)])
            self.sent += 1
            head = await self._reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 201"):
                raise PostError(head.split(b"\r\n")[0].decode())
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            await self._reader.readexactly(int(length or b"0"))
            self.waits_ms.append((clock() - sent_s) * 1000)
            self.acked += 1

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()

    def _request(self, entry: Entry) -> bytes:
        body = msgspec.json.encode(
            {
                "attempt_id": self._attempt_id,
                "event_type": entry.type,
                "severity": entry.severity,
                "at": entry.at,
                "data": msgspec.Raw(entry.payload.encode()),
            }
        )
        head = f"POST {self._parts.path} HTTP/1.1\r\nhost: {self._parts.netloc}\r\ncontent-type: application/json\r\n"
        return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
