"""Stage 5 of 9: store many streams in one transaction, COMMIT, then report and notify (docs/path-of-an-event.md).

A flush starts when the one before has returned, so a single event commits at once and load makes batches larger; while
many clients send small frames, it gathers them for some milliseconds. A result is reported only after COMMIT. A batch
that could not be stored in time is given up and never acknowledged. The meaning of a frame is not decided here.
"""

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from operator import attrgetter
from types import TracebackType
from typing import Final, Protocol
from uuid import UUID

import asyncpg
import msgspec
import structlog

from db.periodic import is_set_within
from db.queries.events.database_epoch import read_epoch
from db.queries.events.insert import InsertOutcome, copy_events, insert_missing_events, is_poison, read_heads
from db.segments import Segment, make_segment
from hub import metrics
from hub.ingest.batcher import Batcher, BatchResult, Flushed, GivenUp, Offer, PendingBatch, Stored, pause_s
from hub.ingest.database_epoch import DatabaseEpoch, EpochChanged
from protocol.backoff import Backoff
from protocol.events import Entry

log = structlog.get_logger(__name__)

ROWS_PER_FLUSH: Final = 5_000
GIVE_UP_S: Final = 20.0
"""How long one flush is tried. Then its sessions close with 4503, and the clients send the same events again."""

CLOSING_GIVE_UP_S: Final = 5.0
"""The same while the process ends: its clients have the events and connect to another hub."""

FOLLOWED_STREAMS: Final = 100_000
"""How many streams a writer remembers to have stored into since it connected; then it reads their heads again."""

_TYPE_OF: Final = attrgetter("type")
_LOCKED: Final = ("40001", "40P01", "55P03", "57014")
"""Serialization failure, deadlock, lock timeout, statement timeout: the connection can still be used."""

_TRANSIENT: Final = (
    *(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError),
    asyncpg.InternalClientError,  # asyncpg sometimes raises it when the server ends a connection
)
_UNENCODABLE: Final = (struct.error, OverflowError, ValueError)
_REPEATABLE: Final = (*_TRANSIENT, *_UNENCODABLE)

Connect = Callable[[], Awaitable[asyncpg.Connection]]
OnStored = Callable[[frozenset[UUID]], None]


class FlushLimits(msgspec.Struct, frozen=True):
    """How much one flush stores, and how long it is tried."""

    rows: int = ROWS_PER_FLUSH
    give_up_s: float = GIVE_UP_S
    closing_give_up_s: float = CLOSING_GIVE_UP_S


LIMITS: Final = FlushLimits()


class OnKnown(Protocol):
    """Takes entries whose numbers were stored before: `hub.ingest.duplicates.Duplicates.put`."""

    def __call__(self, attempt_id: UUID, stream_id: UUID, entries: Sequence[Entry], /) -> None:
        """Take the entries of one stream."""


