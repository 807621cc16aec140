"""Stage 9 of 9: one admitted console, its frames in by a reader, its watches and commands one by one, its frames out.

What is sent next is `backlog.py`'s business, what a command does `commands.py`'s. A console that is slow costs nobody
but itself, its authority is over five seconds after the sign-in it showed last, and every end has a close code.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from db.queries.console.board import list_watchable
from hub import metrics, sockets
from hub.auth.guards import Principal
from hub.board.board import Board, encode_delta
from hub.board.feeds import Feed
from hub.commands.commands import Commands
from hub.console.send_queue import Backlog
from hub.errors import Busy, close_code_of, interpret
from hub.tasks import DetachedTasks
from protocol.codec import Encoding, decode_console, encode
from protocol.codes import CloseCode, ErrorCode
from protocol.console import Command, ConsoleError, ConsoleFrame, Delta, Focus, Resync, Unwatch, Watch, Welcome
from protocol.errors import ProtocolError, UnknownFrame
from protocol.limits import FOCUS_ATTEMPTS, HEARTBEAT_MS, SILENT_HEARTBEATS, UNKNOWN_FRAMES
from protocol.monitor import Auth, Bye, Drain, Ping, Pong

log = structlog.get_logger(__name__)

_T = TypeVar("_T")

SILENT_S: Final = SILENT_HEARTBEATS * HEARTBEAT_MS / 1000
AUTH_GRACE_MS: Final = 5_000
STALL_S: Final = 10.0
"""A frame that cannot be handed over for this long: the console does not read."""

FLUSH_S: Final = 1.0
"""How long answers may still leave before a close."""

REQUESTS: Final = 100
"""How many watches and commands of one console may wait for their turn."""

IX_MAX: Final = 2**31 - 1
"""The highest small number an attempt can have."""

BUSY_RETRY_MS: Final = 1_000
TURN_BYTES: Final = 64 * 1024
"""After so much is sent without waiting the others of the process get their turn."""


class Ended(Exception):
    """The connection is over: close with this code, or it is closed already."""

    def __init__(self, code: CloseCode | None) -> None:
        super().__init__(code)
        self.code = code


class House(msgspec.Struct, frozen=True):
    """What consoles work with; one per hub process."""

    engine: AsyncEngine
    feed: Feed
    commands: Commands
    tasks: DetachedTasks
    identify: Callable[[str], Coroutine[Any, Any, Principal]]
    """Who shows an access token; raises RequestError, or what PostgreSQL's absence raises."""


