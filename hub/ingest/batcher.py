"""Stage 4 of 9: batches of many streams gather for one writer (docs/path-of-an-event.md).

Pure: no queue of the event loop, no clock. When it is full it says so with a value, and nothing is dropped.
"""

from collections import deque
from collections.abc import Callable
from enum import Enum
from uuid import UUID

import msgspec

from protocol.events import Batch
from protocol.monitor import Rejected


class Stored(msgspec.Struct, frozen=True):
    """A batch is in PostgreSQL; these of its numbers were refused there and stand as tombstones."""

    refused: tuple[Rejected, ...] = ()


class GivenUp(msgspec.Struct, frozen=True):
    """A batch could not be stored in time; the client still has it and is to come again."""


BatchResult = Stored | GivenUp


class PendingBatch(msgspec.Struct, frozen=True, gc=False):
    """One batch on its way to storage, and whom to tell what became of it."""

    attempt_id: UUID
    stream_id: UUID
    batch: Batch
    tell: Callable[[BatchResult], None]


class Offer(Enum):
    """What became of an offered batch."""

    TAKEN = "taken"
    FULL = "full"


class Batcher:
    """Gathers work until a writer takes it: at most `max_bytes` waiting, at most `max_rows` taken at once."""

    def __init__(self, *, max_bytes: int, max_rows: int) -> None:
        self._waiting: deque[PendingBatch] = deque()
        self._max_bytes = max_bytes
        self._max_rows = max_rows
        self.waiting_bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, work: PendingBatch) -> Offer:
        """Take a batch, or say FULL: then nothing is kept, and the session holds it and tries again.

        A batch that alone is larger than `max_bytes` is taken when nothing else waits.
        """
        if self._waiting and self.waiting_bytes + work.batch.size > self._max_bytes:
            return Offer.FULL
        self._waiting.append(work)
        self.waiting_bytes += work.batch.size
        return Offer.TAKEN

    def take(self) -> list[PendingBatch]:
        """The oldest waiting batches, at most `max_rows` rows of them but always at least one batch."""
        taken: list[PendingBatch] = []
        rows = 0
        while self._waiting:
            size = len(self._waiting[0].batch.entries)
            if taken and rows + size > self._max_rows:
                break
            rows += size
            taken.append(self._waiting.popleft())
            self.waiting_bytes -= taken[-1].batch.size
        return taken
