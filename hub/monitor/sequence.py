"""One stream's numbers as one session knows them: committed, accepted, in flight, waiting (WIRE §2).

The sequence law's bookkeeping, for `session.py`. Pure: nothing is sent, stored or timed here.

    1 ‥ committed │ committed + 1 ‥ accepted        │ accepted + 1        │ beyond
    stored        │ in flight, then waiting behind  │ the next to be taken│ a gap
"""

from collections.abc import Sequence

from protocol import limits
from protocol.events import Batch, Entry


class StreamSequence:
    """Where a stream stands; at most one batch is in flight, and it starts one past what this session saw committed."""

    def __init__(self) -> None:
        self.committed = 0
        self.accepted = 0
        self.in_flight: Batch | None = None
        self.waiting_bytes = 0
        """Bytes of frames taken and not yet stored, the batch in flight included."""
        self._waiting_events = 0
        self._waiting: list[Batch] = []

    @property
    def is_idle(self) -> bool:
        """Whether everything taken is stored."""
        return self.in_flight is None and not self._waiting

    @property
    def is_overrun(self) -> bool:
        """Whether the client ignores its window: what is unstored is more than any window it was ever given allows."""
        most = limits.OVERRUN_FACTOR
        return self._waiting_events > most * limits.WINDOW_EVENTS or self.waiting_bytes > most * limits.WINDOW_BYTES

    def begin(self, committed: int) -> None:
        """Go on after what is stored already."""
        self.committed = self.accepted = committed

    def is_gap(self, batch: Batch) -> bool:
        """Whether a number before this batch was skipped."""
        return batch.first_seq > self.accepted + 1

    def known(self, batch: Batch) -> tuple[Entry, ...]:
        """The entries of a batch whose numbers are stored already."""
        if batch.first_seq > self.committed:
            return ()
        return tuple(entry for entry in batch.entries if entry.seq <= self.committed)

    def accept(self, batch: Batch) -> None:
        """Take what is new of a batch without a gap; its size counts whole, as the client counts it."""
        entries = batch.entries
        if batch.first_seq <= self.accepted:
            entries = tuple(entry for entry in entries if entry.seq > self.accepted)
            batch = Batch(self.accepted + 1, batch.last_seq, entries, batch.size)
        self.accepted = batch.last_seq
        self._waiting_events += len(entries)
        self.waiting_bytes += batch.size
        self._waiting.append(batch)

    def launch(self) -> Batch | None:
        """Put everything that waits in flight as one batch, unless one is, or nothing waits."""
        if self.in_flight is not None or not self._waiting:
            return None
        self.in_flight = _merge(self._waiting)
        self._waiting = []
        return self.in_flight

    def land(self) -> Batch | None:
        """The batch in flight is stored: count it; None when none was in flight."""
        batch = self.in_flight
        if batch is not None:
            self.committed = batch.last_seq
            self.recall()
        return batch

    def recall(self) -> None:
        """The batch in flight is nobody's any more: stored and counted, or given up."""
        if self.in_flight is not None:
            self._waiting_events -= len(self.in_flight.entries)
            self.waiting_bytes -= self.in_flight.size
            self.in_flight = None

    def drop_waiting(self) -> None:
        """Forget what is not in flight; what is in flight may still be stored."""
        self._waiting = []
        self.accepted = self.committed if self.in_flight is None else self.in_flight.last_seq
        self._waiting_events = 0 if self.in_flight is None else len(self.in_flight.entries)
        self.waiting_bytes = 0 if self.in_flight is None else self.in_flight.size


def _merge(batches: Sequence[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    entries = tuple(entry for batch in batches for entry in batch.entries)
    return Batch(batches[0].first_seq, batches[-1].last_seq, entries, sum(batch.size for batch in batches))
