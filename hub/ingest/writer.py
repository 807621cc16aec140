"""Stage 5 of 9: one transaction for many streams, COMMIT, then acknowledgement and hint (docs/path-of-an-event.md).

Natural batching: a flush starts when the one before has returned, so a lone event commits at once and load makes
batches grow. An outcome is told only after COMMIT; what could not be stored in time is told as given up and never
acknowledged. What a frame means is decided elsewhere.
"""

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import Protocol
from uuid import UUID

import asyncpg
import structlog

from db.queries.events import insert as events
from db.queries.events.database_epoch import read_epoch
from db.queries.events.insert import InsertOutcome
from db.segments import Segment, make_segment
from hub import metrics
from hub.ingest.batcher import Batcher, BatchResult, GivenUp, Offer, PendingBatch, Stored
from hub.ingest.database_epoch import DatabaseEpoch, EpochChanged
from protocol.events import Entry

log = structlog.get_logger(__name__)

ROWS_PER_FLUSH = 5_000
GIVE_UP_S = 20.0
"""How long one flush is tried; then its sessions close with 4503 and the clients come again with the same events."""

CLOSING_GIVE_UP_S = 5.0
"""How long it is tried once the process ends: its clients have the same events, and go on elsewhere."""

PROVEN_STREAMS = 100_000
"""How many streams a writer remembers to have stored into since it connected; beyond it asks again."""

_RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)
_LOCKED = ("40001", "40P01", "55P03", "57014")
"""Serialization, deadlock, lock and statement timeouts: the connection is as good as before."""

_TRANSIENT = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
_UNENCODABLE = (struct.error, OverflowError, ValueError)
_REPEATABLE = (*_TRANSIENT, *_UNENCODABLE)

Connect = Callable[[], Awaitable[asyncpg.Connection]]
OnStored = Callable[[frozenset[UUID]], None]


class Known(Protocol):
    """What is done with places that were stored before: `hub.ingest.duplicates.Duplicates.put`."""

    def __call__(self, attempt_id: UUID, stream_id: UUID, entries: Sequence[Entry], /) -> None:
        """Take the entries of one stream."""


class Writer:
    """One pinned connection and the batches that wait for it."""

    def __init__(
        self, connect: Connect, on_stored: OnStored, known: Known, timeline: DatabaseEpoch, *, max_bytes: int
    ) -> None:
        self._connect = connect
        self._on_stored = on_stored
        self._known = known
        self._timeline = timeline
        self._batcher = Batcher(max_bytes=max_bytes, max_rows=ROWS_PER_FLUSH)
        self._wake = asyncio.Event()
        self._conn: asyncpg.Connection | None = None
        self._proven: set[UUID] = set()
        self._closing = False
        self._patience: asyncio.Timeout | None = None

    @property
    def waiting_bytes(self) -> int:
        """Bytes of frames that wait for their transaction."""
        return self._batcher.waiting_bytes

    def offer(self, work: PendingBatch) -> Offer:
        """Queue a batch, or say FULL and keep nothing."""
        offer = self._batcher.offer(work)
        self._wake.set()
        return offer

    def rewind(self) -> None:
        """Send back what waits, and store nothing more on the connection to the old history."""
        self._drop_connection()
        self._send_back("rewound")

    def finish(self) -> None:
        """Let `run` return once everything waiting is stored, or PostgreSQL was away for too long."""
        self._closing = True
        if self._patience is not None and not self._patience.expired():
            at_last = asyncio.get_running_loop().time() + CLOSING_GIVE_UP_S
            self._patience.reschedule(min(at_last, self._patience.when() or at_last))
        self._wake.set()

    async def run(self) -> None:
        """Store what waits, flush after flush, until `finish`."""
        try:
            while True:
                await self._wake.wait()
                taken = self._batcher.take()
                if taken:
                    await self._flush(taken)
                elif self._closing:
                    return
                else:
                    self._wake.clear()
        finally:
            self._drop_connection()

    async def _flush(self, taken: Sequence[PendingBatch]) -> None:
        segments = [make_segment(work.stream_id, work.batch) for work in taken]
        segments.sort(key=lambda segment: (segment.stream_id.int, segment.first_seq))
        rewinds = self._timeline.rewinds
        started = time.perf_counter()
        try:
            async with self._take_patience():
                outcome = await self._store(segments, rewinds)
                # What was stored just now may be stored in the history that is gone.
                self._timeline.hold(rewinds)
        except EpochChanged:
            self._drop_connection()
            _give_up(taken, "rewound")
        except Exception as error:
            # Out of time, or something nobody foresaw: either way nothing is acknowledged, and the next flush goes on.
            # What PostgreSQL says may quote a row, and payloads must not reach the logs.
            quiet = isinstance(error, _REPEATABLE)
            log.exception("flush given up", error=type(error).__name__, streams=len(taken), exc_info=not quiet)
            metrics.FLUSHES_GIVEN_UP.inc()
            self._drop_connection()
            _give_up(taken, "out_of_time")
            if self._closing:
                # The process is on its way out and will not wait as long again.
                self._send_back("out_of_time")
        else:
            metrics.COMMIT_SECONDS.observe(time.perf_counter() - started)
            self._report(taken, outcome)

    @contextlib.asynccontextmanager
    async def _take_patience(self) -> AsyncIterator[None]:
        async with asyncio.timeout(CLOSING_GIVE_UP_S if self._closing else GIVE_UP_S) as self._patience:
            try:
                yield
            finally:
                self._patience = None

    def _send_back(self, reason: str) -> None:
        """Give up everything that waits."""
        while waiting := self._batcher.take():
            _give_up(waiting, reason)

    def _report(self, taken: Sequence[PendingBatch], outcome: InsertOutcome) -> None:
        for stream_id, reason in outcome.returned.items():
            _give_up([work for work in taken if work.stream_id == stream_id], reason)
        stored = [work for work in taken if work.stream_id not in outcome.returned]
        rows = sum(len(work.batch.entries) for work in stored)
        metrics.EVENTS_STORED.inc(rows)
        metrics.FLUSH_ROWS.observe(rows)
        _tell(stored, lambda work: Stored(outcome.refused.get(work.stream_id, ())))
        try:
            self._on_stored(frozenset(work.attempt_id for work in stored))
            if outcome.known:
                attempts = {work.stream_id: work.attempt_id for work in taken}
                for known in outcome.known:
                    self._known(attempts[known.stream_id], known.stream_id, known.entries)
        except Exception:
            # What others make of it must not keep the next flush from its storage.
            log.exception("flush not passed on", streams=len(stored))

    async def _store(self, segments: Sequence[Segment], rewinds: int) -> InsertOutcome:
        """Store the stretches, whatever it takes: COPY first, then the way that may be repeated. Raises Rewound."""
        is_repeat = False
        tries = 0
        while True:
            try:
                conn = await self._connection()
                self._timeline.hold(rewinds)
                outcome = await self._store_once(conn, segments, is_repeat=is_repeat)
            except _REPEATABLE as error:
                if not is_repeat:
                    metrics.COPY_FALLBACKS.labels(reason=type(error).__name__).inc()
                if not _leaves_connection(error):
                    self._drop_connection()
                # Whether COMMIT was reached may be unknown: from here on only the repeatable way is safe.
                if is_repeat or not isinstance(error, (asyncpg.PostgresError, *_UNENCODABLE)):
                    log.warning("flush repeated", error=type(error).__name__, streams=len(segments))
                    await asyncio.sleep(_RETRY_S[min(tries, len(_RETRY_S) - 1)])
                    tries += 1
                is_repeat = True
            else:
                self._prove(segments, outcome)
                return outcome

    async def _store_once(
        self, conn: asyncpg.Connection, segments: Sequence[Segment], *, is_repeat: bool
    ) -> InsertOutcome:
        if not is_repeat and await self._follow(conn, segments):
            await events.copy_events(conn, segments)
            return InsertOutcome()
        return await events.insert_missing_events(conn, segments)

    async def _follow(self, conn: asyncpg.Connection, segments: Sequence[Segment]) -> bool:
        """Whether each stretch follows its stream's head; PostgreSQL is asked once per stream and connection.

        A session's own count is not enough after a reconnect: it may have been told by a server that is gone.
        """
        new = [segment for segment in segments if segment.stream_id not in self._proven]
        if not new:
            return True
        heads = await events.read_heads(conn, [segment.stream_id for segment in new])
        return all(segment.first_seq == heads[segment.stream_id] + 1 for segment in new)

    def _prove(self, segments: Sequence[Segment], outcome: InsertOutcome) -> None:
        if len(self._proven) > PROVEN_STREAMS:
            self._proven.clear()
        self._proven.update(segment.stream_id for segment in segments)
        self._proven.difference_update(outcome.returned)

    async def _connection(self) -> asyncpg.Connection:
        if self._conn is None or self._conn.is_closed():
            self._drop_connection()
            conn = await self._connect()
            try:
                self._timeline.see(await read_epoch(conn))
            except BaseException:
                conn.terminate()
                raise
            self._conn = conn
        return self._conn

    def _drop_connection(self) -> None:
        self._proven.clear()
        if self._conn is not None:
            self._conn.terminate()
            self._conn = None


