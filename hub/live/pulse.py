"""The beat of the live part: every half second consoles are shown who came and went, now and then who sent how much.

Values are encoded once for all consoles; one that is behind gets the latest later. Nothing here is numbered or kept.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Protocol
from uuid import UUID

import structlog

from hub.background import Background
from hub.live.follower import Subscriber
from hub.live.presence import Presence
from hub.wire import Frame, now_ms
from protocol import console
from protocol.codec import Encoding, encode

log = structlog.get_logger(__name__)

BEAT_S = 0.5
COUNTS_EVERY = 4
"""Counts are shown with every fourth beat."""

FRAME_ATTEMPTS = 1_000
"""How many attempts' values one frame carries at most: well under its 64 KiB."""

REMEMBER_MS = 12 * 3600 * 1000
"""How long somebody who left is still shown to a console that comes."""


class Audience(Protocol):
    """Who watches what: the feed."""

    def watched(self) -> Iterable[tuple[UUID, Iterable[Subscriber]]]:
        """Every watched exam with its consoles."""


class Pulse(Background):
    """Beats while its context is open."""

    name = "pulse"

    def __init__(self, audience: Audience, presence: Presence, *, beat_s: float = BEAT_S) -> None:
        self._audience = audience
        self._presence = presence
        self._beat_s = beat_s

    def beat(self, *, counts: bool) -> None:
        """Show every console what changed; `counts` also how much was sent."""
        for exam_id, subscribers in self._audience.watched():
            changed = _Frames(exam_id, self._presence.take_changes(exam_id, counts=counts))
            everyone: _Frames | None = None
            for subscriber in subscribers:
                if subscriber.wants_all(exam_id):
                    if everyone is None:
                        everyone = _Frames(exam_id, self._presence.everyone(exam_id))
                    subscriber.show_all(exam_id, everyone.encoded(subscriber.encoding))
                elif changed:
                    subscriber.show(exam_id, changed.encoded(subscriber.encoding))

    async def _run(self) -> None:
        beats = 0
        while True:
            await asyncio.sleep(self._beat_s)
            beats += 1
            try:
                self.beat(counts=beats % COUNTS_EVERY == 0)
                self._presence.forget(now_ms() - REMEMBER_MS)
            except Exception:
                log.exception("pulse failed")


class _Frames:
    """Live values of one exam, encoded when first asked for."""

    def __init__(self, exam_id: UUID, values: Sequence[console.Presence]) -> None:
        self._exam_id = exam_id
        self._values = values
        self._encoded: dict[Encoding, list[Frame]] = {}

    def __bool__(self) -> bool:
        return bool(self._values)

    def encoded(self, encoding: Encoding) -> list[Frame]:
        if encoding not in self._encoded:
            starts = range(0, len(self._values), FRAME_ATTEMPTS)
            cuts = [list(self._values[start : start + FRAME_ATTEMPTS]) for start in starts]
            self._encoded[encoding] = [encode(console.Live(self._exam_id, cut), encoding) for cut in cuts]
        return self._encoded[encoding]
