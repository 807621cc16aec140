"""The beat of the live part: every half second consoles are shown who came and went, and how much was sent.

Whoever is looked at closely is shown with the next beat, the counts of all others take turns over 15 s. Values are
encoded once for all consoles; one that is behind gets the latest later. Nothing here is numbered or kept.
"""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

import structlog

from hub.board.follower import Audience
from hub.presence.presence import Presence
from hub.sockets import Frame
from hub.tasks import Background
from protocol import console
from protocol.codec import Encoding, encode

log = structlog.get_logger(__name__)

BEAT_S = 0.5
FRAME_ATTEMPTS = 1_000
"""How many attempts' values one frame carries at most: well under its 64 KiB."""


def _never_away() -> None:
    return None


class Broadcast(Background):
    """Beats while its context is open; `away_since` tells since when nothing is heard from other hubs, if so."""

    name = "pulse"

    def __init__(
        self,
        audience: Audience,
        presence: Presence,
        away_since: Callable[[], int | None] = _never_away,
        *,
        beat_s: float = BEAT_S,
    ) -> None:
        self._audience = audience
        self._presence = presence
        self._away_since = away_since
        self._beat_s = beat_s
        self._turn = 0
        self._since: int | None = None

    def beat(self) -> None:
        """Show every console what changed, and what it looks at closely."""
        self._turn += 1
        before, self._since = self._since, self._away_since()
        for exam_id, subscribers in self._audience.watched():
            changes = self._presence.take_changes(exam_id, self._turn)
            changed = _Frames(exam_id, changes.shown, self._since, even_empty=before != self._since)
            everyone: _Frames | None = None
            for subscriber in subscribers:
                if subscriber.wants_all(exam_id):
                    if everyone is None:
                        values = self._presence.everyone(exam_id)
                        everyone = _Frames(exam_id, values, self._since, even_empty=self._since is not None)
                    subscriber.show_all(exam_id, everyone.encoded(subscriber.encoding))
                    continue
                subscriber.show(exam_id, changed.encoded(subscriber.encoding))
                close = subscriber.take_focus(exam_id, changes.close)
                if close:
                    values = self._presence.some(exam_id, close)
                    subscriber.show(exam_id, _Frames(exam_id, values, self._since).encoded(subscriber.encoding))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._beat_s)
            try:
                self.beat()
            except Exception:
                log.exception("pulse failed")


class _Frames:
    """Live values of one exam, encoded when first asked for."""

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
