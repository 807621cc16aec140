"""The position of a console in the feed of one exam. Pure: classifies frames and never stores a row."""

from enum import Enum, auto

from protocol.console import Delta, Resync, Since, Snapshot


class FrameKind(Enum):
    """The meaning of a frame for a follower: apply it, ignore it, or watch again because rows are missing."""

    NEW = auto()
    OLD = auto()
    GAP = auto()


class Progress:
    """Position in the feed of one exam: `since`, or None while waiting for a snapshot."""

    def __init__(self) -> None:
        self.since: Since | None = None
        self._is_awaiting_rows = False

    def take(self, frame: Snapshot | Delta | Resync) -> FrameKind:
        """Classify the next frame. After GAP, watch again from `since`; each gap is reported once."""
        match frame:
            case Resync():
                self.since = None
            case Snapshot():
                # Only the last part completes the board; if the connection ends before it, ask for all of it again.
                self.since = Since(frame.epoch, frame.offset) if frame.part == frame.parts else None
            case Delta():
                return self._follow(frame.offset)
        self._is_awaiting_rows = False
        return FrameKind.NEW

    def rewatch(self) -> Since | None:
        """Return the position to watch from on a new connection; earlier requests will not be answered there."""
        self._is_awaiting_rows = False
        return self.since

    def _follow(self, offset: int) -> FrameKind:
        if self.since is None or offset > self.since.offset + 1:
            news = FrameKind.OLD if self._is_awaiting_rows else FrameKind.GAP
            self._is_awaiting_rows = True
            return news
        if offset <= self.since.offset:
            return FrameKind.OLD
        self.since = Since(self.since.epoch, offset)
        self._is_awaiting_rows = False
        return FrameKind.NEW
