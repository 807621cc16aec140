"""A proxy in front of PostgreSQL that cuts a connection at COMMIT, or delays the response to a COPY.

A COMMIT is the SQL command, or the end of a COPY outside a transaction. The proxy does not read anything else.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import TracebackType

from sqlalchemy.engine import make_url

_NO_ENCRYPTION = {80877103, 80877104}
"""Requests for TLS and GSS: the proxy refuses them, so that it can read the rest."""


class CommitCut(Enum):
    """Where the connection of a COMMIT is cut: before PostgreSQL receives it, or after its response."""

    BEFORE = "before"
    AFTER = "after"


class Proxy:
    """Listens on a local port. `plan` decides about the next commits; when it is empty, they pass.

    `commits` lists the fate of each commit in order: "before", "after" or "passed"; `on_cut` is called at each cut.
    """

    def __init__(self, database_url: str) -> None:
        self.target_url = database_url
        self.plan: deque[CommitCut | None] = deque()
        self.commits: list[str] = []
        self.on_cut: Callable[[], None] = lambda: None
        self.holds_copy = False
        self.copy_held = asyncio.Event()
        self._released = asyncio.Event()
        self._links: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    @property
    def url(self) -> str:
        """The database's URL, through the proxy."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        url = make_url(self.target_url).set(host="127.0.0.1", port=port, query={})
        return url.render_as_string(hide_password=False)

    def release(self) -> None:
        """Pass on the delayed response to a COPY, and everything after it."""
        self._released.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        try:
            server_reader, server_writer = await self._connect()
            link = _Link(self, writer, server_writer)
            try:
                async with asyncio.TaskGroup() as pumps:
                    pumps.create_task(link.pump_requests(reader))
                    pumps.create_task(link.pump_responses(server_reader))
            finally:
                server_writer.transport.abort()
        except* (_Gone, OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            self._links.discard(task)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        url = make_url(self.target_url)
        folder = url.query.get("host")
        if isinstance(folder, str):
            return await asyncio.open_unix_connection(Path(folder) / f".s.PGSQL.{url.query.get('port', 5432)}")
        return await asyncio.open_connection(url.host, url.port or 5432)

    async def hold_copy(self) -> None:
        """Delay the response to one COPY until `release`."""
        if self.holds_copy:
            self.holds_copy = False
            self.copy_held.set()
            await self._released.wait()


class _Gone(Exception):
    """One side of a connection has ended, or was cut."""


class _Link:
    """One client's connection."""

    def __init__(self, proxy: Proxy, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._in_transaction = False
        self._commit: CommitCut | None = None
        self._commits = False

    async def pump_requests(self, reader: asyncio.StreamReader) -> None:
        await self._pass_startup(reader)
        while True:
            kind, body = await _read(reader)
            if self._is_commit(kind, body):
                self._commits = True
                self._commit = self._proxy.plan.popleft() if self._proxy.plan else None
                if self._commit is CommitCut.BEFORE:
                    self._cut()
            self._server.write(kind + (len(body) + 4).to_bytes(4) + body)
            await self._server.drain()

    async def pump_responses(self, reader: asyncio.StreamReader) -> None:
        while True:
            kind, body = await _read(reader)
            if kind == b"Z":
                self._in_transaction = body != b"I"
                self._commits = False
            if kind == b"C" and body.startswith(b"COPY"):
                await self._proxy.hold_copy()
            if kind == b"C" and self._commits:
                self._commits = False
                if self._commit is CommitCut.AFTER:
                    self._cut()
                self._proxy.commits.append("passed")
            self._client.write(kind + (len(body) + 4).to_bytes(4) + body)
            await self._client.drain()

    async def _pass_startup(self, reader: asyncio.StreamReader) -> None:
        while True:
            size = await reader.readexactly(4)
            body = await reader.readexactly(int.from_bytes(size) - 4)
            if int.from_bytes(body[:4]) not in _NO_ENCRYPTION:
                self._server.write(size + body)
                return
            self._client.write(b"N")

    def _is_commit(self, kind: bytes, body: bytes) -> bool:
        return (kind == b"c" and not self._in_transaction) or (kind == b"Q" and body.startswith(b"COMMIT"))

    def _cut(self) -> None:
        assert self._commit is not None
        self._proxy.commits.append(self._commit.value)
        self._proxy.on_cut()
        raise _Gone


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readexactly(5)
    return head[:1], await reader.readexactly(int.from_bytes(head[1:]) - 4)