class Console:
    """One person's connection; a person may hold several."""

    def __init__(self, house: House, socket: sockets.Socket, encoding: Encoding, principal: Principal) -> None:
        self.encoding = encoding
        self._house = house
        self._socket = socket
        self._principal = principal
        self._backlog = Backlog()
        self._wake = asyncio.Event()
        self._requests: asyncio.Queue[Watch | Unwatch | Focus | Command] = asyncio.Queue(REQUESTS)
        self._renewals: asyncio.Queue[Auth] = asyncio.Queue(REQUESTS)
        self._asked_to_end: asyncio.Future[CloseCode] = asyncio.get_running_loop().create_future()
        self._unknown = 0

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait to be sent; at most a board's part and the server's own buffer come on top."""
        return self._backlog.size

    @property
    def session(self) -> UUID:
        """The sign-in that this console rests on."""
        return self._principal.session

    @property
    def user_id(self) -> UUID:
        """Whose it is."""
        return self._principal.user_id

    @property
    def watched(self) -> frozenset[UUID]:
        """The exams it shows."""
        return frozenset(self._backlog.watched)

    # The feed and the pulse call these; each returns at once.

    def open_board(self, board: Board, reason: str | None) -> None:
        """Begin anew with this board as it stands now; `reason` when the console had one before."""
        frames: Iterator[sockets.Frame] = (encode(part, self.encoding) for part in board.snapshot())
        exam_id = board.exam.exam_id
        if reason is not None:
            metrics.RESYNCS.labels(reason=reason).inc()
            frames = _after(encode(Resync(exam_id, reason), self.encoding), frames)
        self._backlog.open(exam_id, board.offset, frames)
        self._wake.set()

    def resume_board(self, board: Board, missed: Sequence[Delta]) -> None:
        """Go on with a board the console holds but for these rows."""
        reached = missed[-1].offset if missed else board.offset
        self._backlog.open(board.exam.exam_id, reached, (encode_delta(delta, self.encoding) for delta in missed))
        self._wake.set()

    def deliver(self, exam_id: UUID, offset: int, frame: sockets.Frame) -> None:
        """Pass on one delta."""
        self._backlog.deliver(exam_id, offset, frame, asyncio.get_running_loop().time())
        self._wake.set()

    def wants_all(self, exam_id: UUID) -> bool:
        """Whether it must be shown all live values, and can be now."""
        return self._backlog.wants_all(exam_id) and self._backlog.can_show(exam_id)

    def show(self, exam_id: UUID, frames: Sequence[sockets.Frame]) -> None:
        """Show live values that changed."""
        self._backlog.show(exam_id, frames)
        self._wake.set()

    def show_all(self, exam_id: UUID, frames: Sequence[sockets.Frame]) -> None:
        """Show all live values."""
        self._backlog.show_all(exam_id, frames)
        self._wake.set()

    def focus(self, exam_id: UUID) -> frozenset[int]:
        """Which attempts it looks at closely."""
        return self._backlog.focus(exam_id)

    def take_focus(self, exam_id: UUID, changed: frozenset[int]) -> frozenset[int]:
        """Which of them it must be shown now: those that changed, or all when they were chosen anew."""
        return self._backlog.take_focus(exam_id, changed)

    def warn(self, in_ms: int) -> None:
        """Tell it that the hub is going away."""
        self._say(Drain(in_ms))

    def forbid(self, exam_id: UUID) -> None:
        """Show it this exam no more, and say so: its person may not watch it, or not any longer."""
        self._unwatch(exam_id)
        self._say(ConsoleError(ErrorCode.FORBIDDEN, f"you do not have access to exam {exam_id}", exam_id=exam_id))

    def end(self, code: CloseCode) -> None:
        """Close the connection with this code, soon."""
        if not self._asked_to_end.done():
            self._asked_to_end.set_result(code)

    async def run(self) -> CloseCode | None:
        """Serve until the end, and say how to close; None when the peer has closed already."""
        code: CloseCode | None = CloseCode.INTERNAL
        self._say(self._welcome())
        try:
            async with asyncio.TaskGroup() as group:
                for work in (self._read, self._serve, self._renew, self._expire, self._send, self._wait_for_end):
                    group.create_task(work(), name=f"console{work.__name__}")
        except* Ended as ended:
            code = _first(ended)
        except* Exception:
            log.exception("console failed", user_id=str(self._principal.user_id))
        finally:
            for exam_id in self._backlog.watched:
                self._house.feed.unwatch(exam_id, self)
        if code not in (None, CloseCode.TOO_SLOW):
            await self._flush()
        return code

    async def _wait_for_end(self) -> None:
        raise Ended(await self._asked_to_end)

    async def _read(self) -> None:
        while True:
            try:
                async with asyncio.timeout(SILENT_S):
                    data = await sockets.receive(self._socket)
            except TimeoutError:
                raise Ended(CloseCode.SILENT) from None
            if data is None:
                raise Ended(None)
            frame = self._decode(data)
            if frame is not None:
                self._take(frame)

    def _decode(self, data: sockets.Frame) -> ConsoleFrame | None:
        try:
            return decode_console(data, self.encoding)
        except UnknownFrame as error:
            self._unknown += 1
            self._say(ConsoleError(ErrorCode.UNKNOWN_FRAME, str(error)))
            if self._unknown >= UNKNOWN_FRAMES:
                raise Ended(CloseCode.MALFORMED) from error
            return None
        except ProtocolError as error:
            self._say(ConsoleError(error.code, str(error)))
            raise Ended(error.close_code) from error

    def _take(self, frame: ConsoleFrame) -> None:
        match frame:
            case Ping():
                self._say(Pong(frame.at, sockets.now_ms()))
            case Bye():
                raise Ended(CloseCode.NORMAL)
            case Watch() | Unwatch() | Focus() | Command():
                _put(self._requests, frame)
            case Auth():
                _put(self._renewals, frame)
            case _:
                self._say(ConsoleError(ErrorCode.MALFORMED, "hello was said already"))
                raise Ended(CloseCode.MALFORMED)

    async def _serve(self) -> None:
        while True:
            request = await self._requests.get()
            match request:
                case Command():
                    self._say(await self._house.commands.carry_out(self._principal, request))
                case Watch():
                    await self._watch(request)
                case Unwatch():
                    self._unwatch(request.exam_id)
                case Focus():
                    self._focus(request)

    def _unwatch(self, exam_id: UUID) -> None:
        self._house.feed.unwatch(exam_id, self)
        self._backlog.unwatch(exam_id)

    async def _renew(self) -> None:
        """Take each new sign-in for the one before, whatever the commands are waiting for."""
        while True:
            auth = await self._renewals.get()
            try:
                principal = await self._house.tasks.run(self._house.identify(auth.token))
            except Exception as error:
                self._refuse_renewal(error)
            else:
                if principal.user_id != self._principal.user_id:
                    self._say(ConsoleError(ErrorCode.FORBIDDEN, "a console stays one person's"))
                    raise Ended(CloseCode.FORBIDDEN)
                self._principal = principal.coming_by(self._socket)

    def _refuse_renewal(self, error: Exception) -> None:
        meant = interpret(error)
        if isinstance(meant, Busy):
            self._say(ConsoleError(ErrorCode.BUSY, str(meant), BUSY_RETRY_MS))
            return
        code = close_code_of(error)
        if code is CloseCode.INTERNAL:
            raise error
        known = code is CloseCode.FORBIDDEN
        self._say(ConsoleError(ErrorCode.FORBIDDEN if known else ErrorCode.UNAUTHENTICATED, str(meant)))
        raise Ended(code) from error

    async def _expire(self) -> None:
        """End when the last sign-in's time is over, and a little more."""
        while True:
            left_ms = self._principal.auth_until + AUTH_GRACE_MS - sockets.now_ms()
            if left_ms <= 0:
                raise Ended(CloseCode.TOKEN_EXPIRED)
            await asyncio.sleep(left_ms / 1000)

    def _focus(self, focus: Focus) -> None:
        if len(focus.ix) > FOCUS_ATTEMPTS or not all(1 <= ix <= IX_MAX for ix in focus.ix):
            detail = f"focus wants at most {FOCUS_ATTEMPTS} attempts, by their numbers on the board"
            self._say(ConsoleError(ErrorCode.BAD_COMMAND, detail, exam_id=focus.exam_id))
        elif not self._backlog.focus_on(focus.exam_id, frozenset(focus.ix)):
            self._say(
                ConsoleError(ErrorCode.NOT_FOUND, f"you do not watch exam {focus.exam_id}", exam_id=focus.exam_id)
            )

    async def _watch(self, watch: Watch) -> None:
        try:
            allowed = await self._house.tasks.run(self._may_watch(watch.exam_id))
        except Exception as error:
            meant = interpret(error)
            if not isinstance(meant, Busy):
                raise
            detail = f"Exam {watch.exam_id}: {meant}"
            self._say(ConsoleError(ErrorCode.BUSY, detail, BUSY_RETRY_MS, exam_id=watch.exam_id))
            return
        if not allowed:
            self.forbid(watch.exam_id)
            return
        self._backlog.watch(watch.exam_id)
        if watch.since is None:
            self._house.feed.watch(watch.exam_id, self)
        else:
            await self._house.feed.resume(watch.exam_id, self, watch.since)

    async def _may_watch(self, exam_id: UUID) -> bool:
        async with self._house.engine.connect() as conn:
            return bool(await list_watchable(conn, [exam_id], self._principal.user_id))

    async def _send(self) -> None:
        sent = 0
        while True:
            if self._backlog.too_slow:
                raise Ended(CloseCode.TOO_SLOW)
            for exam_id in self._backlog.take_due(asyncio.get_running_loop().time()):
                self._house.feed.reopen(exam_id, self, "slow")
            frame = self._backlog.take()
            if frame is None:
                await self._rest()
                continue
            await self._hand_over(frame)
            sent += len(frame)
            if sent > TURN_BYTES:
                sent = 0
                await asyncio.sleep(0)

    async def _rest(self) -> None:
        """Wait until there is something to send."""
        self._wake.clear()
        try:
            async with asyncio.timeout_at(self._backlog.resync_at()):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _hand_over(self, frame: sockets.Frame) -> None:
        try:
            async with asyncio.timeout(STALL_S):
                sent = await sockets.send(self._socket, frame)
        except TimeoutError:
            raise Ended(CloseCode.TOO_SLOW) from None
        if not sent:
            raise Ended(None)

    async def _flush(self) -> None:
        """Let the answers leave that were given before the end."""
        try:
            async with asyncio.timeout(FLUSH_S):
                while (frame := self._backlog.take_answer()) is not None and await sockets.send(self._socket, frame):
                    pass
        except TimeoutError:
            return

    def _say(self, frame: msgspec.Struct) -> None:
        self._backlog.answer(encode(frame, self.encoding))
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
        raise Ended(CloseCode.TOO_FAST) from None


def _after(first: sockets.Frame, rest: Iterator[sockets.Frame]) -> Iterator[sockets.Frame]:
    yield first
    yield from rest


def _first(group: BaseExceptionGroup[Ended]) -> CloseCode | None:
    """The code of the first end among those that came at once."""
    one = group.exceptions[0]
    return _first(one) if isinstance(one, BaseExceptionGroup) else one.code
