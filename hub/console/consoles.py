"""Stage 9 of 9: all consoles of this hub: admits each by its hello, checks its sign-in regularly, and drains them.

Nothing a console sends is read before its user is known, and no socket ends without a close code.
"""

import asyncio
from types import TracebackType
from typing import Self
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.periodic import Periodic
from db.queries.accounts.credentials import find_ended_sessions
from db.queries.console.board import list_watchable
from hub import metrics, sockets
from hub.auth.guards import Principal, admit_socket, using_ticket
from hub.board.feeds import Feeds
from hub.commands.commands import Commands
from hub.console.connection import ConnectionEnd, ConsoleConnection, ConsoleContext
from hub.console.limits import ConsoleLimits
from hub.errors import close_code_of
from hub.handshake import needs_ticket
from hub.settings import HubSettings
from hub.tasks import DetachedTasks
from protocol.codec import Encoding, decode_console, encode
from protocol.codes import CloseCode, ErrorCode
from protocol.console import ConsoleError, Hello
from protocol.errors import ProtocolError

log = structlog.get_logger(__name__)


class Consoles:
    """The consoles of one hub process; leaving the context waits for commands under way."""

    def __init__(
        self,
        settings: HubSettings,
        engine: AsyncEngine,
        watch_engine: AsyncEngine,
        feeds: Feeds,
        commands: Commands,
        *,
        limits: ConsoleLimits | None = None,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._watch_engine = watch_engine
        self._limits = limits or ConsoleLimits()
        self._tasks = DetachedTasks()
        self._context = ConsoleContext(engine, feeds, commands, self._tasks, self._identify_token, self._limits)
        self._connections: set[ConsoleConnection] = set()
        self._is_draining = False
        self._check = Periodic("console-check", self._limits.check_s, self._check_all)

    async def __aenter__(self) -> Self:
        await self._check.__aenter__()
        metrics.CONSOLE_WAITING.set_function(lambda: self.waiting_bytes)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._check.__aexit__(kind, error, trace)
        self.end_all(CloseCode.DRAINING)
        await self._tasks.__aexit__(kind, error, trace)

    @property
    def waiting_bytes(self) -> int:
        """Bytes that are queued for all consoles together."""
        return sum(connection.waiting_bytes for connection in self._connections)

    def end_all(self, code: CloseCode) -> None:
        """Close every console with this code, soon."""
        for connection in self._connections:
            connection.end(code)

    async def drain(self, in_ms: int) -> None:
        """Announce the shutdown to every console, and close them one after the other within that time.

        Returns after the last close was requested. A console that says hello in the meantime is closed at once.
        """
        self._is_draining = True
        clock = asyncio.get_running_loop().time
        start_s, connections = clock(), list(self._connections)
        for connection in connections:
            connection.warn(in_ms)
        for number, connection in enumerate(connections, 1):
            await asyncio.sleep(start_s + in_ms / 1000 * number / len(connections) - clock())
            connection.end(CloseCode.DRAINING)

    async def serve(self, socket: sockets.Socket) -> None:
        """Serve one console from handshake to close."""
        encoding = await sockets.accept(socket)
        if encoding is None:
            return
        code: CloseCode | None = CloseCode.DRAINING  # if this task is cancelled
        metrics.SOCKETS.labels(kind="console").inc()
        try:
            code = await self._serve(socket, encoding)
        except Exception:
            log.exception("console socket failed")
            code = CloseCode.INTERNAL
        finally:
            metrics.SOCKETS.labels(kind="console").dec()
            metrics.SOCKET_CLOSES.labels(kind="console", code="gone" if code is None else code.reason).inc()
            if code is not None:
                await sockets.close(socket, code)

    async def _serve(self, socket: sockets.Socket, encoding: Encoding) -> CloseCode | None:
        try:
            hello = await self._receive_hello(socket, encoding)
            if hello.ticket is None and needs_ticket(socket.headers):
                return CloseCode.UNAUTHENTICATED
            principal = (await self._admit(hello)).connected_by(socket)
        except ConnectionEnd as end:
            return end.code
        except ProtocolError as error:
            await sockets.send(socket, encode(ConsoleError(error.code, str(error)), encoding))
            return error.close_code
        if self._is_draining:
            return CloseCode.DRAINING
        if sum(other.user_id == principal.user_id for other in self._connections) >= self._limits.consoles_per_user:
            detail = f"You have {self._limits.consoles_per_user} consoles open already. Close one of them first."
            await sockets.send(socket, encode(ConsoleError(ErrorCode.TOO_FAST, detail), encoding))
            return CloseCode.TOO_FAST
        sockets.admit(socket)
        connection = ConsoleConnection(self._context, socket, encoding, principal)
        self._connections.add(connection)
        try:
            return await connection.run()
        finally:
            self._connections.discard(connection)

    async def _receive_hello(self, socket: sockets.Socket, encoding: Encoding) -> Hello:
        try:
            async with asyncio.timeout(self._limits.hello_s):
                data = await sockets.receive(socket)
        except TimeoutError:
            raise ConnectionEnd(CloseCode.SILENT) from None
        if data is None:
            raise ConnectionEnd(None)
        frame = decode_console(data, encoding)
        if not isinstance(frame, Hello):
            await sockets.send(
                socket, encode(ConsoleError(ErrorCode.MALFORMED, "the first frame must be hello"), encoding)
            )
            raise ConnectionEnd(CloseCode.MALFORMED)
        return frame

    async def _admit(self, hello: Hello) -> Principal:
        try:
            async with asyncio.timeout(self._limits.admit_s):
                return await self._tasks.run(self._identify(hello))
        except Exception as error:
            code = close_code_of(error)
            if code is CloseCode.INTERNAL:
                log.exception("hello failed")
            raise ConnectionEnd(code) from error

    async def _identify(self, hello: Hello) -> Principal:
        async with using_ticket(self._engine, hello.ticket), self._engine.begin() as conn:
            return await admit_socket(conn, hello.ticket, hello.token, "console", self._settings)

    async def _identify_token(self, token: str) -> Principal:
        return await self._identify(Hello(token=token))

    async def _check_all(self) -> None:
        if self._connections:
            async with self._watch_engine.connect() as conn:
                await self._check_sessions(conn)
                await self._check_boards(conn)

    async def _check_sessions(self, conn: AsyncConnection) -> None:
        """End consoles whose sign-in has ended: the user signed out or was deactivated."""
        dead = await find_ended_sessions(conn, {connection.session for connection in self._connections})
        for connection in self._connections:
            if connection.session in dead:
                connection.end(CloseCode.UNAUTHENTICATED)

    async def _check_boards(self, conn: AsyncConnection) -> None:
        """Stop sending boards that a console's user may no longer watch."""
        watched: dict[UUID, set[UUID]] = {}
        for connection in self._connections:
            watched.setdefault(connection.user_id, set()).update(connection.watched)
        for user_id, exam_ids in watched.items():
            forbidden = exam_ids - await list_watchable(conn, exam_ids, user_id) if exam_ids else set()
            for connection in self._connections:
                if connection.user_id == user_id:
                    for exam_id in forbidden & connection.watched:
                        connection.forbid(exam_id)
