"""Sends live values to consoles, twice a second: who connected or disconnected, and how many events were stored.

Attempts in focus are sent with the next broadcast, the counts of all others in turns over 15 s. Each frame is encoded
once for all consoles. Nothing is numbered or kept: a console that is behind gets the latest values later.
"""

from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from db.periodic import Periodic
from hub.board.subscriber import Subscriptions
from hub.presence.presence import HubPresence
from hub.sockets import Frame
from protocol import console
from protocol.codec import Encoding, encode

INTERVAL_S: Final = 0.5
FRAME_ATTEMPTS: Final = 1_000
"""How many attempts one frame holds at most: well below its 64 KiB."""


def _never_away() -> None:
    return None


class Broadcast(Periodic):
    """Broadcasts while its context is open; `away_since` returns since when Redis is away (ms), or None."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        presence: HubPresence,
        away_since: Callable[[], int | None] = _never_away,
        *,
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._subscriptions = subscriptions
        self._presence = presence
        self._away_since = away_since
        self._count = 0
        self._since: int | None = None
        super().__init__("broadcast", interval_s, self._broadcast)

    def broadcast(self) -> None:
        """Send every console what changed, and the attempts that it has in focus."""
        self._count += 1
        before, self._since = self._since, self._away_since()
        for exam_id, subscribers in self._subscriptions.watched():
            changes = self._presence.take_changes(exam_id, self._count)
            changed = _Frames(exam_id, changes.values, self._since, even_empty=before != self._since)
            all_values: _Frames | None = None
            for subscriber in subscribers:
                if subscriber.needs_all_values(exam_id):
                    if all_values is None:
                        values = self._presence.all_values(exam_id)
                        all_values = _Frames(exam_id, values, self._since, even_empty=self._since is not None)
                    subscriber.send_all_values(exam_id, all_values.encoded(subscriber.encoding))
                    continue
                subscriber.send_values(exam_id, changed.encoded(subscriber.encoding))
                focus = subscriber.take_focus(exam_id, changes.counted)
                if focus:
                    in_focus = _Frames(exam_id, self._presence.values_of(exam_id, focus), self._since)
                    subscriber.send_values(exam_id, in_focus.encoded(subscriber.encoding))

    async def _broadcast(self) -> None:
        self.broadcast()


class _Frames:
    """Live values of one exam, encoded at the first use of each encoding."""

    def __init__(
        self, exam_id: UUID, values: Sequence[console.Presence], since: int | None, *, even_empty: bool = False
    ) -> None:
        starts = range(0, max(len(values), int(even_empty)), FRAME_ATTEMPTS)
        self._frames = [console.Live(exam_id, list(values[start : start + FRAME_ATTEMPTS]), since) for start in starts]
        self._encoded: dict[Encoding, list[Frame]] = {}

    def encoded(self, encoding: Encoding) -> list[Frame]:
        if encoding not in self._encoded:
            self._encoded[encoding] = [encode(frame, encoding) for frame in self._frames]
        return self._encoded[encoding]