class Writer:
    """One pinned connection, and the batches that wait for it."""

    def __init__(
        self,
        connect: Connect,
        on_stored: OnStored,
        on_known: OnKnown,
        epoch: DatabaseEpoch,
        *,
        max_bytes: int,
        limits: FlushLimits,
        notable: frozenset[str] | None,
    ) -> None:
        self._connect = connect
        self._on_stored = on_stored
        self._notable = notable
        self._on_known = on_known
        self._epoch = epoch
        self._limits = limits
        self._batcher = Batcher(max_bytes=max_bytes, max_rows=limits.rows)
        self._wake = asyncio.Event()
        self._conn: asyncpg.Connection | None = None
        self._followed: set[UUID] = set()
        """Streams whose head is known to be the last batch that was stored on this connection."""
        self._closing = False
        self._flushed = Flushed()
        self._hurry = asyncio.Event()
        """Ends the wait for more batches."""
        self._deadline: asyncio.Timeout | None = None

    @property
    def waiting_bytes(self) -> int:
        """Bytes of frames that wait for their transaction."""
        return self._batcher.waiting_bytes

    def offer(self, pending: PendingBatch) -> Offer:
        """Queue a batch, or return FULL and keep nothing."""
        offer = self._batcher.offer(pending)
        self._wake.set()
        if 2 * self._batcher.waiting_rows >= self._limits.rows:
            self._hurry.set()
        return offer

    def reset(self) -> None:
        """Give up the waiting batches and drop the connection: the database epoch has changed."""
        self._drop_connection()
        self._give_up_waiting("rewound")

    def finish(self) -> None:
        """Let `run` return once everything waiting is stored, or PostgreSQL was away for too long."""
        self._closing = True
        self._hurry.set()
        if self._deadline is not None and not self._deadline.expired():
            latest = asyncio.get_running_loop().time() + self._limits.closing_give_up_s
            self._deadline.reschedule(min(latest, self._deadline.when() or latest))
        self._wake.set()

    async def run(self) -> None:
        """Store what waits, flush after flush, until `finish`."""
        try:
            while True:
                await self._wake.wait()
                await self._gather()
                taken = self._batcher.take()
                if taken:
                    rows = sum(len(pending.batch.entries) for pending in taken)
                    self._flushed = Flushed(self._now_s(), len(taken), rows)
                    await self._flush(taken)
                elif self._closing:
                    return
                else:
                    self._wake.clear()
        finally:
            self._drop_connection()

    async def _gather(self) -> None:
        """Wait for more small frames, until the process ends or enough rows wait."""
        rest_s = pause_s(self._flushed, self._now_s(), self._batcher.waiting_rows, max_rows=self._limits.rows)
        if rest_s and self._batcher and not self._closing:
            self._hurry.clear()
            await is_set_within(self._hurry, rest_s)

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()

    async def _flush(self, taken: Sequence[PendingBatch]) -> None:
        segments = [make_segment(pending.stream_id, pending.batch) for pending in taken]
        segments.sort(key=lambda segment: (segment.stream_id.int, segment.first_seq))
        changes = self._epoch.changes
        started = time.perf_counter()
        try:
            async with self._limit_time():
                outcome = await self._store(segments, changes)
                # The rows of this flush may be in the epoch that is gone.
                self._epoch.check(changes)
        except EpochChanged:
            self._drop_connection()
            _give_up(taken, "rewound")
        except Exception as error:
            # Out of time, or unexpected. Nothing is acknowledged, and the next flush is tried.
            # An error of PostgreSQL may quote a row, and payloads must not reach the logs.
            quiet = isinstance(error, _REPEATABLE)
            log.exception("flush given up", error=type(error).__name__, streams=len(taken), exc_info=not quiet)
            metrics.FLUSHES_GIVEN_UP.inc()
            self._drop_connection()
            _give_up(taken, "out_of_time")
            if self._closing:
                # The process ends and does not wait as long again.
                self._give_up_waiting("out_of_time")
        else:
            metrics.COMMIT_SECONDS.observe(time.perf_counter() - started)
            self._report(taken, outcome)

    @contextlib.asynccontextmanager
    async def _limit_time(self) -> AsyncIterator[None]:
        limit_s = self._limits.closing_give_up_s if self._closing else self._limits.give_up_s
        async with asyncio.timeout(limit_s) as self._deadline:
            try:
                yield
            finally:
                self._deadline = None

    def _give_up_waiting(self, reason: str) -> None:
        while waiting := self._batcher.take():
            _give_up(waiting, reason)

    def _report(self, taken: Sequence[PendingBatch], outcome: InsertOutcome) -> None:
        for stream_id, reason in outcome.returned.items():
            _give_up([pending for pending in taken if pending.stream_id == stream_id], reason)
        stored = [pending for pending in taken if pending.stream_id not in outcome.returned]
        rows = sum(len(pending.batch.entries) for pending in stored)
        metrics.EVENTS_STORED.inc(rows)
        metrics.FLUSH_ROWS.observe(rows)
        _report_results(stored, lambda pending: Stored(outcome.refused.get(pending.stream_id, ())))
        try:
            notable = frozenset(pending.attempt_id for pending in stored if self._is_notable(pending))
            if notable:
                self._on_stored(notable)
            if outcome.known:
                attempts = {pending.stream_id: pending.attempt_id for pending in taken}
                for known in outcome.known:
                    self._on_known(attempts[known.stream_id], known.stream_id, known.entries)
        except Exception:
            # A fault of a listener must not stop the next flush.
            log.exception("flush not reported", streams=len(stored))

    def _is_notable(self, pending: PendingBatch) -> bool:
        """Return whether a listener should know of this batch at once."""
        return self._notable is None or not self._notable.isdisjoint(map(_TYPE_OF, pending.batch.entries))

    async def _store(self, segments: Sequence[Segment], changes: int) -> InsertOutcome:
        """Store the segments: COPY first, after a failure the repeatable insert. Raises EpochChanged."""
        is_repeat = False
        backoff = Backoff(0.05, 1.0)
        while True:
            try:
                conn = await self._connection()
                self._epoch.check(changes)
                outcome = await self._store_once(conn, segments, is_repeat=is_repeat)
            except _REPEATABLE as error:
                if not is_repeat:
                    metrics.COPY_FALLBACKS.labels(reason=type(error).__name__).inc()
                if not _leaves_connection(error):
                    self._drop_connection()
                # It may be unknown whether COMMIT was reached: only the repeatable insert is safe now.
                if is_repeat or not isinstance(error, (asyncpg.PostgresError, *_UNENCODABLE)):
                    log.warning("flush repeated", error=type(error).__name__, streams=len(segments))
                    await asyncio.sleep(backoff.next_s())
                is_repeat = True
            else:
                self._remember(segments, outcome)
                return outcome

    async def _store_once(
        self, conn: asyncpg.Connection, segments: Sequence[Segment], *, is_repeat: bool
    ) -> InsertOutcome:
        if not is_repeat and await self._follow_heads(conn, segments):
            await copy_events(conn, segments)
            return InsertOutcome()
        return await insert_missing_events(conn, segments)

    async def _follow_heads(self, conn: asyncpg.Connection, segments: Sequence[Segment]) -> bool:
        """Return whether each segment follows its stream's head; reads each head once per connection.

        The session's own number is not enough after a reconnect: a server that is gone may have confirmed it.
        """
        new = [segment for segment in segments if segment.stream_id not in self._followed]
        if not new:
            return True
        heads = await read_heads(conn, [segment.stream_id for segment in new])
        return all(segment.first_seq == heads[segment.stream_id] + 1 for segment in new)

    def _remember(self, segments: Sequence[Segment], outcome: InsertOutcome) -> None:
        if len(self._followed) > FOLLOWED_STREAMS:
            self._followed.clear()
        self._followed.update(segment.stream_id for segment in segments)
        self._followed.difference_update(outcome.returned)

    async def _connection(self) -> asyncpg.Connection:
        if self._conn is None or self._conn.is_closed():
            self._drop_connection()
            conn = await self._connect()
            try:
                self._epoch.observe(await read_epoch(conn))
            except BaseException:
                conn.terminate()
                raise
            self._conn = conn
        return self._conn

    def _drop_connection(self) -> None:
        self._followed.clear()
        if self._conn is not None:
            self._conn.terminate()
            self._conn = None


