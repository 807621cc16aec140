"""Exchanges presence between hubs through Redis: whose candidates connected, disconnected, and stored how much.

Connection changes are always sent, event counts only for attempts that another hub has in focus. Nothing depends on
it: without Redis the presence poll finds the same within seconds, and consoles learn since when Redis has been away.
"""

import asyncio
from collections.abc import Collection
from typing import Final
from uuid import UUID, uuid4

import msgspec
import structlog

from db.notify import Notification, Publisher
from db.periodic import Periodic
from hub.board.subscriber import Subscriptions, focus_of
from hub.presence.presence import HubPresence, PresenceUpdate
from hub.sockets import now_ms

log = structlog.get_logger(__name__)

INTERVAL_S: Final = 0.5
MESSAGE_ATTEMPTS: Final = 1_000
"""How many attempts one message holds at most."""

FOCUS_REPEAT_S: Final = 5.0
"""How often a hub repeats which attempts its consoles have in focus."""

FOCUS_VALID_S: Final = 15.0
"""How long the focus that another hub sent is valid."""

FOCUS_MAX: Final = 2_000
"""For how many attempts of one exam a hub requests counts from other hubs; the presence poll reads the others."""


class PresenceMessage(msgspec.Struct, frozen=True, array_like=True):
    """The report of the hub `publisher` about an exam; `focus` requests counts for the attempts in its focus."""

    publisher: UUID
    exam_id: UUID
    updates: list[PresenceUpdate] = []
    focus: list[int] | None = None


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(PresenceMessage).decode


class Gossip(Periodic):
    """Publishes twice a second while its context is open, and receives through `on_notification`."""

    def __init__(
        self,
        publisher: Publisher,
        subscriptions: Subscriptions,
        presence: HubPresence,
        *,
        interval_s: float = INTERVAL_S,
        focus_repeat_s: float = FOCUS_REPEAT_S,
        focus_valid_s: float = FOCUS_VALID_S,
    ) -> None:
        self.away_since: int | None = now_ms()
        """Since when Redis has been away, ms since the epoch; None while it is available."""
        self._publisher = publisher
        self._subscriptions = subscriptions
        self._presence = presence
        self._focus_repeat_s = focus_repeat_s
        self._focus_valid_s = focus_valid_s
        self._hub_id = uuid4()
        self._focus: dict[UUID, list[int]] = {}
        """By exam: what this hub's consoles have in focus."""
        self._focus_due_s = 0.0
        self._focus_elsewhere: dict[UUID, dict[UUID, tuple[frozenset[int], float]]] = {}
        """By exam and hub: the focus that the hub sent, and until when it is valid."""
        super().__init__("gossip", interval_s, self._publish)

    def on_notification(self, notification: Notification) -> None:
        """Take another hub's message, or note whether Redis is available."""
        match notification.channel:
            case "reconnected":
                self.away_since = None
                self._focus_due_s = 0.0
            case "lost" if self.away_since is None:
                self.away_since = now_ms()
            case "live":
                self._receive(notification.data)

    def _receive(self, data: bytes) -> None:
        try:
            message = _decode(data)
        except msgspec.DecodeError:
            log.warning("presence message not understood", bytes=len(data))
            return
        if message.publisher == self._hub_id:
            return
        if message.focus is not None:
            until_s = asyncio.get_running_loop().time() + self._focus_valid_s
            self._focus_elsewhere.setdefault(message.exam_id, {})[message.publisher] = (
                frozenset(message.focus),
                until_s,
            )
        self._presence.merge_updates(message.exam_id, message.updates)

    async def _publish(self) -> None:
        for message in [*self._take_updates(), *self._take_focus()]:
            await self._publisher.publish("live", _encode(message))

    def _take_updates(self) -> list[PresenceMessage]:
        taken = self._presence.take_updates(self._valid_focus_elsewhere())
        return [
            PresenceMessage(self._hub_id, exam_id, updates[start : start + MESSAGE_ATTEMPTS])
            for exam_id, updates in taken.items()
            for start in range(0, len(updates), MESSAGE_ATTEMPTS)
        ]

    def _valid_focus_elsewhere(self) -> dict[UUID, Collection[int]]:
        """Forget what has expired, and return which attempts the consoles of other hubs have in focus."""
        now_s = asyncio.get_running_loop().time()
        for exam_id, hubs in list(self._focus_elsewhere.items()):
            for hub_id in [hub_id for hub_id, (_, until_s) in hubs.items() if until_s < now_s]:
                del hubs[hub_id]
            if not hubs:
                del self._focus_elsewhere[exam_id]
        return {
            exam_id: frozenset().union(*(focus for focus, _ in hubs.values()))
            for exam_id, hubs in self._focus_elsewhere.items()
        }

    def _take_focus(self) -> list[PresenceMessage]:
        """Return what this hub's consoles have in focus: after a change, and all of it every few seconds."""
        now_s = asyncio.get_running_loop().time()
        focus = {
            exam_id: sorted(focus_of(exam_id, subscribers))[:FOCUS_MAX]
            for exam_id, subscribers in self._subscriptions.watched()
        }
        is_due = now_s >= self._focus_due_s
        if is_due:
            self._focus_due_s = now_s + self._focus_repeat_s
        before, self._focus = self._focus, {exam_id: ixs for exam_id, ixs in focus.items() if ixs}
        return [
            PresenceMessage(self._hub_id, exam_id, focus=self._focus.get(exam_id, []))
            for exam_id in before.keys() | self._focus.keys()
            if is_due or before.get(exam_id) != self._focus.get(exam_id)
        ]
