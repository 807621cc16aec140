"""Stage 9 of 9: follows one exam's feed, loading its board, then passing on offset by offset from PostgreSQL.

PostgreSQL is asked whenever somebody wakes the follower; what woke it is never believed. While PostgreSQL is away the
board stands still and nobody is disconnected.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import AWAY
from db.queries import feed
from db.queries.console.board import read_board
from hub.board.board import Board, encode_delta
from hub.sockets import Frame
from protocol.codec import Encoding
from protocol.console import Delta, Since

log = structlog.get_logger(__name__)

CHUNK_ROWS = 250
"""How many feed rows are read at once."""

TURN_BYTES = 32 * 1024
"""After so much is passed on the consoles get their turn to send: less than they send in one turn."""

RESUME_ROWS = 1_000
"""A console further behind than this is given a snapshot."""

RESUME_S = 5.0
_RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0)


class Subscriber(Protocol):
    """A console, as the feed and the pulse see it. Every method returns at once."""

    encoding: Encoding

    def open_board(self, board: Board, reason: str | None) -> None:
        """Begin anew with this board as it stands now; `reason` when it had one before."""

    def resume_board(self, board: Board, missed: Sequence[Delta]) -> None:
        """Go on with a board it holds but for these rows, which may reach beyond the board's own offset."""

    def deliver(self, exam_id: UUID, offset: int, frame: Frame) -> None:
        """Pass on one delta, encoded; the offsets follow one another."""

    def wants_all(self, exam_id: UUID) -> bool:
        """Whether it must be shown all live values, and can be now."""

    def show(self, exam_id: UUID, frames: Sequence[Frame]) -> None:
        """Show live values that changed."""

    def show_all(self, exam_id: UUID, frames: Sequence[Frame]) -> None:
        """Show all live values."""

    def focus(self, exam_id: UUID) -> frozenset[int]:
        """Which attempts it looks at closely."""

    def take_focus(self, exam_id: UUID, changed: frozenset[int]) -> frozenset[int]:
        """Which of them it must be shown now: those that changed, or all when they were chosen anew."""


class Audience(Protocol):
    """Who watches what: the feed."""

    def watched(self) -> Iterable[tuple[UUID, Iterable[Subscriber]]]:
        """Every watched exam with its consoles."""


class Doors:
    """The few connections all followers of a hub share, so that consoles never take the pool from candidates."""

    def __init__(self, engine: AsyncEngine, width: int = 3) -> None:
        self._engine = engine
        self._snapshots = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._free = asyncio.Semaphore(width)

    @asynccontextmanager
    async def look(self) -> AsyncIterator[AsyncConnection]:
        """A connection for one or two short statements."""
        async with self._free, self._engine.connect() as conn:
            yield conn

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """A read-only transaction in which everything stands still."""
        async with self._free, self._snapshots.begin() as conn:
            yield conn


