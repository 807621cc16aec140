"""Bookkeeping of one stream's numbers in one session: committed, accepted, in flight, waiting (docs/wire/README.md).

Pure: sends, stores and times nothing; `session.py` decides what follows.

    1 ‥ committed │ committed + 1 ‥ accepted    │ accepted + 1     │ beyond
    stored        │ in flight, or waiting for it│ the next to take │ a gap
"""

from collections.abc import Sequence

from protocol import limits
from protocol.events import Batch, Entry


class StreamSequence:
    """The numbers of a stream. At most one batch is in flight; it starts one after the last committed number."""

    def __init__(self) -> None:
        self.committed = 0
        self.accepted = 0
        self.in_flight: Batch | None = None
        self.waiting_bytes = 0
        """Bytes of frames that were accepted and are not stored yet, including the batch in flight."""
        self._waiting_events = 0
        self._waiting: list[Batch] = []

    @property
    def is_idle(self) -> bool:
        """Whether everything accepted is stored."""
        return self.in_flight is None and not self._waiting

    @property
    def exceeds_window(self) -> bool:
        """Whether the client ignores its window: it has more unacknowledged than any window it ever had allows."""
        factor = limits.OVERRUN_FACTOR
        return self._waiting_events > factor * limits.WINDOW_EVENTS or self.waiting_bytes > factor * limits.WINDOW_BYTES

    def start_after(self, committed: int) -> None:
        """Continue after the last stored number."""
        self.committed = self.accepted = committed

    def is_gap(self, batch: Batch) -> bool:
        """Return whether a number before this batch is missing."""
        return batch.first_seq > self.accepted + 1

    def already_stored(self, batch: Batch) -> tuple[Entry, ...]:
        """Return the entries of a batch whose numbers are stored."""
        if batch.first_seq > self.committed:
            return ()
        return tuple(entry for entry in batch.entries if entry.seq <= self.committed)

    def accept(self, batch: Batch) -> None:
        """Take the new entries of a batch without a gap. Its size counts in full, as it does for the client."""
        entries = batch.entries
        if batch.first_seq <= self.accepted:
            entries = tuple(entry for entry in entries if entry.seq > self.accepted)
            batch = Batch(self.accepted + 1, batch.last_seq, entries, batch.size)
        self.accepted = batch.last_seq
        self._waiting_events += len(entries)
        self.waiting_bytes += batch.size
        self._waiting.append(batch)

    def start_next(self) -> Batch | None:
        """Put everything that waits in flight as one batch; None when one is in flight or nothing waits."""
        if self.in_flight is not None or not self._waiting:
            return None
        self.in_flight = _merge(self._waiting)
        self._waiting = []
        return self.in_flight

    def commit(self) -> Batch | None:
        """Count the batch in flight as stored and return it; None when none is in flight."""
        batch = self.in_flight
        if batch is not None:
            self.committed = batch.last_seq
            self.release()
        return batch

    def release(self) -> None:
        """Forget the batch in flight: it is stored, or was given up."""
        if self.in_flight is not None:
            self._waiting_events -= len(self.in_flight.entries)
            self.waiting_bytes -= self.in_flight.size
            self.in_flight = None

    def drop_waiting(self) -> None:
        """Forget what is not in flight; the batch in flight may still be stored."""
        self._waiting = []
        self.accepted = self.committed if self.in_flight is None else self.in_flight.last_seq
        self._waiting_events = 0 if self.in_flight is None else len(self.in_flight.entries)
        self.waiting_bytes = 0 if self.in_flight is None else self.in_flight.size


def _merge(batches: Sequence[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    entries = tuple(entry for batch in batches for entry in batch.entries)
    return Batch(batches[0].first_seq, batches[-1].last_seq, entries, sum(batch.size for batch in batches))
