"""Stage 9 of 9: follow one exam's feed: load its board, then apply and pass on row after row.

A wake-up only starts a query; the rows always come from PostgreSQL. While PostgreSQL is away the board keeps its state
and no console is disconnected.
"""

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog

from db.errors import AWAY
from db.periodic import Periodic
from db.queries import feed
from db.queries.console.board import read_board
from hub.board.board import Board, encode_delta
from hub.board.read_pool import ReadPool
from hub.board.subscriber import Subscriber
from hub.sockets import Frame
from protocol.backoff import Backoff
from protocol.codec import Encoding
from protocol.console import Delta, Since

log = structlog.get_logger(__name__)

CHUNK_ROWS: Final = 250
"""How many feed rows one query reads."""

YIELD_BYTES: Final = 32 * 1024
"""After this many bytes the follower lets the consoles send: less than a console sends before it yields."""

RESUME_ROWS: Final = 1_000
"""A console that missed more rows than this gets a snapshot."""

RESUME_S: Final = 5.0
"""How long a resuming console waits for the board and the missed rows before it gets a snapshot."""

RETRY_S: Final = (0.1, 2.0)
"""The shortest and the longest pause after a failed query."""


class Follower:
    """One exam's board and its subscribers; `board` is None until it is loaded, and while it is loaded again."""

    def __init__(
        self, exam_id: UUID, pool: ReadPool, *, resume_rows: int = RESUME_ROWS, resume_s: float = RESUME_S
    ) -> None:
        self.exam_id = exam_id
        self.board: Board | None = None
        self.subscribers: set[Subscriber] = set()
        self._new: set[Subscriber] = set()
        self._pool = pool
        self._resume_rows = resume_rows
        self._resume_s = resume_s
        self._reason = ""
        self._loaded = asyncio.Event()
        self._loop = Periodic(f"feed-{exam_id}", None, self._follow, at_once=True, retry=Backoff(*RETRY_S))

    def add(self, subscriber: Subscriber) -> None:
        """Show the board to a console, now or as soon as it is loaded."""
        self.subscribers.add(subscriber)
        if self.board is None:
            self._new.add(subscriber)
        else:
            subscriber.open_board(self.board, None)

    def reopen(self, subscriber: Subscriber, reason: str) -> None:
        """Show the board again to a console that missed deltas."""
        if self.board is not None and subscriber in self.subscribers:
            subscriber.open_board(self.board, reason)

    def remove(self, subscriber: Subscriber) -> None:
        """Stop sending to a console."""
        self.subscribers.discard(subscriber)
        self._new.discard(subscriber)

    def wake(self) -> None:
        """Query the feed now."""
        self._loop.wake()

    def stop(self) -> None:
        """End `run` after the query under way."""
        self._loop.stop()

    def compare(self, epoch: str, head: int, offset_before: int) -> None:
        """Compare the board with the epoch and the head in PostgreSQL.

        `offset_before` is the board's offset from before the query: the board may have advanced since.
        """
        if self.board is None:
            return
        if epoch != self.board.epoch:
            self._reload("epoch")
        elif head < offset_before:
            self._reload("rewound")
        elif head > self.board.offset:
            self.wake()

    async def read_missed(self, since: Since) -> list[Delta] | None:
        """Read the rows after `since`, up to the board's offset or beyond; None if the console needs a snapshot."""
        try:
            async with asyncio.timeout(self._resume_s):
                await self._loaded.wait()
                return await self._read_missed(since)
        except AWAY:
            return None

    def resume(self, subscriber: Subscriber, since: Since, missed: Sequence[Delta] | None) -> None:
        """Show the board to a console that has it up to `since`: by the missed rows if they reach the board."""
        board = self.board
        if missed is None or board is None or board.epoch != since.epoch or since.offset + len(missed) < board.offset:
            self.add(subscriber)
        else:
            self.subscribers.add(subscriber)
            subscriber.resume_board(board, missed)

    async def run(self) -> None:
        """Follow until stopped."""
        await self._loop.run()

    async def _follow(self) -> None:
        try:
            if self.board is None:
                await self._load()
            await self._catch_up()
        except AWAY:
            raise
        except Exception:
            self._reload("internal")
            raise

    async def _load(self) -> None:
        async with self._pool.snapshot() as conn:
            board = Board.from_parts([await read_board(conn, self.exam_id)])
        self.board = board
        self._loaded.set()
        for subscriber in self.subscribers:
            subscriber.open_board(board, None if subscriber in self._new else self._reason)
        self._new.clear()

    def _reload(self, reason: str) -> None:
        log.warning("board is loaded again", exam_id=str(self.exam_id), reason=reason)
        self.board = None
        self._reason = reason
        self._loaded.clear()
        self.wake()

    async def _catch_up(self) -> None:
        board = self.board
        while board is not None and board is self.board:
            async with self._pool.connect() as conn:
                rows = await feed.read_after(conn, self.exam_id, board.offset, CHUNK_ROWS)
            await self._apply(board, rows)
            if len(rows) < CHUNK_ROWS:
                return

    async def _apply(self, board: Board, rows: Sequence[Delta]) -> None:
        """Apply rows and pass them on while `board` is the current one; load the board again if a row is missing."""
        passed_bytes = 0
        for delta in rows:
            if board is not self.board:
                return
            if not board.apply(delta):
                self._reload("hole")
                return
            self._pass_on(delta)
            passed_bytes += len(memoryview(delta.body))
            if passed_bytes > YIELD_BYTES:
                passed_bytes = 0
                await asyncio.sleep(0)

    def _pass_on(self, delta: Delta) -> None:
        frames: dict[Encoding, Frame] = {}
        for subscriber in self.subscribers:
            encoding = subscriber.encoding
            frame = frames.get(encoding)
            if frame is None:
                frame = frames[encoding] = encode_delta(delta, encoding)
            subscriber.send_delta(self.exam_id, delta.offset, frame)

    async def _read_missed(self, since: Since) -> list[Delta] | None:
        board = self.board
        # An offset above ours belongs to another state of the database; one far below ours costs more than a snapshot.
        if board is None or board.epoch != since.epoch or not 0 <= board.offset - since.offset <= self._resume_rows:
            return None
        if since.offset == board.offset:
            return []
        async with self._pool.connect() as conn:
            rows = await feed.read_after(conn, self.exam_id, since.offset, 2 * self._resume_rows)
        expected = range(since.offset + 1, since.offset + 1 + len(rows))
        return rows if [row.offset for row in rows] == list(expected) else None
