"""What hubs tell each other about the live part, through Redis: whose candidates came, went and stored how much.

Comings and goings are always told; counts only of attempts that somebody at another hub looks at closely. Nothing
depends on it: without it the census finds the same within seconds, and consoles are told since when that is so.
"""

import asyncio
from collections.abc import Collection
from typing import Final
from uuid import UUID, uuid4

import msgspec
import structlog

from db.notify import Notification, Publisher
from hub.board.follower import Audience
from hub.presence.presence import Presence, Sighting
from hub.sockets import now_ms
from hub.tasks import Background

log = structlog.get_logger(__name__)

BEAT_S: Final = 0.5
TOLD_AT_ONCE: Final = 1_000
"""How many attempts one message names at most."""

ASK_S: Final = 5.0
"""How often a hub repeats what its consoles look at closely."""

ASKED_S: Final = 15.0
"""How long another hub's consoles are believed to look on."""

ASKED_MAX: Final = 2_000
"""Of how many attempts of one exam a hub asks the others for counts twice a second; the census has the rest."""


class News(msgspec.Struct, frozen=True, array_like=True):
    """One message: what the hub `publisher` saw in an exam; if it asks, which attempts its consoles look at closely."""

    publisher: UUID
    exam_id: UUID
    sightings: list[Sighting] = []
    focus: list[int] | None = None


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(News).decode


class Gossip(Background):
    """Publishes twice a second while its context is open, and receives through `on_notification`."""

    name = "gossip"

    def __init__(self, publisher: Publisher, audience: Audience, presence: Presence, *, beat_s: float = BEAT_S) -> None:
        self.away_since: int | None = now_ms()
        """Since when Redis has been away, ms since the epoch; None while it is there."""
        self._publisher = publisher
        self._audience = audience
        self._presence = presence
        self._beat_s = beat_s
        self._name = uuid4()
        self._asked: dict[UUID, dict[UUID, tuple[frozenset[int], float]]] = {}
        self._asking: dict[UUID, list[int]] = {}
        self._ask_at = 0.0

    def on_notification(self, notification: Notification) -> None:
        """Hear what another hub tells, and whether Redis is there."""
        match notification.channel:
            case "reconnected":
                self.away_since = None
                self._ask_at = 0.0
            case "lost" if self.away_since is None:
                self.away_since = now_ms()
            case "live":
                self._hear(notification.data)

    def _hear(self, data: bytes) -> None:
        try:
            news = _decode(data)
        except msgspec.DecodeError:
            log.warning("live values not understood", bytes=len(data))
            return
        if news.publisher == self._name:
            return
        if news.focus is not None:
            until_s = asyncio.get_running_loop().time() + ASKED_S
            self._asked.setdefault(news.exam_id, {})[news.publisher] = (frozenset(news.focus), until_s)
        self._presence.sighted(news.exam_id, news.sightings)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._beat_s)
            try:
                for news in [*self._take_news(), *self._take_questions()]:
                    await self._publisher.publish("live", _encode(news))
            except Exception:
                log.exception("exchange failed")

    def _take_news(self) -> list[News]:
        taken = self._presence.take_news(self._take_asked())
        return [
            News(self._name, exam_id, sightings[start : start + TOLD_AT_ONCE])
            for exam_id, sightings in taken.items()
            for start in range(0, len(sightings), TOLD_AT_ONCE)
        ]

    def _take_asked(self) -> dict[UUID, Collection[int]]:
        """Which attempts other hubs' consoles look at closely, as far as they have said so lately."""
        now = asyncio.get_running_loop().time()
        for exam_id, tellers in list(self._asked.items()):
            for publisher in [publisher for publisher, (_, until_s) in tellers.items() if until_s < now]:
                del tellers[publisher]
            if not tellers:
                del self._asked[exam_id]
        return {
            exam_id: frozenset().union(*(focus for focus, _ in tellers.values()))
            for exam_id, tellers in self._asked.items()
        }

    def _take_questions(self) -> list[News]:
        """What this hub's own consoles look at closely: when it changes, and now and then."""
        now = asyncio.get_running_loop().time()
        asking = {
            exam_id: sorted(frozenset().union(*(one.focus(exam_id) for one in subscribers)))[:ASKED_MAX]
            for exam_id, subscribers in self._audience.watched()
        }
        due = now >= self._ask_at
        if due:
            self._ask_at = now + ASK_S
        before, self._asking = self._asking, {exam_id: focus for exam_id, focus in asking.items() if focus}
        changed = before.keys() | self._asking.keys()
        return [
            News(self._name, exam_id, focus=self._asking.get(exam_id, []))
            for exam_id in changed
            if due or before.get(exam_id) != self._asking.get(exam_id)
        ]
