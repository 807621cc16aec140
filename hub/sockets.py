"""Shared code of both sockets: encoding, receiving and sending frames, a bounded outbox, closing with a code.

Never interprets a frame, and never ends a socket without a close code.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect

from hub.server.websocket import ADMIT, CLOSE_NOW, IS_GONE, SHUT_DOWN
from protocol.codec import Encoding, encode
from protocol.codes import CloseCode, ErrorCode
from protocol.monitor import Error

Socket = WebSocket[Any, Any, Any]
Frame = str | bytes

_ENCODINGS: Final = {encoding.value: encoding for encoding in Encoding}

CLOSE_S: Final = 5.0
"""How long a close waits for a peer that does not read, if the server cannot close without waiting."""

_GONE = (WebSocketDisconnect, OSError, RuntimeError)
"""Raised when the peer has left or the socket is closed already: by Litestar, by uvicorn, by uvicorn."""


def now_ms() -> int:
    """Return the time of day: milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def steady_ms() -> int:
    """Return milliseconds of a clock that never steps back, for deadlines."""
    return time.monotonic_ns() // 1_000_000


def choose_encoding(offered: Sequence[str]) -> Encoding | None:
    """Return the first offered subprotocol that is known; JSON when none is offered, None when all are unknown."""
    if not offered:
        return Encoding.JSON
    return next((_ENCODINGS[name] for name in offered if name in _ENCODINGS), None)


async def accept(socket: Socket) -> Encoding | None:
    """Complete the handshake with a common encoding; if there is none, close with 4400 and return None."""
    offered: list[str] = socket.scope["subprotocols"]
    encoding = choose_encoding(offered)
    await socket.accept(encoding if offered and encoding else None)
    if encoding is None:
        known = ", ".join(Encoding)
        error = Error(ErrorCode.UNSUPPORTED_SUBPROTOCOL, f"Use one of these subprotocols: {known}.")
        await send(socket, encode(error, Encoding.JSON))
        await close(socket, CloseCode.MALFORMED)
    return encoding


async def receive(socket: Socket) -> Frame | None:
    """Return the next frame, text or bytes; None when the peer is gone."""
    try:
        message: dict[str, Any] = dict(await socket.receive())
    except WebSocketDisconnect:
        return None
    if message["type"] != "websocket.receive":
        return None
    text: str | None = message.get("text")
    if text is not None:
        return text
    data: bytes = message.get("bytes") or b""
    return data


async def send(socket: Socket, frame: Frame) -> bool:
    """Send one frame; waits while the peer's buffers are full. Returns False when the peer is gone."""
    try:
        if isinstance(frame, str):
            await socket.send_text(frame)
        else:
            await socket.send_bytes(frame)
    except _GONE:
        return False
    return True


async def close(socket: Socket, code: CloseCode) -> None:
    """Close with the code and its name, even if the peer does not read. Closing twice does nothing."""
    extensions: dict[str, Any] = socket.scope["extensions"] or {}
    close_now = extensions.get(CLOSE_NOW)
    if close_now is not None:
        close_now(int(code), code.reason)
        return
    try:
        async with asyncio.timeout(CLOSE_S):
            await socket.close(int(code), code.reason)
    except (*_GONE, TimeoutError):
        return


def admit(socket: Socket) -> None:
    """Allow frames of the full size, and more control frames: the peer of this socket is known."""
    extensions: dict[str, Any] = socket.scope["extensions"] or {}
    admit_now = extensions.get(ADMIT)
    if admit_now is not None:
        admit_now()


def was_shut_down(socket: Socket) -> bool:
    """Return whether the server has closed this socket because it stops."""
    extensions: dict[str, Any] = socket.scope["extensions"] or {}
    return SHUT_DOWN in extensions


def is_gone(socket: Socket) -> bool:
    """Return whether the connection has ended, even while received frames wait to be read."""
    extensions: dict[str, Any] = socket.scope["extensions"] or {}
    known = extensions.get(IS_GONE)
    return known is not None and bool(known())


class Outbox:
    """Frames that wait to be sent, first in first out, bounded by bytes; for one event loop and one reader."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._frames: deque[tuple[Frame, int]] = deque()
        self._size = 0
        self._finished = False
        self._wake = asyncio.Event()

    @property
    def size(self) -> int:
        """Bytes waiting."""
        return self._size

    def put(self, frame: Frame) -> bool:
        """Add a frame. Returns False, and adds nothing, when the bound is reached or the outbox is finished."""
        size = size_of(frame)
        if self._finished or self._size + size > self._limit:
            return False
        self._frames.append((frame, size))
        self._size += size
        self._wake.set()
        return True

    def take(self) -> Frame | None:
        """Remove and return the oldest frame; None when none waits."""
        if not self._frames:
            return None
        frame, size = self._frames.popleft()
        self._size -= size
        return frame

    async def get(self) -> Frame | None:
        """Wait for a frame, remove and return it; None when the outbox is finished and empty."""
        while not self._frames and not self._finished:
            self._wake.clear()
            await self._wake.wait()
        return self.take()

    def clear(self) -> None:
        """Remove every frame."""
        self._frames.clear()
        self._size = 0

    def finish(self) -> None:
        """Take no more frames; those that wait can still be taken out."""
        self._finished = True
        self._wake.set()


def size_of(frame: Frame) -> int:
    """Return how many bytes a frame has on the wire, without its header."""
    if isinstance(frame, bytes) or frame.isascii():
        return len(frame)
    return len(frame.encode(errors="surrogatepass"))
