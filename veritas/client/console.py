"""The teacher's client: follows boards without gaps across reconnections, and sends commands.

Each numbered frame is delivered once and in order; live frames hold latest values and may be skipped. It keeps no
board itself, and repeats a command only with the same id.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Sequence
from random import Random
from types import TracebackType
from typing import Self
from uuid import UUID, uuid4

from websockets.exceptions import ConnectionClosed

from protocol import console
from protocol.codec import Encoding, decode_to_console
from protocol.flags import FlagStatus
from protocol.monitor import Error
from veritas.client.link import OPEN_TIMEOUT_S, GetTicket, GetToken, Link, Proxy, Socket
from veritas.client.progress import FrameKind, Progress

LIVE_KEPT = 1_000
"""A reader that is this many frames behind gets no live frames until it has caught up."""

Frame = console.Snapshot | console.Delta | console.Live | console.Resync | Error
"""Frames that a console delivers."""


class Console:
    """A console. Use it as `async with`, then iterate over its frames.

    With several addresses it uses one until that fails, then the next. Without `get_token` the hub closes with 4419
    when the sign-in expires, and the console reconnects with a new ticket.
    """

    def __init__(
        self,
        url: str | Sequence[str],
        get_ticket: GetTicket,
        *,
        get_token: GetToken | None = None,
        encoding: Encoding = Encoding.JSON,
        proxy: Proxy = True,
        random: Random | None = None,
    ) -> None:
        self._get_ticket = get_ticket
        self._get_token = get_token
        self._link: Link[console.HubFrame] = Link(
            url,
            decode_to_console,
            encoding=encoding,
            proxy=proxy,
            random=random or Random(),  # noqa: S311 - spreads reconnections, guards nothing
        )
        self._progress: dict[UUID, Progress] = {}
        self._focus: dict[UUID, console.Focus] = {}
        self._commands: dict[UUID, tuple[console.Command, asyncio.Future[console.Result]]] = {}
        self._frames: deque[Frame] = deque()
        self._arrived = asyncio.Event()
        self._welcomed: Socket[console.HubFrame] | None = None
        self._task: asyncio.Task[None] | None = None
        self.welcome: console.Welcome | None = None
        """The last welcome."""

    @property
    def connections(self) -> int:
        """Number of sockets opened so far."""
        return self._link.connections

    async def __aenter__(self) -> Self:
        """Start connecting in the background."""
        self._task = asyncio.create_task(self._link.run(self._get_ticket, self._talk))
        self._task.add_done_callback(lambda _: self._end())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send `bye` and close."""
        self._link.leaving = True
        assert self._task is not None
        if error is None and self._welcomed is not None:
            await self._welcomed.send_bye()
            await asyncio.wait({self._task}, timeout=1.0)
        self._task.cancel()
        await asyncio.wait({self._task})

    def hurry(self) -> None:
        """Reconnect at once if waiting, for example because the network is back."""
        self._link.hurry()

    async def watch(self, exam_id: UUID) -> None:
        """Follow the board of an exam: a snapshot first, then deltas. Continues after reconnections."""
        progress = self._progress.setdefault(exam_id, Progress())
        await self._watch(exam_id, progress.since)

    async def focus(self, exam_id: UUID, ix: Sequence[int]) -> None:
        """Get live values of these attempts every half second, instead of the previous ones; at most 200 per exam."""
        self._focus[exam_id] = console.Focus(exam_id, list(ix))
        await self._send_if_connected(self._focus[exam_id])

    async def unwatch(self, exam_id: UUID) -> None:
        """Stop following the board of an exam."""
        self._focus.pop(exam_id, None)
        if self._progress.pop(exam_id, None) is not None:
            await self._send_if_connected(console.Unwatch(exam_id))

    async def message(self, exam_id: UUID, text: str, *, to: str | list[UUID] = "all") -> console.Result:
        """Send a message to some candidates, or to all of the exam."""
        return await self.command(console.Command(id=uuid4(), exam_id=exam_id, action="message", to=to, text=text))

    async def review(
        self, exam_id: UUID, flag_id: UUID, decision: FlagStatus, *, seen: FlagStatus, reason: str
    ) -> console.Result:
        """Review a flag last `seen` in this status; if another reviewer was faster, the result is a conflict."""
        return await self.command(
            console.Command(
                id=uuid4(),
                exam_id=exam_id,
                action="review",
                flag_id=flag_id,
                decision=decision,
                seen=seen,
                reason=reason,
            )
        )

    async def command(self, command: console.Command) -> console.Result:
        """Send a command and wait for its result, across reconnections. Raises ClosedForGood."""
        self._raise_if_over()
        future: asyncio.Future[console.Result] = asyncio.get_running_loop().create_future()
        self._commands[command.id] = (command, future)
        try:
            await self._send_if_connected(command)
            return await future
        finally:
            del self._commands[command.id]

    def __aiter__(self) -> AsyncIterator[Frame]:
        return self

    async def __anext__(self) -> Frame:
        """Return the next frame. Raises ClosedForGood after a final close code."""
        while not self._frames:
            self._arrived.clear()
            self._raise_if_over()
            if self._task is None or self._task.done():
                raise StopAsyncIteration
            await self._arrived.wait()
        return self._frames.popleft()

    def _raise_if_over(self) -> None:
        if self._task is not None and self._task.done() and not self._task.cancelled():
            failure = self._task.exception()
            if failure is not None:
                raise failure

    def _end(self) -> None:
        self._arrived.set()
        assert self._task is not None
        failure = None if self._task.cancelled() else self._task.exception()
        for _, future in self._commands.values():
            if failure is not None and not future.done():
                future.set_exception(failure)
            else:
                future.cancel()

    async def _talk(self, socket: Socket[console.HubFrame], ticket: str) -> None:
        await socket.send(console.Hello(ticket=ticket))
        frames = socket.frames()
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            async for first in frames:
                if isinstance(first, console.Welcome):
                    break
            else:
                return
        self.welcome = first
        self._welcomed = socket
        socket.is_proven = True
        try:
            beside = [socket.ping_when_idle(first.heartbeat_ms)]
            if self._get_token is not None:
                beside.append(socket.stay_signed_in(first.server_at, first.auth_until, self._get_token))
            async with socket.beside(*beside):
                for exam_id, progress in list(self._progress.items()):
                    await self._watch(exam_id, progress.rewatch())
                for command, _ in list(self._commands.values()):
                    await socket.send(command)
                async for frame in frames:
                    await self._take(frame)
        finally:
            self._welcomed = None

    async def _take(self, frame: console.HubFrame) -> None:
        match frame:
            case console.Result():
                _, future = self._commands.get(frame.id, (None, None))
                if future is not None and not future.done():
                    future.set_result(frame)
            case console.Snapshot() | console.Delta() | console.Resync():
                await self._follow(frame)
            case console.Live():
                if len(self._frames) < LIVE_KEPT:
                    self._hand_out(frame)
            case Error():
                self._hand_out(frame)

    async def _follow(self, frame: console.Snapshot | console.Delta | console.Resync) -> None:
        progress = self._progress.get(frame.exam_id)
        if progress is None:
            return
        match progress.take(frame):
            case FrameKind.NEW:
                self._hand_out(frame)
            case FrameKind.GAP:
                await self._watch(frame.exam_id, progress.since)

    async def _watch(self, exam_id: UUID, since: console.Since | None) -> None:
        await self._send_if_connected(console.Watch(exam_id, since))
        if exam_id in self._focus:
            await self._send_if_connected(self._focus[exam_id])

    def _hand_out(self, frame: Frame) -> None:
        self._frames.append(frame)
        self._arrived.set()

    async def _send_if_connected(self, frame: console.ConsoleFrame) -> None:
        """Send if connected; watches and commands are sent again after the next welcome."""
        if self._welcomed is not None:
            with contextlib.suppress(ConnectionClosed):
                await self._welcomed.send(frame)
