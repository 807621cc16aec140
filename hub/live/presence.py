"""The live part of boards: which candidates are connected to this hub, and how much they have sent.

Latest values only, never numbered and never replayed. Pure state: time comes with every call, nothing is read or sent.
"""

from uuid import UUID

import msgspec

from protocol import console


class _Candidate(msgspec.Struct):
    exam_id: UUID
    ix: int
    seen_at: int
    sockets: int = 0
    events: int = 0


class _Room(msgspec.Struct):
    """The attempts of one exam, and whose values nobody has taken yet."""

    candidates: dict[UUID, _Candidate] = {}
    moved: set[UUID] = set()
    """Came or went."""
    changed: set[UUID] = set()
    """Sent something."""


class Presence:
    """Every candidate this hub has seen. `opened` and `closed` come in pairs, once each per welcomed socket."""

    def __init__(self) -> None:
        self._candidates: dict[UUID, _Candidate] = {}
        self._rooms: dict[UUID, _Room] = {}

    def opened(self, attempt_id: UUID, exam_id: UUID, ix: int, at_ms: int) -> None:
        """A socket of this attempt was welcomed; a second one may come before the first is gone."""
        candidate = self._candidates.get(attempt_id)
        if candidate is None:
            candidate = self._candidates[attempt_id] = _Candidate(exam_id, ix, at_ms)
            self._rooms.setdefault(exam_id, _Room()).candidates[attempt_id] = candidate
        candidate.sockets += 1
        candidate.seen_at = at_ms
        if candidate.sockets == 1:
            self._rooms[exam_id].moved.add(attempt_id)

    def received(self, attempt_id: UUID, events: int, at_ms: int) -> None:
        """That many events arrived."""
        candidate = self._candidates.get(attempt_id)
        if candidate is not None:
            candidate.events += events
            candidate.seen_at = at_ms
            self._rooms[candidate.exam_id].changed.add(attempt_id)

    def closed(self, attempt_id: UUID, at_ms: int) -> None:
        """A socket of this attempt is gone; the attempt is offline when it was the last."""
        candidate = self._candidates.get(attempt_id)
        if candidate is None or candidate.sockets == 0:
            return
        candidate.sockets -= 1
        if candidate.sockets == 0:
            candidate.seen_at = at_ms
            self._rooms[candidate.exam_id].moved.add(attempt_id)

    def everyone(self, exam_id: UUID) -> list[console.Presence]:
        """The latest values of all attempts of an exam that this hub has seen."""
        room = self._rooms.get(exam_id)
        return [] if room is None else [_show(candidate) for candidate in room.candidates.values()]

    def take_changes(self, exam_id: UUID, *, counts: bool) -> list[console.Presence]:
        """The latest values of those who came or went since the last call, with `counts` also of those who sent."""
        room = self._rooms.get(exam_id)
        if room is None:
            return []
        taken = room.moved | room.changed if counts else set(room.moved)
        room.changed -= taken
        room.moved.clear()
        return [_show(room.candidates[attempt_id]) for attempt_id in taken]

    def forget(self, before_ms: int) -> None:
        """Forget who has been offline since before that moment."""
        old = [key for key, one in self._candidates.items() if one.sockets == 0 and one.seen_at < before_ms]
        for attempt_id in old:
            room = self._rooms[self._candidates.pop(attempt_id).exam_id]
            del room.candidates[attempt_id]
            room.moved.discard(attempt_id)
            room.changed.discard(attempt_id)
        for exam_id in [key for key, room in self._rooms.items() if not room.candidates]:
            del self._rooms[exam_id]


def _show(candidate: _Candidate) -> console.Presence:
    return console.Presence(candidate.ix, candidate.sockets > 0, candidate.events, candidate.seen_at)