class Ingest:
    """All writers of one process. A stream always goes to the same writer, so its batches keep their order.

    `on_stored` gets the attempts of each flush that have an event of a `notable` type; without `notable`, all of them.
    """

    def __init__(
        self,
        connect: Connect,
        on_stored: OnStored,
        *,
        writers: int,
        max_bytes: int,
        on_known: OnKnown,
        on_epoch_change: Callable[[], None],
        limits: FlushLimits = LIMITS,
        notable: frozenset[str] | None = None,
    ) -> None:
        self._on_epoch_change = on_epoch_change
        epoch = DatabaseEpoch(self._reset)
        self._writers = [
            Writer(connect, on_stored, on_known, epoch, max_bytes=max_bytes // writers, limits=limits, notable=notable)
            for _ in range(writers)
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

    def offer(self, pending: PendingBatch) -> Offer:
        """Hand a batch to its stream's writer."""
        return self._writers[pending.stream_id.int % len(self._writers)].offer(pending)

    def _reset(self) -> None:
        # Sessions first: they must close because of the new epoch, not because of a batch that was given up.
        self._on_epoch_change()
        for writer in self._writers:
            writer.reset()


def _leaves_connection(error: BaseException) -> bool:
    """Return whether the connection can be used again after this error."""
    if isinstance(error, asyncpg.PostgresError):
        return is_poison(error) or error.sqlstate in _LOCKED
    return not isinstance(error, _TRANSIENT)


def _give_up(batches: Sequence[PendingBatch], reason: str) -> None:
    log.warning("batches given up", reason=reason, batches=len(batches))
    metrics.BATCHES_RETURNED.labels(reason=reason).inc(len(batches))
    _report_results(batches, lambda _: GivenUp())


def _report_results(batches: Sequence[PendingBatch], result_of: Callable[[PendingBatch], BatchResult]) -> None:
    for pending in batches:
        try:
            pending.on_result(result_of(pending))
        except Exception:
            # A fault of one session must not keep the others from their acknowledgement.
            log.exception("session failed on a batch result", attempt_id=str(pending.attempt_id))
