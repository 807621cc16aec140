"""A websocket that is opened again as the close codes allow (docs/close-codes.md).

Knows only the frames `ping`, `auth` and `bye`; its owner sends all others. Never opens two sockets at a time.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from protocol import limits
from protocol.codec import Encoding, encode
from protocol.codes import CloseCode, may_reconnect
from protocol.errors import Malformed
from protocol.monitor import Auth, Bye, Drain, Error, Ping
from veritas.client.errors import closed_for_good
from veritas.client.reconnect import PROVEN_S, ReconnectPause, Route, renew_in_ms

ABNORMAL = 1006
"""Close code for a socket that ended without a close frame or could not be opened."""

USER_AGENT = "veritas-python/2"
"""The program, as the hub sees it. Send it with REST requests too: another one counts as another place."""

OPEN_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
PING_S = 8.0
"""Interval and timeout of WebSocket pings: a hub that does not answer is considered gone.

Interval, timeout and close together stay below the 25 s after which a candidate counts as silent.
"""

BYE_S = 5.0
"""How long the hub may take to acknowledge the rest and close, after `bye`."""

FrameT = TypeVar("FrameT")
Proxy = str | Literal[True] | None


class Access(NamedTuple):
    """An access token and its expiry, in ms since the epoch by the server's clock."""

    token: str
    until: int


GetTicket = Callable[[], Awaitable[str]]
"""Returns a new single-use ticket. OSError and TimeoutError are retried; any other exception ends the client."""

GetToken = Callable[[], Awaitable[Access]]
"""Returns an access token. Exceptions are handled as for a ticket."""


def wall_ms() -> int:
    """Return the wall clock in ms since the epoch."""
    return time.time_ns() // 1_000_000


def mono_ms() -> float:
    """Return the monotonic clock in ms."""
    return time.monotonic_ns() / 1_000_000


