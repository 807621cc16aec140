"""Stage 5 of 9: one transaction for many streams, COMMIT, then acknowledgement and hint (docs/path-of-an-event.md).

Natural batching: a flush starts when the one before has returned, so a lone event commits at once and load makes
batches grow. An outcome is told only after COMMIT; what could not be stored in time is told as given up and never
acknowledged. What a frame means is decided elsewhere.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from uuid import UUID

import asyncpg
import structlog

from db.queries import events
from db.queries.events import Place
from hub import metrics
from hub.ingest.batcher import Batcher, Fate, GivenUp, Offer, Stored, Work
from protocol.monitor import Rejected

log = structlog.get_logger(__name__)

ROWS_PER_FLUSH = 5_000
GIVE_UP_S = 20.0
"""How long one flush is tried; then its sessions close with 4503 and the clients come again with the same events."""

_RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)
_TRANSIENT = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)

Connect = Callable[[], Awaitable[asyncpg.Connection]]
Hint = Callable[[frozenset[UUID]], None]


class Writer:
    """One pinned connection and the batches that wait for it."""

    def __init__(self, connect: Connect, hint: Hint, *, max_bytes: int) -> None:
        self._connect = connect
        self._hint = hint
        self._batcher = Batcher(max_bytes=max_bytes, max_rows=ROWS_PER_FLUSH)
        self._wake = asyncio.Event()
        self._conn: asyncpg.Connection | None = None
        self._closing = False

    @property
    def waiting_bytes(self) -> int:
        """Bytes of frames that wait for their transaction."""
        return self._batcher.waiting_bytes

    def offer(self, work: Work) -> Offer:
        """Queue a batch, or say FULL and keep nothing."""
        offer = self._batcher.offer(work)
        self._wake.set()
        return offer

    def finish(self) -> None:
        """Let `run` return once everything waiting is stored."""
        self._closing = True
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

    async def _flush(self, taken: Sequence[Work]) -> None:
        places = [Place(work.stream_id, entry) for work in taken for entry in work.batch.entries]
        places.sort(key=lambda place: (place.stream_id.int, place.entry.seq))
        started = time.perf_counter()
        try:
            async with asyncio.timeout(GIVE_UP_S):
                poisoned = await self._store(places)
        except Exception:
            # Out of time, or something nobody foresaw: either way nothing is acknowledged, and the next flush goes on.
            log.exception("flush given up", rows=len(places), streams=len(taken))
            metrics.FLUSHES_GIVEN_UP.inc()
            self._drop_connection()
            _tell(taken, lambda _: GivenUp())
            return
        metrics.COMMIT_SECONDS.observe(time.perf_counter() - started)
        metrics.EVENTS_STORED.inc(len(places))
        metrics.FLUSH_ROWS.observe(len(places))
        refused = _by_stream(poisoned)
        _tell(taken, lambda work: Stored(refused.get(work.stream_id, ())))
        self._hint(frozenset(work.attempt_id for work in taken))

    async def _store(self, places: Sequence[Place]) -> list[Place]:
        """Store the places, whatever it takes: COPY first, then the way that may be repeated. Returns refused ones."""
        repeat = False
        tries = 0
        while True:
            try:
                conn = await self._connection()
                if repeat:
                    return await events.insert_missing(conn, places)
                await events.copy(conn, places)
            except _TRANSIENT as error:
                if not repeat:
                    metrics.COPY_FALLBACKS.labels(reason=type(error).__name__).inc()
                # Whether COMMIT was reached is unknown from here on: only the repeatable way is safe.
                if repeat or not isinstance(error, asyncpg.PostgresError):
                    log.warning("flush repeated", error=type(error).__name__, rows=len(places))
                    self._drop_connection()
                    await asyncio.sleep(_RETRY_S[min(tries, len(_RETRY_S) - 1)])
                    tries += 1
                repeat = True
            else:
                return []

    async def _connection(self) -> asyncpg.Connection:
        if self._conn is None or self._conn.is_closed():
            self._conn = await self._connect()
        return self._conn

    def _drop_connection(self) -> None:
        if self._conn is not None:
            self._conn.terminate()
            self._conn = None


class Ingest:
    """All writers of one process; a stream always goes to the same one, so its batches keep their order."""

    def __init__(self, connect: Connect, hint: Hint, *, writers: int, max_bytes: int) -> None:
        self._writers = [Writer(connect, hint, max_bytes=max_bytes // writers) for _ in range(writers)]
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

    def offer(self, work: Work) -> Offer:
        """Hand a batch to its stream's writer."""
        return self._writers[work.stream_id.int % len(self._writers)].offer(work)


def _tell(taken: Sequence[Work], fate: Callable[[Work], Fate]) -> None:
    for work in taken:
        try:
            work.tell(fate(work))
        except Exception:
            # One session's fault must not keep the others from their acknowledgement.
            log.exception("session failed on its outcome", attempt_id=str(work.attempt_id))


def _by_stream(poisoned: Sequence[Place]) -> dict[UUID, tuple[Rejected, ...]]:
    found: dict[UUID, tuple[Rejected, ...]] = {}
    for place in poisoned:
        assert place.entry.reject is not None
        found[place.stream_id] = (*found.get(place.stream_id, ()), Rejected(place.entry.seq, place.entry.reject))
    return found
