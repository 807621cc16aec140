"""How far a console has followed one exam's board: pure; it decides which frames are news and never holds a row."""

from enum import Enum, auto

from protocol.console import Delta, Resync, Since, Snapshot


class News(Enum):
    """What a frame is to somebody who follows."""

    NEW = auto()
    OLD = auto()
    HOLE = auto()


class Progress:
    """How far one exam's feed is known: everything up to `since`; None while a snapshot is awaited."""

    def __init__(self) -> None:
        self.since: Since | None = None
        self._has_asked = False

    def take(self, frame: Snapshot | Delta | Resync) -> News:
        """Take the next frame of this exam; after HOLE, watch again from `since`. A hole is told once."""
        match frame:
            case Resync():
                self.since = None
            case Snapshot():
                # Only the last part makes the board whole: cut before it, we must ask for all of it again.
                self.since = Since(frame.epoch, frame.offset) if frame.part == frame.parts else None
            case Delta():
                return self._follow(frame.offset)
        self._has_asked = False
        return News.NEW

    def rewatch(self) -> Since | None:
        """What to watch from on a new connection, where no answer to an earlier question will come."""
        self._has_asked = False
        return self.since

    def _follow(self, offset: int) -> News:
        if self.since is None or offset > self.since.offset + 1:
            news = News.OLD if self._has_asked else News.HOLE
            self._has_asked = True
            return news
        if offset <= self.since.offset:
            return News.OLD
        self.since = Since(self.since.epoch, offset)
        self._has_asked = False
        return News.NEW