class Follower:
    """One exam's board and who follows it. `board` is None until it is loaded, and while it is loaded anew."""

    def __init__(self, exam_id: UUID, doors: Doors) -> None:
        self.exam_id = exam_id
        self.board: Board | None = None
        self.subscribers: set[Subscriber] = set()
        self._fresh: set[Subscriber] = set()
        self._doors = doors
        self._reason = ""
        self._wake = asyncio.Event()
        self._loaded = asyncio.Event()
        self._stopped = False

    def add(self, subscriber: Subscriber) -> None:
        """Show the board to a console, now or as soon as it is loaded."""
        self.subscribers.add(subscriber)
        if self.board is None:
            self._fresh.add(subscriber)
        else:
            subscriber.open_board(self.board, None)

    def reopen(self, subscriber: Subscriber, reason: str) -> None:
        """Show the board anew to a console that lost its place."""
        if self.board is not None and subscriber in self.subscribers:
            subscriber.open_board(self.board, reason)

    def remove(self, subscriber: Subscriber) -> None:
        """Show it no more."""
        self.subscribers.discard(subscriber)
        self._fresh.discard(subscriber)

    def wake(self) -> None:
        """There may be something new."""
        self._wake.set()

    def stop(self) -> None:
        """End after what is being done now."""
        self._stopped = True
        self._wake.set()

    def compare(self, epoch: str, head: int, offset_before: int) -> None:
        """Compare with what PostgreSQL says; `offset_before` is where the board stood before PostgreSQL was asked."""
        if self.board is None:
            return
        if epoch != self.board.epoch:
            self._reload("epoch")
        elif head < offset_before:
            self._reload("rewound")
        elif head > self.board.offset:
            self.wake()

    async def read_missed(self, since: Since) -> list[Delta] | None:
        """The rows after `since`, up to the board's offset or beyond; None when a snapshot is to be shown instead."""
        try:
            async with asyncio.timeout(RESUME_S):
                await self._loaded.wait()
                return await self._read_missed(since)
        except AWAY:
            return None

    def resume(self, subscriber: Subscriber, since: Since, missed: Sequence[Delta] | None) -> None:
        """Show the board to a console that holds it up to `since`: by the rows it missed, if they reach the board."""
        board = self.board
        if missed is None or board is None or board.epoch != since.epoch or since.offset + len(missed) < board.offset:
            self.add(subscriber)
        else:
            self.subscribers.add(subscriber)
            subscriber.resume_board(board, missed)

    async def run(self) -> None:
        """Follow until stopped."""
        failures = 0
        while not self._stopped:
            self._wake.clear()
            try:
                if self.board is None:
                    await self._load()
                await self._catch_up()
                failures = 0
            except AWAY as error:
                if failures == 0:
                    log.warning("feed not read", exam_id=str(self.exam_id), error=type(error).__name__)
            except Exception:
                log.exception("feed follower failed", exam_id=str(self.exam_id))
                self._reload("internal")
            else:
                await self._wake.wait()
                continue
            await asyncio.sleep(_RETRY_S[min(failures, len(_RETRY_S) - 1)])
            failures += 1

    async def _load(self) -> None:
        async with self._doors.snapshot() as conn:
            board = Board.from_parts([await read_board(conn, self.exam_id)])
        self.board = board
        self._loaded.set()
        for subscriber in self.subscribers:
            subscriber.open_board(board, None if subscriber in self._fresh else self._reason)
        self._fresh.clear()

    def _reload(self, reason: str) -> None:
        log.warning("board loaded anew", exam_id=str(self.exam_id), reason=reason)
        self.board = None
        self._reason = reason
        self._loaded.clear()
        self.wake()

    async def _catch_up(self) -> None:
        board = self.board
        while board is not None and board is self.board:
            async with self._doors.look() as conn:
                rows = await feed.read_after(conn, self.exam_id, board.offset, CHUNK_ROWS)
            await self._take(board, rows)
            if len(rows) < CHUNK_ROWS:
                return

    async def _take(self, board: Board, rows: Sequence[Delta]) -> None:
        """Apply and pass on, as long as this board is the one that is shown; rows that do not follow it replace it."""
        passed = 0
        for delta in rows:
            if board is not self.board:
                return
            if not board.apply(delta):
                self._reload("hole")
                return
            self._pass_on(delta)
            passed += len(memoryview(delta.body))
            if passed > TURN_BYTES:
                passed = 0
                await asyncio.sleep(0)

    def _pass_on(self, delta: Delta) -> None:
        frames: dict[Encoding, Frame] = {}
        for subscriber in self.subscribers:
            encoding = subscriber.encoding
            frame = frames.get(encoding)
            if frame is None:
                frame = frames[encoding] = encode_delta(delta, encoding)
            subscriber.deliver(self.exam_id, delta.offset, frame)

    async def _read_missed(self, since: Since) -> list[Delta] | None:
        board = self.board
        # Above our head a console holds another history; far below it the snapshot is the shorter way.
        if board is None or board.epoch != since.epoch or not 0 <= board.offset - since.offset <= RESUME_ROWS:
            return None
        if since.offset == board.offset:
            return []
        async with self._doors.look() as conn:
            rows = await feed.read_after(conn, self.exam_id, since.offset, 2 * RESUME_ROWS)
        reached = range(since.offset + 1, since.offset + 1 + len(rows))
        return rows if [row.offset for row in rows] == list(reached) else None
