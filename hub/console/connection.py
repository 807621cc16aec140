"""Stage 9 of 9: one admitted console: reads its frames, serves its requests one by one, and sends what is queued.

`send_queue.py` decides what is sent next, `hub/commands` what a command does. A slow console never delays another one,
every end has a close code, and a sign-in that is not renewed ends the connection five seconds after it expired.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db.queries.console.board import list_watchable
from db.unit import change
from hub import metrics, sockets
from hub.auth.guards import Principal
from hub.board.board import Board, encode_delta
from hub.board.feeds import Feeds
from hub.commands.commands import Commands
from hub.console.limits import ConsoleLimits
from hub.console.send_queue import SendQueue
from hub.errors import Busy, close_code_of, interpret
from hub.monitor.fair_share import FairShare
from hub.server.frame_budget import FrameBudget
from hub.tasks import DetachedTasks
from protocol.codec import Encoding, decode_console, encode
from protocol.codes import CloseCode, ErrorCode
from protocol.console import Command, ConsoleError, ConsoleFrame, Delta, Focus, Resync, Unwatch, Watch, Welcome
from protocol.errors import ProtocolError, UnknownFrame
from protocol.limits import FOCUS_ATTEMPTS, HEARTBEAT_MS, UNKNOWN_FRAMES
from protocol.monitor import Auth, Bye, Drain, Ping, Pong

log = structlog.get_logger(__name__)

_T = TypeVar("_T")

IX_MAX: Final = 2**31 - 1
"""The highest number an attempt can have within its exam."""

BUSY_RETRY_MS: Final = 1_000
YIELD_BYTES: Final = 64 * 1024
"""After this many bytes without waiting, the connection lets the other tasks of the process run."""


class ConnectionEnd(Exception):
    """The connection has ended: close it with this code; None if the client has closed it already."""

    def __init__(self, code: CloseCode | None) -> None:
        super().__init__(code)
        self.code = code


class ConsoleContext(msgspec.Struct, frozen=True):
    """The parts that all consoles of one hub process share."""

    engine: AsyncEngine
    feeds: Feeds
    commands: Commands
    tasks: DetachedTasks
    identify: Callable[[str], Coroutine[Any, Any, Principal]]
    """Return the user of an access token; raises RequestError, or an error of PostgreSQL."""
    limits: ConsoleLimits


class ConsoleConnection:
    """One connection of a user; a user may have several."""

    def __init__(
        self, context: ConsoleContext, socket: sockets.Socket, encoding: Encoding, principal: Principal
    ) -> None:
        self.encoding = encoding
        self._context = context
        self._limits = context.limits
        self._socket = socket
        self._principal = principal
        self._queue = SendQueue()
        self._wake = asyncio.Event()
        self._requests: asyncio.Queue[Watch | Unwatch | Focus | Command] = asyncio.Queue(self._limits.requests)
        self._renewals: asyncio.Queue[Auth] = asyncio.Queue(self._limits.requests)
        self._end: asyncio.Future[CloseCode] = asyncio.get_running_loop().create_future()
        self._pings = FrameBudget()
        self._pings.admit(asyncio.get_running_loop().time())
        self._unknown = 0
        self._recorded: set[UUID] = set()
        """Exams whose watching is in the audit log."""

    @property
    def waiting_bytes(self) -> int:
        """Bytes that are queued, without one part of a board and the server's own buffer."""
        return self._queue.size

    @property
    def session(self) -> UUID:
        """The sign-in that this connection depends on."""
        return self._principal.session

    @property
    def user_id(self) -> UUID:
        """The user of this connection."""
        return self._principal.user_id

    @property
    def watched(self) -> frozenset[UUID]:
        """The exams that it watches."""
        return frozenset(self._queue.watched)

    # `hub.board.subscriber.Subscriber`: called by followers and the broadcast; each method returns at once.

    def open_board(self, board: Board, reason: str | None) -> None:
        """Send this board from the start; `reason` tells why if the console already had it."""
        frames: Iterator[sockets.Frame] = (encode(part, self.encoding) for part in board.snapshot())
        exam_id = board.exam.exam_id
        if reason is not None:
            metrics.RESYNCS.labels(reason=reason).inc()
            frames = _prepend(encode(Resync(exam_id, reason), self.encoding), frames)
        self._queue.open(exam_id, board.offset, frames)
        self._wake.set()

    def resume_board(self, board: Board, missed: Sequence[Delta]) -> None:
        """Continue a board that lacks only these rows."""
        offset = missed[-1].offset if missed else board.offset
        self._queue.open(board.exam.exam_id, offset, (encode_delta(delta, self.encoding) for delta in missed))
        self._wake.set()

    def send_delta(self, exam_id: UUID, offset: int, frame: sockets.Frame) -> None:
        """Queue one delta."""
        self._queue.send_delta(exam_id, offset, frame, asyncio.get_running_loop().time())
        self._wake.set()

    def needs_all_values(self, exam_id: UUID) -> bool:
        """Return whether the console needs all live values and can receive them now."""
        return self._queue.needs_all_values(exam_id) and self._queue.can_send_values(exam_id)

    def send_values(self, exam_id: UUID, frames: Sequence[sockets.Frame]) -> None:
        """Queue live values that changed."""
        self._queue.send_values(exam_id, frames)
        self._wake.set()

    def send_all_values(self, exam_id: UUID, frames: Sequence[sockets.Frame]) -> None:
        """Queue all live values."""
        self._queue.send_all_values(exam_id, frames)
        self._wake.set()

    def focus(self, exam_id: UUID) -> frozenset[int]:
        """Return the attempts in focus."""
        return self._queue.focus(exam_id)

    def take_focus(self, exam_id: UUID, changed: frozenset[int]) -> frozenset[int]:
        """Return the attempts in focus to send now: those in `changed`, or all after the focus has changed."""
        return self._queue.take_focus(exam_id, changed)

    # Called by `Consoles`.

    def warn(self, in_ms: int) -> None:
        """Announce that the hub shuts down."""
        self._reply(Drain(in_ms))

    def forbid(self, exam_id: UUID) -> None:
        """Stop sending this exam and reply that the user may not watch it."""
        self._unwatch(exam_id)
        detail = f"You may not watch exam {exam_id}. Ask its creator for access."
        self._reply(ConsoleError(ErrorCode.FORBIDDEN, detail, exam_id=exam_id))

    def end(self, code: CloseCode) -> None:
        """Close the connection with this code, soon."""
        if not self._end.done():
            self._end.set_result(code)

    async def run(self) -> CloseCode | None:
        """Serve until the end and return the close code; None if the client has closed already."""
        code: CloseCode | None = CloseCode.INTERNAL
        self._reply(self._welcome())
        try:
            async with asyncio.TaskGroup() as group:
                for work in (self._read, self._serve, self._renew, self._expire, self._send, self._wait_for_end):
                    group.create_task(work(), name=f"console{work.__name__}")
        except* ConnectionEnd as ends:
            code = _first_code(ends)
        except* Exception:
            log.exception("console failed", user_id=str(self._principal.user_id))
        finally:
            for exam_id in self._queue.watched:
                self._context.feeds.unwatch(exam_id, self)
        if code not in (None, CloseCode.TOO_SLOW):
            await self._flush()
        return code

    async def _wait_for_end(self) -> None:
        raise ConnectionEnd(await self._end)

    async def _read(self) -> None:
        fair_share = FairShare()
        while True:
            try:
                async with asyncio.timeout(self._limits.silent_s):
                    data = await sockets.receive(self._socket)
            except TimeoutError:
                raise ConnectionEnd(CloseCode.SILENT) from None
            if data is None:
                raise ConnectionEnd(None)
            began_s = time.perf_counter()
            frame = self._decode(data)
            if frame is not None:
                self._take(frame)
            if (pause_s := fair_share.spend(len(data), time.perf_counter() - began_s)) is not None:
                await asyncio.sleep(pause_s)

    def _decode(self, data: sockets.Frame) -> ConsoleFrame | None:
        try:
            return decode_console(data, self.encoding)
        except UnknownFrame as error:
            self._unknown += 1
            self._reply(ConsoleError(ErrorCode.UNKNOWN_FRAME, str(error)))
            if self._unknown >= UNKNOWN_FRAMES:
                raise ConnectionEnd(CloseCode.MALFORMED) from error
            return None
        except ProtocolError as error:
            self._reply(ConsoleError(error.code, str(error)))
            raise ConnectionEnd(error.close_code) from error

    def _take(self, frame: ConsoleFrame) -> None:
        match frame:
            case Ping():
                if not self._pings.spend(asyncio.get_running_loop().time()):
                    raise ConnectionEnd(CloseCode.TOO_FAST)
                self._reply(Pong(frame.at, sockets.now_ms()))
            case Bye():
                raise ConnectionEnd(CloseCode.NORMAL)
            case Watch() | Unwatch() | Focus() | Command():
                _put(self._requests, frame)
            case Auth():
                _put(self._renewals, frame)
            case _:
                self._reply(ConsoleError(ErrorCode.MALFORMED, "hello was sent already"))
                raise ConnectionEnd(CloseCode.MALFORMED)

    async def _serve(self) -> None:
        while True:
            request = await self._requests.get()
            match request:
                case Command():
                    self._reply(await self._context.commands.carry_out(self._principal, request))
                case Watch():
                    await self._watch(request)
                case Unwatch():
                    self._unwatch(request.exam_id)
                case Focus():
                    self._focus(request)

    def _unwatch(self, exam_id: UUID) -> None:
        self._context.feeds.unwatch(exam_id, self)
        self._queue.unwatch(exam_id)

    async def _renew(self) -> None:
        """Replace the sign-in by each renewed one, without waiting for commands."""
        while True:
            auth = await self._renewals.get()
            try:
                principal = await self._context.tasks.run(self._context.identify(auth.token))
            except Exception as error:
                self._refuse_renewal(error)
            else:
                if principal.user_id != self._principal.user_id:
                    self._reply(
                        ConsoleError(ErrorCode.FORBIDDEN, "This console belongs to another user. Connect again.")
                    )
                    raise ConnectionEnd(CloseCode.FORBIDDEN)
                self._principal = principal.connected_by(self._socket)

    def _refuse_renewal(self, error: Exception) -> None:
        meant = interpret(error)
        if isinstance(meant, Busy):
            self._reply(ConsoleError(ErrorCode.BUSY, str(meant), BUSY_RETRY_MS))
            return
        code = close_code_of(error)
        if code is CloseCode.INTERNAL:
            raise error
        is_known = code is CloseCode.FORBIDDEN
        self._reply(ConsoleError(ErrorCode.FORBIDDEN if is_known else ErrorCode.UNAUTHENTICATED, str(meant)))
        raise ConnectionEnd(code) from error

    async def _expire(self) -> None:
        """End the connection when the last sign-in and the grace time are over."""
        while True:
            left_ms = self._principal.auth_until + self._limits.auth_grace_ms - sockets.now_ms()
            if left_ms <= 0:
                raise ConnectionEnd(CloseCode.TOKEN_EXPIRED)
            await asyncio.sleep(left_ms / 1000)

    def _focus(self, focus: Focus) -> None:
        if len(focus.ix) > FOCUS_ATTEMPTS or not all(1 <= ix <= IX_MAX for ix in focus.ix):
            detail = f"Name at most {FOCUS_ATTEMPTS} attempts, by their numbers on the board."
            self._reply(ConsoleError(ErrorCode.BAD_COMMAND, detail, exam_id=focus.exam_id))
        elif not self._queue.set_focus(focus.exam_id, frozenset(focus.ix)):
            detail = f"You do not watch exam {focus.exam_id}. Watch it first."
            self._reply(ConsoleError(ErrorCode.NOT_FOUND, detail, exam_id=focus.exam_id))

    async def _watch(self, watch: Watch) -> None:
        try:
            allowed = await self._context.tasks.run(self._may_watch(watch.exam_id))
        except Exception as error:
            meant = interpret(error)
            if not isinstance(meant, Busy):
                raise
            detail = f"Exam {watch.exam_id}: {meant}"
            self._reply(ConsoleError(ErrorCode.BUSY, detail, BUSY_RETRY_MS, exam_id=watch.exam_id))
            return
        if not allowed:
            self.forbid(watch.exam_id)
            return
        self._queue.watch(watch.exam_id)
        if watch.since is None:
            self._context.feeds.watch(watch.exam_id, self)
        else:
            await self._context.feeds.resume(watch.exam_id, self, watch.since)

    async def _may_watch(self, exam_id: UUID) -> bool:
        """Return whether the user may watch this exam. The first time is recorded: a board shows personal data."""
        async with self._context.engine.connect() as conn:
            if not await list_watchable(conn, [exam_id], self._principal.user_id):
                return False
        if exam_id not in self._recorded:
            async with change(self._context.engine, None) as unit:
                unit.audit(
                    actor_id=self._principal.user_id,
                    action="watch_board",
                    resource="exam",
                    resource_id=exam_id,
                    ip=self._principal.place,
                    address=self._principal.address,
                    user_agent=self._principal.agent,
                )
            self._recorded.add(exam_id)
        return True

    async def _send(self) -> None:
        sent_bytes = 0
        while True:
            if self._queue.too_slow:
                raise ConnectionEnd(CloseCode.TOO_SLOW)
            for exam_id in self._queue.take_due(asyncio.get_running_loop().time()):
                self._context.feeds.reopen(exam_id, self, "slow")
            frame = self._queue.take()
            if frame is None:
                await self._wait_for_frames()
                continue
            await self._send_frame(frame)
            sent_bytes += len(frame)
            if sent_bytes > YIELD_BYTES:
                sent_bytes = 0
                await asyncio.sleep(0)

    async def _wait_for_frames(self) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout_at(self._queue.resync_at()):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _send_frame(self, frame: sockets.Frame) -> None:
        try:
            async with asyncio.timeout(self._limits.stall_s):
                is_sent = await sockets.send(self._socket, frame)
        except TimeoutError:
            raise ConnectionEnd(CloseCode.TOO_SLOW) from None
        if not is_sent:
            raise ConnectionEnd(None)

    async def _flush(self) -> None:
        """Send the replies that are queued at the end."""
        try:
            async with asyncio.timeout(self._limits.flush_s):
                while (frame := self._queue.take_reply()) is not None and await sockets.send(self._socket, frame):
                    pass
        except TimeoutError:
            return

    def _reply(self, frame: msgspec.Struct) -> None:
        self._queue.reply(encode(frame, self.encoding))
        self._wake.set()

    def _welcome(self) -> Welcome:
        return Welcome(
            user_id=self._principal.user_id,
            name=self._principal.name,
            server_at=sockets.now_ms(),
            heartbeat_ms=HEARTBEAT_MS,
            auth_until=self._principal.auth_until,
        )


def _put(queue: asyncio.Queue[_T], frame: _T) -> None:
    try:
        queue.put_nowait(frame)
    except asyncio.QueueFull:
        raise ConnectionEnd(CloseCode.TOO_FAST) from None


def _prepend(first: sockets.Frame, rest: Iterator[sockets.Frame]) -> Iterator[sockets.Frame]:
    yield first
    yield from rest


def _first_code(group: BaseExceptionGroup[ConnectionEnd]) -> CloseCode | None:
    """Return the code of the first of the ends that came at the same time."""
    first = group.exceptions[0]
    return _first_code(first) if isinstance(first, BaseExceptionGroup) else first.code
