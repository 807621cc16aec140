"""The live part of boards: which candidates are connected, at whichever hub, and how much each of them has stored.

A number on the board is the sum, over the attempt's client streams, of the last number stored: what this hub's sockets
acknowledge, what other hubs tell and what the record says are the same statement, made sooner or later. A generation
and a stream's last number only grow, so anything may be said twice, late or out of order. Latest values only, never
numbered and never replayed. Pure state: time comes with every call, nothing is read or sent.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Protocol
from uuid import UUID

import msgspec

from protocol import console

TURNS: Final = 30
"""Counts of those nobody looks at closely take turns: every attempt's come up with one beat in so many."""


class Entry(Protocol):
    """A candidate's socket that was welcomed: `db.queries.connections.connections.Opening`."""

    @property
    def exam_id(self) -> UUID:
        """Which exam its attempt belongs to."""

    @property
    def ix(self) -> int:
        """The attempt's small number within the exam."""

    @property
    def generation(self) -> int:
        """Which connection of the attempt this is; the highest wins."""

    @property
    def stream_id(self) -> UUID:
        """The stream it goes on with."""

    @property
    def committed(self) -> int:
        """The last number stored of that stream when it was welcomed."""


class Connected(Protocol):
    """The record's word on one attempt: `db.queries.connections.presence.Connected`."""

    @property
    def ix(self) -> int:
        """The attempt's small number within the exam."""

    @property
    def generation(self) -> int:
        """Its newest connection."""

    @property
    def online(self) -> bool:
        """Whether that stands."""

    @property
    def at(self) -> int:
        """When it was opened or closed, ms since the epoch."""


class Count(Protocol):
    """The record's word on one stream: `db.queries.connections.presence.Count`."""

    @property
    def exam_id(self) -> UUID:
        """Which exam its attempt belongs to."""

    @property
    def ix(self) -> int:
        """The attempt's small number within the exam."""

    @property
    def stream_id(self) -> UUID:
        """The stream."""

    @property
    def seq(self) -> int:
        """The last number stored of it."""

    @property
    def at(self) -> int:
        """When that was stored, ms since the epoch."""


class Sighting(msgspec.Struct, frozen=True, array_like=True):
    """One attempt as another hub saw it at `seen_at`, ms since the epoch.

    `online` says of the connection `generation` whether it stood; `seq` is the last number stored of `stream`.
    """

    ix: int
    generation: int
    online: bool
    seen_at: int
    stream: UUID | None = None
    seq: int = 0


class Changes(msgspec.Struct, frozen=True):
    """What has to be shown: to every console, and to one that looks at these attempts closely."""

    shown: list[console.Presence] = []
    close: frozenset[int] = frozenset()


class _Seat(msgspec.Struct):
    """One attempt; it was told by a hub when `ended`, and is this hub's own when `here`."""

    ix: int
    generation: int = 0
    online: bool = False
    ended: bool = False
    here: bool = False
    seen_at: int = 0
    stream: UUID | None = None
    numbers: dict[UUID, int] = {}
    events: int = 0

    def may_be_told(self, generation: int) -> bool:
        """Whether others' word on a connection is news: of its own socket a hub knows best, and an end is final."""
        return generation > self.generation or (generation == self.generation and not (self.here or self.ended))

    def count(self, stream: UUID | None, seq: int, at_ms: int) -> bool:
        if stream is None or seq <= (before := self.numbers.get(stream, 0)):
            return False
        self.numbers[stream] = seq
        self.events += seq - before
        self.seen_at = max(self.seen_at, at_ms)
        return True

    def sighting(self) -> Sighting:
        seq = 0 if self.stream is None else self.numbers.get(self.stream, 0)
        return Sighting(self.ix, self.generation, self.online, self.seen_at, self.stream, seq)

    def show(self) -> console.Presence:
        return console.Presence(self.ix, self.online, self.events, self.seen_at)