class Socket(Generic[FrameT]):
    """One open connection: sends and receives frames, and pings when idle."""

    def __init__(
        self, connection: ClientConnection, encoding: Encoding, decode: Callable[[str | bytes, Encoding], FrameT]
    ) -> None:
        self._connection = connection
        self._encoding = encoding
        self._decode = decode
        self._sent_ms = self._received_ms = mono_ms()
        self.opened_ms = self._sent_ms
        self.is_proven = False
        self.last_error: Error | None = None
        self.drain_ms: int | None = None
        self.is_leaving = False
        self.is_returning = False
        """Whether the client left in order to open a new socket."""
        self._retry_ms: int | None = None
        self.skipped = 0
        """Number of received frames that this version does not know."""

    @property
    def code(self) -> int:
        """Close code, once closed."""
        return self._connection.close_code or ABNORMAL

    @property
    def wait_ms(self) -> int | None:
        """Longest time before reconnecting, from `drain` or from an `error` that was the last frame; None if unset."""
        return self._retry_ms if self.drain_ms is None else self.drain_ms

    async def send(self, frame: Any) -> None:
        """Send one frame. Raises ConnectionClosed."""
        self._sent_ms = mono_ms()
        await self._connection.send(encode(frame, self._encoding))

    async def frames(self) -> AsyncIterator[FrameT]:
        """Yield every frame until the socket is closed; unknown frames are skipped and counted."""
        while True:
            try:
                data = await self._connection.recv()
            except ConnectionClosed:
                return
            self._received_ms = mono_ms()
            try:
                frame = self._decode(data, self._encoding)
            except Malformed:
                self.skipped += 1
                continue
            self._retry_ms = None
            if isinstance(frame, Error):
                self.last_error = frame
                self._retry_ms = frame.retry_ms
            elif isinstance(frame, Drain):
                self.drain_ms = frame.in_ms
            yield frame

    async def ping_when_idle(self, heartbeat_ms: int) -> None:
        """Send a ping after `heartbeat_ms` in which nothing was sent, or nothing received. Ends with the socket.

        A client that sends events while the hub cannot store them hears nothing else, and would take the hub for dead.
        """
        pinged_ms = mono_ms()
        with contextlib.suppress(ConnectionClosed):
            while True:
                idle_since_ms = max(pinged_ms, min(self._sent_ms, self._received_ms))
                due_ms = idle_since_ms + heartbeat_ms - mono_ms()
                if due_ms > 0:
                    await asyncio.sleep(due_ms / 1000)
                else:
                    pinged_ms = mono_ms()
                    await self.send(Ping(wall_ms()))

    async def stay_signed_in(self, server_at: int, auth_until: int, get_token: GetToken) -> None:
        """Renew the sign-in over the socket before it expires. Ends with the socket. Raises what `get_token` raises."""
        ahead_ms = server_at - mono_ms()
        while True:
            await asyncio.sleep(renew_in_ms(auth_until - ahead_ms - mono_ms()) / 1000)
            try:
                access = await get_token()
            except (OSError, TimeoutError):
                continue
            if self.is_leaving:
                return
            try:
                await self.send(Auth(access.token))
            except ConnectionClosed:
                return
            auth_until = access.until

    async def send_bye(self) -> None:
        """Send `bye`, after which only pings may follow. The hub closes; after 5 s the socket is aborted."""
        if self.is_leaving:
            return
        self.is_leaving = True
        with contextlib.suppress(ConnectionClosed):
            await self.send(Bye())
        asyncio.get_running_loop().call_later(BYE_S, self.abort)

    @contextlib.asynccontextmanager
    async def beside(self, *work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
        """Run `work` while the block runs. A failure aborts the socket and is raised after the block."""
        tasks = [asyncio.create_task(coroutine) for coroutine in work]
        for task in tasks:
            task.add_done_callback(self._abort_on_failure)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    def _abort_on_failure(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception() is not None:
            self.abort()

    def abort(self) -> None:
        """Drop the connection without a close frame, as a network failure does."""
        self._connection.transport.abort()


@dataclass(frozen=True, slots=True)
class _Parting:
    """The end of a connection, or the failure to open it."""

    code: int
    detail: str
    wait_ms: int | None = None
    proven: bool = False
    is_returning: bool = False


class Link(Generic[FrameT]):
    """Reconnects until the owner leaves or the hub closes with a final code."""

    def __init__(
        self,
        url: str | Sequence[str],
        decode: Callable[[str | bytes, Encoding], FrameT],
        *,
        encoding: Encoding,
        proxy: Proxy,
        random: Random,
    ) -> None:
        self._route = Route([url] if isinstance(url, str) else url)
        self._decode = decode
        self._encoding = encoding
        self._proxy = proxy
        self._reconnect = ReconnectPause(random)
        self._hurried = asyncio.Event()
        self.leaving = False
        self.socket: Socket[FrameT] | None = None
        self.connections = 0
        """Number of sockets opened so far."""

    @property
    def url(self) -> str:
        """Address in use, or the next one to try."""
        return self._route.url

    def hurry(self) -> None:
        """Reconnect at once if waiting, for example because the network is back."""
        self._reconnect.reset()
        self._hurried.set()

    async def run(
        self,
        get_ticket: GetTicket,
        talk: Callable[[Socket[FrameT], str], Awaitable[None]],
        *,
        returns_after: Callable[[int], bool] = may_reconnect,
    ) -> None:
        """Open a socket, call `talk` with a new ticket, and reconnect until the owner leaves.

        Raises ClosedForGood after a final close code, and what `get_ticket` raises except OSError and TimeoutError,
        which are retried.
        """
        while True:
            parting = await self._once(get_ticket, talk)
            if self.leaving:
                return
            if not returns_after(parting.code) and not parting.is_returning:
                raise closed_for_good(parting.code, parting.detail)
            self._route.after(parting.code)
            await self._pause(self._reconnect.after_s(wait_ms=parting.wait_ms, proven=parting.proven))

    async def _pause(self, seconds: float) -> None:
        self._hurried.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurried.wait()

    async def _once(self, get_ticket: GetTicket, talk: Callable[[Socket[FrameT], str], Awaitable[None]]) -> _Parting:
        try:
            ticket = await get_ticket()
            connection = await self._connect()
        except (OSError, TimeoutError, InvalidHandshake) as error:
            return _Parting(ABNORMAL, str(error))
        socket = self.socket = Socket(connection, self._encoding, self._decode)
        self.connections += 1
        try:
            await talk(socket, ticket)
        except ConnectionClosed:
            pass
        except TimeoutError:
            return _Parting(ABNORMAL, "the hub did not answer")
        finally:
            self.socket = None
            # Closed already, unless we were cancelled or the hub stopped answering.
            connection.transport.abort()
            await connection.wait_closed()
        detail = socket.last_error.detail if socket.last_error else ""
        proven = socket.is_proven or mono_ms() - socket.opened_ms >= PROVEN_S * 1000
        returning = socket.is_returning and socket.code == CloseCode.NORMAL
        return _Parting(socket.code, detail, socket.wait_ms, proven, returning)

    async def _connect(self) -> ClientConnection:
        return await connect(
            self.url,
            subprotocols=[Subprotocol(self._encoding)],
            compression=None,
            max_size=limits.SOCKET_BYTES,
            proxy=self._proxy,
            user_agent_header=USER_AGENT,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=PING_S,
            ping_timeout=PING_S,
        )