class Ingest:
    """All writers of one process; a stream always goes to the same one, so its batches keep their order."""

    def __init__(
        self,
        connect: Connect,
        on_stored: OnStored,
        *,
        writers: int,
        max_bytes: int,
        known: Known,
        on_rewind: Callable[[], None],
    ) -> None:
        self._on_rewind = on_rewind
        timeline = DatabaseEpoch(self._rewind)
        self._writers = [
            Writer(connect, on_stored, known, timeline, max_bytes=max_bytes // writers) for _ in range(writers)
        ]
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Ingest":
        self._tasks = [asyncio.create_task(writer.run(), name="writer") for writer in self._writers]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._writers:
            writer.finish()
        await asyncio.gather(*self._tasks)

    @property
    def waiting_bytes(self) -> int:
        """Bytes of frames that wait for their transaction, over all writers."""
        return sum(writer.waiting_bytes for writer in self._writers)

    def offer(self, work: PendingBatch) -> Offer:
        """Hand a batch to its stream's writer."""
        return self._writers[work.stream_id.int % len(self._writers)].offer(work)

    def _rewind(self) -> None:
        # The sessions first: they close for the reason, not for batches they get back.
        self._on_rewind()
        for writer in self._writers:
            writer.rewind()


def _leaves_connection(error: BaseException) -> bool:
    """Whether the connection can be used again after this."""
    if isinstance(error, asyncpg.PostgresError):
        return events.is_poison(error) or error.sqlstate in _LOCKED
    return not isinstance(error, _TRANSIENT)


def _give_up(works: Sequence[PendingBatch], reason: str) -> None:
    log.warning("batches sent back", reason=reason, batches=len(works))
    metrics.BATCHES_RETURNED.labels(reason=reason).inc(len(works))
    _tell(works, lambda _: GivenUp())


def _tell(taken: Sequence[PendingBatch], fate: Callable[[PendingBatch], BatchResult]) -> None:
    for work in taken:
        try:
            work.tell(fate(work))
        except Exception:
            # One session's fault must not keep the others from their acknowledgement.
            log.exception("session failed on its outcome", attempt_id=str(work.attempt_id))