class _Room(msgspec.Struct):
    """The attempts of one exam, by their small numbers; what has happened since somebody asked."""

    watched: bool = False
    seats: dict[int, _Seat] = {}
    moved: set[int] = set()
    """Came or went, or were met for the first time."""
    counted: set[int] = set()
    """Stored something, since their turn."""
    close: set[int] = set()
    """Stored something, since the last beat."""
    news: dict[int, Sighting] = {}
    """Own seats that came or went, for other hubs."""
    stored: set[int] = set()
    """Own seats that stored something, for other hubs."""

    def seat(self, ix: int) -> _Seat:
        seat = self.seats.get(ix)
        if seat is None:
            seat = self.seats[ix] = _Seat(ix)
        return seat

    def move(self, seat: _Seat) -> None:
        if self.watched:
            self.moved.add(seat.ix)

    def count(self, seat: _Seat) -> None:
        if self.watched:
            self.counted.add(seat.ix)
            self.close.add(seat.ix)

    def drop(self, ix: int) -> None:
        del self.seats[ix]
        for noted in (self.moved, self.counted, self.close, self.stored):
            noted.discard(ix)


class Presence:
    """What one hub knows: of its own candidates always, of others' while somebody here watches their exam."""

    def __init__(self) -> None:
        self._rooms: dict[UUID, _Room] = {}

    # Its own sockets.

    def opened(self, entry: Entry, at_ms: int) -> None:
        """A socket was welcomed; an older one of the same attempt may still be there."""
        room = self._rooms.setdefault(entry.exam_id, _Room())
        seat = room.seat(entry.ix)
        seat.count(entry.stream_id, entry.committed, 0)
        if entry.generation < seat.generation:
            return
        if not seat.online:
            room.move(seat)
        seat.generation, seat.stream = entry.generation, entry.stream_id
        seat.online, seat.ended, seat.here = True, False, True
        seat.seen_at = max(seat.seen_at, at_ms)
        room.news[seat.ix] = seat.sighting()

    def stored(self, entry: Entry, seq: int, at_ms: int) -> None:
        """All up to `seq` of its stream is stored."""
        room, seat = self._find(entry)
        if room is not None and seat is not None and seat.count(entry.stream_id, seq, at_ms):
            room.count(seat)
            if seat.here:
                room.stored.add(seat.ix)

    def closed(self, entry: Entry, at_ms: int) -> None:
        """A socket is gone; its attempt is offline unless a newer one was welcomed, here or elsewhere."""
        room, seat = self._find(entry)
        if room is None or seat is None or seat.generation != entry.generation or not seat.here:
            return
        seat.online, seat.ended, seat.here = False, True, False
        seat.seen_at = max(seat.seen_at, at_ms)
        room.move(seat)
        room.news[seat.ix] = seat.sighting()
        if not room.watched:
            room.drop(seat.ix)

    # Other hubs' sockets.

    def sighted(self, exam_id: UUID, sightings: Iterable[Sighting]) -> None:
        """Another hub tells of its candidates, as they come and go and store; who ended is not taken up again."""
        room = self._rooms.get(exam_id)
        if room is None or not room.watched:
            return
        for one in sightings:
            seat = room.seat(one.ix)
            if seat.may_be_told(one.generation):
                self._take_over(room, seat, one.generation, one.seen_at, online=one.online)
                seat.ended = not one.online
            if seat.count(one.stream, one.seq, one.seen_at):
                room.count(seat)

    def recorded(self, exam_id: UUID, rows: Iterable[Connected]) -> None:
        """The record's word on every attempt's newest connection, as it stood a moment ago.

        It knows of every hub and of those that died; an end it does not know of yet is not undone by it.
        """
        room = self._rooms.get(exam_id)
        if room is None or not room.watched:
            return
        for row in rows:
            seat = room.seat(row.ix)
            if seat.may_be_told(row.generation):
                self._take_over(room, seat, row.generation, row.at, online=row.online)

    def counted(self, rows: Iterable[Count], *, at_once: bool = False) -> None:
        """The record's word on the last numbers of streams; shown with the next beat when `at_once`."""
        for row in rows:
            room = self._rooms.get(row.exam_id)
            seat = None if room is None or not room.watched else room.seats.get(row.ix)
            if room is not None and seat is not None and seat.count(row.stream_id, row.seq, row.at):
                if at_once:
                    room.move(seat)
                else:
                    room.count(seat)

    # Who wants to know.

    def watch(self, exam_ids: Collection[UUID]) -> set[UUID]:
        """These exams are watched here now, and no others; which of them were not before: nothing is known of those."""
        for exam_id, room in list(self._rooms.items()):
            if exam_id not in exam_ids:
                self._neglect(exam_id, room)
        new = set()
        for exam_id in exam_ids:
            room = self._rooms.setdefault(exam_id, _Room())
            if not room.watched:
                room.watched = True
                new.add(exam_id)
        return new

    def known(self, exam_id: UUID) -> list[int]:
        """The small numbers of all attempts of an exam that were ever connected, as far as is known here."""
        room = self._rooms.get(exam_id)
        return [] if room is None else list(room.seats)

    def everyone(self, exam_id: UUID) -> list[console.Presence]:
        """The latest values of all of them."""
        room = self._rooms.get(exam_id)
        return [] if room is None else [seat.show() for seat in room.seats.values()]

    def some(self, exam_id: UUID, ixs: Iterable[int]) -> list[console.Presence]:
        """The latest values of some of them."""
        room = self._rooms.get(exam_id)
        return [] if room is None else [room.seats[ix].show() for ix in ixs if ix in room.seats]

    def take_changes(self, exam_id: UUID, turn: int) -> Changes:
        """What changed since the last call: comings and goings of all, counts of those whose turn it is."""
        room = self._rooms.get(exam_id)
        if room is None:
            return Changes()
        due = {ix for ix in room.counted if ix % TURNS == turn % TURNS}
        room.counted -= due
        shown = due | room.moved
        close = frozenset(room.close - shown)
        room.moved.clear()
        room.close.clear()
        return Changes([room.seats[ix].show() for ix in shown], close)

    def take_news(self, asked: Mapping[UUID, Collection[int]]) -> dict[UUID, list[Sighting]]:
        """What other hubs want to know, since the last call: own comings and goings, own counts of those asked for."""
        taken = {}
        for exam_id, room in list(self._rooms.items()):
            told = room.news
            for ix in room.stored.intersection(asked.get(exam_id, ())):
                told[ix] = room.seats[ix].sighting()
            if told:
                taken[exam_id] = list(told.values())
            room.news = {}
            room.stored.clear()
            if not room.watched and not room.seats:
                del self._rooms[exam_id]
        return taken

    def _find(self, entry: Entry) -> tuple[_Room | None, _Seat | None]:
        room = self._rooms.get(entry.exam_id)
        return room, None if room is None else room.seats.get(entry.ix)

    def _take_over(self, room: _Room, seat: _Seat, generation: int, at_ms: int, *, online: bool) -> None:
        if seat.online != online or seat.generation == 0:
            room.move(seat)
        if generation > seat.generation:
            seat.ended = False
        seat.generation, seat.online, seat.here = generation, online, False
        room.stored.discard(seat.ix)  # its new hub tells of it
        seat.seen_at = max(seat.seen_at, at_ms)

    def _neglect(self, exam_id: UUID, room: _Room) -> None:
        """Nobody watches: keep only the candidates that are here, the record has the others."""
        room.watched = False
        for noted in (room.moved, room.counted, room.close):
            noted.clear()
        for ix in [ix for ix, seat in room.seats.items() if not seat.here]:
            room.drop(ix)
        if not room.seats and not room.news:
            del self._rooms[exam_id]
