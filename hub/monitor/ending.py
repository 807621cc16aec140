"""Decide when the socket of an ended attempt can be closed with 4410: its client has delivered its queue.

Pure: closes nothing and has no clock.
"""

from hub.monitor.sequence import StreamSequence
from hub.monitor.times import SessionTimes
from protocol.monitor import Attempt


class AttemptEnding:
    """The end of a session's attempt, and the rest of its client's queue."""

    def __init__(self, times: SessionTimes, now_ms: int) -> None:
        self._times = times
        self._queue_end = 0
        self._ended_ms: int | None = None
        self._last_events_ms = now_ms

    @property
    def has_ended(self) -> bool:
        """Whether the attempt is over."""
        return self._ended_ms is not None

    def begin(self, attempt: Attempt, queue_end: int, now_ms: int) -> None:
        """Take the status at the welcome, and the last number of the client's queue at the hello."""
        self._queue_end = queue_end
        self._ended_ms = now_ms if attempt.is_over else None

    def update(self, attempt: Attempt, now_ms: int) -> None:
        """Take a new status of the attempt."""
        self._ended_ms = (self._ended_ms or now_ms) if attempt.is_over else None

    def note_events(self, now_ms: int) -> None:
        """Note that the client has sent events."""
        self._last_events_ms = now_ms

    def has_everything(self, sequence: StreamSequence) -> bool:
        """Return whether the queue of the hello, and everything sent since, is stored."""
        return sequence.is_idle and sequence.committed >= self._queue_end

    def is_delivered(self, sequence: StreamSequence, now_ms: int) -> bool:
        """Return whether the attempt is over and the client has probably delivered its queue."""
        if self._ended_ms is None or not self.has_everything(sequence):
            return False
        quiet_ms = now_ms - max(self._ended_ms, self._last_events_ms)
        return quiet_ms >= self._times.quiet_ms or now_ms - self._ended_ms >= self._times.linger_ms
