"""Stage 4 of 9: gather batches of many streams for one writer (docs/path-of-an-event.md).

Pure: no event loop, no clock. When it is full it returns a value; it never drops a batch.
"""

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Final
from uuid import UUID

import msgspec

from protocol.events import Batch
from protocol.monitor import Rejected

GATHER_S: Final = 0.02
"""While many clients send, one writer begins a flush this often. A flush costs about 2 ms, however few rows it has."""

CROWD: Final = 4
"""So many batches in one flush mean that many clients send. A client has one batch in flight."""

SMALL_ROWS: Final = 5
"""On average, so many rows a batch are small frames: larger ones pay for their flush, and would only wait."""


class Flushed(msgspec.Struct, frozen=True):
    """The last flush of a writer: when it began, and its batches and rows."""

    began_s: float = 0.0
    batches: int = 0
    rows: int = 0


def pause_s(last: Flushed, now_s: float, waiting_rows: int, *, max_rows: int) -> float:
    """Return how long the next flush should wait for more batches: 0 unless many clients send small frames."""
    is_crowd = last.batches >= CROWD and last.rows <= SMALL_ROWS * last.batches
    if not is_crowd or 2 * waiting_rows >= max_rows:
        return 0.0
    return max(0.0, GATHER_S - (now_s - last.began_s))


class Stored(msgspec.Struct, frozen=True):
    """A batch is in PostgreSQL; the events in `refused` are stored as tombstones."""

    refused: tuple[Rejected, ...] = ()


class GivenUp(msgspec.Struct, frozen=True):
    """A batch could not be stored in time. The client still has it and sends it again."""


BatchResult = Stored | GivenUp


class PendingBatch(msgspec.Struct, frozen=True, gc=False):
    """One batch that waits to be stored; `on_result` is called with its result."""

    attempt_id: UUID
    stream_id: UUID
    batch: Batch
    on_result: Callable[[BatchResult], None]


class Offer(Enum):
    """Whether an offered batch was taken."""

    TAKEN = "taken"
    FULL = "full"


class Batcher:
    """Gathers batches until a writer takes them: at most `max_bytes` wait, at most `max_rows` are taken at once."""

    def __init__(self, *, max_bytes: int, max_rows: int) -> None:
        self._waiting: deque[PendingBatch] = deque()
        self._max_bytes = max_bytes
        self._max_rows = max_rows
        self.waiting_bytes = 0
        self.waiting_rows = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, pending: PendingBatch) -> Offer:
        """Take a batch, or return FULL and keep nothing: the session holds the batch and offers it again.

        A batch larger than `max_bytes` is taken when no other one waits.
        """
        if self._waiting and self.waiting_bytes + pending.batch.size > self._max_bytes:
            return Offer.FULL
        self._waiting.append(pending)
        self.waiting_bytes += pending.batch.size
        self.waiting_rows += len(pending.batch.entries)
        return Offer.TAKEN

    def take(self) -> list[PendingBatch]:
        """Remove and return the oldest batches: at most `max_rows` rows, but at least one batch."""
        taken: list[PendingBatch] = []
        rows = 0
        while self._waiting:
            size = len(self._waiting[0].batch.entries)
            if taken and rows + size > self._max_rows:
                break
            rows += size
            taken.append(self._waiting.popleft())
            self.waiting_bytes -= taken[-1].batch.size
            self.waiting_rows -= size
        return taken
