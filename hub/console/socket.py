"""Stage 9 of 9: the teacher's socket, `/ws/console`, from handshake and hello to the close (docs/path-of-an-event.md).

Nobody is listened to before they have shown who they are, and no path ends without a close code.
"""

import asyncio
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

import structlog
from litestar import WebSocket, websocket
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import AWAY
from db.queries.accounts import credentials
from db.queries.console.board import list_watchable
from hub import metrics, sockets
from hub.auth.guards import Principal, admit_socket, origin_allowed, spending
from hub.board.feeds import Feed
from hub.commands.commands import Commands
from hub.console.connection import Console, Ended, House
from hub.errors import close_code_of
from hub.handshake import needs_ticket
from hub.settings import HubSettings
from hub.tasks import DetachedTasks
from protocol.codec import Encoding, decode_console, encode
from protocol.codes import CloseCode, ErrorCode
from protocol.console import Hello
from protocol.errors import ProtocolError
from protocol.limits import HELLO_MS
from protocol.monitor import Error

log = structlog.get_logger(__name__)

ADMIT_S: Final = 10.0
"""How long a hello may wait for PostgreSQL before its console is told to come again."""

SESSIONS_S: Final = 3.0
"""How often PostgreSQL is asked whether consoles' sign-ins, and what they may watch, still stand (RECORD §6: 5 s)."""


class ConsoleContext:
    """Where consoles come in; its context ends after the commands under way."""

    def __init__(
        self,
        settings: HubSettings,
        engine: AsyncEngine,
        watch_engine: AsyncEngine,
        feed: Feed,
        commands: Commands,
        *,
        sessions_s: float = SESSIONS_S,
    ) -> None:
        self._sessions_s = sessions_s
        self._settings = settings
        self._engine = engine
        self._watch_engine = watch_engine
        self._tasks = DetachedTasks()
        self._house = House(engine, feed, commands, self._tasks, self._identify_token)
        self._consoles: set[Console] = set()
        self._draining = False
        self._guard: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._guard = asyncio.create_task(self._check_all(), name="console-sessions")
        metrics.CONSOLE_WAITING.set_function(lambda: self.waiting_bytes)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._guard is not None
        self._guard.cancel()
        await asyncio.wait((self._guard,))
        self.end_all(CloseCode.DRAINING)
        await self._tasks.__aexit__(kind, error, trace)

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for all consoles together."""
        return sum(console.waiting_bytes for console in self._consoles)

    def end_all(self, code: CloseCode) -> None:
        """Close every console with this code, soon."""
        for console in self._consoles:
            console.end(code)

    async def drain(self, in_ms: int) -> None:
        """Tell every console that the hub is going away, and close them one after the other within that time.

        Returns when all were asked to leave; a console whose hello is answered meanwhile is closed at once.
        """
        self._draining = True
        clock = asyncio.get_running_loop().time
        began, consoles = clock(), list(self._consoles)
        for console in consoles:
            console.warn(in_ms)
        for turn, console in enumerate(consoles, 1):
            await asyncio.sleep(began + in_ms / 1000 * turn / len(consoles) - clock())
            console.end(CloseCode.DRAINING)

    async def serve(self, socket: sockets.Socket) -> None:
        """Take one console from handshake to close."""
        encoding = await sockets.accept(socket)
        if encoding is None:
            return
        code: CloseCode | None = CloseCode.DRAINING  # what a cancelled task has to say
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
            hello = await self._hear_hello(socket, encoding)
            if hello.ticket is None and needs_ticket(socket.headers):
                return CloseCode.UNAUTHENTICATED
            principal = (await self._admit(hello)).coming_by(socket)
        except Ended as ended:
            return ended.code
        except ProtocolError as error:
            await sockets.send(socket, encode(Error(error.code, str(error)), encoding))
            return error.close_code
        if self._draining:
            return CloseCode.DRAINING
        console = Console(self._house, socket, encoding, principal)
        self._consoles.add(console)
        try:
            return await console.run()
        finally:
            self._consoles.discard(console)

    async def _hear_hello(self, socket: sockets.Socket, encoding: Encoding) -> Hello:
        try:
            async with asyncio.timeout(HELLO_MS / 1000):
                data = await sockets.receive(socket)
        except TimeoutError:
            raise Ended(CloseCode.SILENT) from None
        if data is None:
            raise Ended(None)
        frame = decode_console(data, encoding)
        if not isinstance(frame, Hello):
            await sockets.send(socket, encode(Error(ErrorCode.MALFORMED, "the first frame is hello"), encoding))
            raise Ended(CloseCode.MALFORMED)
        return frame

    async def _admit(self, hello: Hello) -> Principal:
        try:
            async with asyncio.timeout(ADMIT_S):
                return await self._tasks.run(self._identify(hello))
        except Exception as error:
            code = close_code_of(error)
            if code is CloseCode.INTERNAL:
                log.exception("hello failed")
            raise Ended(code) from error

    async def _identify(self, hello: Hello) -> Principal:
        async with spending(self._engine, hello.ticket), self._engine.begin() as conn:
            return await admit_socket(conn, hello.ticket, hello.token, "console", self._settings)

    async def _identify_token(self, token: str) -> Principal:
        return await self._identify(Hello(token=token))

    async def _check_all(self) -> None:
        """See now and then that everybody here may still be, and may watch what they watch."""
        while True:
            await asyncio.sleep(self._sessions_s)
            if not self._consoles:
                continue
            try:
                async with self._watch_engine.connect() as conn:
                    await self._check_sessions(conn)
                    await self._check_boards(conn)
            except AWAY as error:
                log.warning("consoles not checked", error=type(error).__name__)
            except Exception:
                log.exception("consoles not checked")

    async def _check_sessions(self, conn: AsyncConnection) -> None:
        """End consoles whose sign-in was ended: by logging out, or because its person may come no more."""
        dead = await credentials.find_ended_sessions(conn, {console.session for console in self._consoles})
        for console in self._consoles:
            if console.session in dead:
                console.end(CloseCode.UNAUTHENTICATED)

    async def _check_boards(self, conn: AsyncConnection) -> None:
        """Take a board from consoles whose person may not watch it any more."""
        watched: dict[UUID, set[UUID]] = {}
        for console in self._consoles:
            watched.setdefault(console.user_id, set()).update(console.watched)
        for user_id, exam_ids in watched.items():
            taken = exam_ids - await list_watchable(conn, exam_ids, user_id) if exam_ids else set()
            for console in [one for one in self._consoles if taken and one.user_id == user_id]:
                for exam_id in taken & console.watched:
                    console.forbid(exam_id)


@websocket("/ws/console", summary="The teacher's socket")
async def console_socket(
    socket: WebSocket[Any, Any, Any], consoles: NamedDependency[ConsoleContext], settings: NamedDependency[HubSettings]
) -> None:
    """Serve one console; a foreign origin is refused before the handshake."""
    if not origin_allowed(socket.headers, settings):
        await socket.close()
        return
    await consoles.serve(socket)
