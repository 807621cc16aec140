"""Presence of candidates as one hub knows it: who is connected, at any hub, and how many events each has stored.

The event count of an attempt is the sum of the last stored `seq` of its client streams. This hub's sockets, other hubs
and the database all report the same two values: a connection's generation and a stream's last `seq`. Both only grow, so
a report may arrive late, twice or out of order. Keeps latest values only; does no I/O and has no clock.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Protocol
from uuid import UUID

import msgspec

from protocol import console

COUNT_SHARES: Final = 30
"""Event counts out of focus are sent in turns: each broadcast sends one share of them."""


class WelcomedConnection(Protocol):
    """A candidate's connection after its welcome: `db.queries.connections.connections.OpenedConnection`."""

    @property
    def exam_id(self) -> UUID:
        """The attempt's exam."""

    @property
    def ix(self) -> int:
        """The attempt's number within the exam."""

    @property
    def generation(self) -> int:
        """The connection's number within the attempt; the highest is the current one."""

    @property
    def stream_id(self) -> UUID:
        """The stream it continues."""

    @property
    def committed(self) -> int:
        """The last stored `seq` of that stream at the welcome."""


class StoredConnection(Protocol):
    """An attempt's newest connection in the database: `db.queries.connections.presence.AttemptPresence`."""

    @property
    def ix(self) -> int:
        """The attempt's number within the exam."""

    @property
    def generation(self) -> int:
        """The connection's number within the attempt."""

    @property
    def online(self) -> bool:
        """Whether it is open."""

    @property
    def at(self) -> int:
        """When it was opened or closed, ms since the epoch."""


class StoredStream(Protocol):
    """A client stream's last event in the database: `db.queries.connections.presence.StreamCount`."""

    @property
    def exam_id(self) -> UUID:
        """The attempt's exam."""

    @property
    def ix(self) -> int:
        """The attempt's number within the exam."""

    @property
    def stream_id(self) -> UUID:
        """The stream."""

    @property
    def seq(self) -> int:
        """Its last stored `seq`."""

    @property
    def at(self) -> int:
        """When that event was stored, ms since the epoch."""


class PresenceUpdate(msgspec.Struct, frozen=True, array_like=True):
    """The report of another hub about one attempt; `seen_at` in ms since the epoch.

    `online` is whether the connection `generation` is open; `seq` is the last stored number of `stream`.
    """

    ix: int
    generation: int
    online: bool
    seen_at: int
    stream: UUID | None = None
    seq: int = 0


class Changes(msgspec.Struct, frozen=True):
    """The content of the next broadcast: `values` to every console, and `counted` to consoles with these in focus."""

    values: list[console.Presence] = []
    counted: frozenset[int] = frozenset()


class _Attempt(msgspec.Struct):
    """One attempt. `is_local`: its connection is at this hub; `has_closed`: a hub reported the connection's end."""

    ix: int
    generation: int = 0
    online: bool = False
    has_closed: bool = False
    is_local: bool = False
    seen_at: int = 0
    stream: UUID | None = None
    last_seqs: dict[UUID, int] = {}
    events: int = 0

    def accepts(self, generation: int) -> bool:
        """Return whether a report from elsewhere counts: the hub of a connection knows best, and an end is final."""
        return generation > self.generation or (
            generation == self.generation and not (self.is_local or self.has_closed)
        )

    def count(self, stream: UUID | None, seq: int, at_ms: int) -> bool:
        if stream is None or seq <= (before := self.last_seqs.get(stream, 0)):
            return False
        self.last_seqs[stream] = seq
        self.events += seq - before
        self.seen_at = max(self.seen_at, at_ms)
        return True

    def update(self) -> PresenceUpdate:
        seq = 0 if self.stream is None else self.last_seqs.get(self.stream, 0)
        return PresenceUpdate(self.ix, self.generation, self.online, self.seen_at, self.stream, seq)

    def values(self) -> console.Presence:
        return console.Presence(self.ix, self.online, self.events, self.seen_at)


class _Exam(msgspec.Struct):
    """The attempts of one exam by `ix`, and what has changed since it was last sent."""

    watched: bool = False
    attempts: dict[int, _Attempt] = {}
    changed: set[int] = set()
    """Connected, disconnected or new: the next broadcast sends them."""
    counted: set[int] = set()
    """Stored events since their share was sent."""
    just_counted: set[int] = set()
    """Stored events since the last broadcast."""
    updates: dict[int, PresenceUpdate] = {}
    """Local attempts that connected or disconnected, for other hubs."""
    stored: set[int] = set()
    """Local attempts that stored events, for other hubs."""

    def attempt(self, ix: int) -> _Attempt:
        attempt = self.attempts.get(ix)
        if attempt is None:
            attempt = self.attempts[ix] = _Attempt(ix)
        return attempt

    def note_change(self, attempt: _Attempt) -> None:
        if self.watched:
            self.changed.add(attempt.ix)

    def note_count(self, attempt: _Attempt) -> None:
        if self.watched:
            self.counted.add(attempt.ix)
            self.just_counted.add(attempt.ix)

    def drop(self, ix: int) -> None:
        del self.attempts[ix]
        for noted in (self.changed, self.counted, self.just_counted, self.stored):
            noted.discard(ix)


class HubPresence:
    """The candidates of this hub always, and those of other hubs while a console here watches their exam."""

    def __init__(self) -> None:
        self._exams: dict[UUID, _Exam] = {}

    # Reports from this hub's sockets.

    def opened(self, connection: WelcomedConnection, at_ms: int) -> None:
        """Note that a connection was welcomed; an older one of the same attempt may still be open."""
        exam = self._exams.setdefault(connection.exam_id, _Exam())
        attempt = exam.attempt(connection.ix)
        attempt.count(connection.stream_id, connection.committed, 0)
        if connection.generation < attempt.generation:
            return
        if not attempt.online:
            exam.note_change(attempt)
        attempt.generation, attempt.stream = connection.generation, connection.stream_id
        attempt.online, attempt.has_closed, attempt.is_local = True, False, True
        attempt.seen_at = max(attempt.seen_at, at_ms)
        exam.updates[attempt.ix] = attempt.update()

    def stored(self, connection: WelcomedConnection, seq: int, at_ms: int) -> None:
        """Note that all events of its stream up to `seq` are stored."""
        exam, attempt = self._find(connection)
        if exam is not None and attempt is not None and attempt.count(connection.stream_id, seq, at_ms):
            exam.note_count(attempt)
            if attempt.is_local:
                exam.stored.add(attempt.ix)

    def closed(self, connection: WelcomedConnection, at_ms: int) -> None:
        """Note the end of a connection: its attempt is offline unless a newer one was welcomed, at any hub."""
        exam, attempt = self._find(connection)
        if exam is None or attempt is None or attempt.generation != connection.generation or not attempt.is_local:
            return
        attempt.online, attempt.has_closed, attempt.is_local = False, True, False
        attempt.seen_at = max(attempt.seen_at, at_ms)
        exam.note_change(attempt)
        exam.updates[attempt.ix] = attempt.update()
        if not exam.watched:
            exam.drop(attempt.ix)

    # Reports from other hubs and from the database.

    def merge_updates(self, exam_id: UUID, updates: Iterable[PresenceUpdate]) -> None:
        """Merge what another hub reports about its candidates; the end of a connection is never undone."""
        exam = self._exams.get(exam_id)
        if exam is None or not exam.watched:
            return
        for update in updates:
            attempt = exam.attempt(update.ix)
            if attempt.accepts(update.generation):
                self._move(exam, attempt, update.generation, update.seen_at, online=update.online)
                attempt.has_closed = not update.online
            if attempt.count(update.stream, update.seq, update.seen_at):
                exam.note_count(attempt)

    def merge_connections(self, exam_id: UUID, rows: Iterable[StoredConnection]) -> None:
        """Merge the newest connection of every attempt of an exam, as the database had it a moment ago.

        The database also knows hubs that have died. An end that it does not have yet is not undone.
        """
        exam = self._exams.get(exam_id)
        if exam is None or not exam.watched:
            return
        for row in rows:
            attempt = exam.attempt(row.ix)
            if attempt.accepts(row.generation):
                self._move(exam, attempt, row.generation, row.at, online=row.online)

    def merge_streams(self, rows: Iterable[StoredStream], *, send_now: bool = False) -> None:
        """Merge the last stored `seq` of streams; the next broadcast sends all of them if `send_now`."""
        for row in rows:
            exam = self._exams.get(row.exam_id)
            attempt = None if exam is None or not exam.watched else exam.attempts.get(row.ix)
            if exam is not None and attempt is not None and attempt.count(row.stream_id, row.seq, row.at):
                if send_now:
                    exam.note_change(attempt)
                else:
                    exam.note_count(attempt)

    # What consoles and other hubs get.

    def watch(self, exam_ids: Collection[UUID]) -> set[UUID]:
        """Watch exactly these exams; return those not watched before, of which only local candidates are known."""
        for exam_id, exam in list(self._exams.items()):
            if exam_id not in exam_ids:
                self._unwatch(exam_id, exam)
        new = set()
        for exam_id in exam_ids:
            exam = self._exams.setdefault(exam_id, _Exam())
            if not exam.watched:
                exam.watched = True
                new.add(exam_id)
        return new

    def known_attempts(self, exam_id: UUID) -> list[int]:
        """Return the `ix` of all attempts of an exam that are known to have connected."""
        exam = self._exams.get(exam_id)
        return [] if exam is None else list(exam.attempts)

    def all_values(self, exam_id: UUID) -> list[console.Presence]:
        """Return the latest values of all known attempts."""
        exam = self._exams.get(exam_id)
        return [] if exam is None else [attempt.values() for attempt in exam.attempts.values()]

    def values_of(self, exam_id: UUID, ixs: Iterable[int]) -> list[console.Presence]:
        """Return the latest values of these attempts."""
        exam = self._exams.get(exam_id)
        return [] if exam is None else [exam.attempts[ix].values() for ix in ixs if ix in exam.attempts]

    def take_changes(self, exam_id: UUID, share: int) -> Changes:
        """Return what changed since the last call: every connection change, and the counts of this share."""
        exam = self._exams.get(exam_id)
        if exam is None:
            return Changes()
        due = {ix for ix in exam.counted if ix % COUNT_SHARES == share % COUNT_SHARES}
        exam.counted -= due
        sent = due | exam.changed
        counted = frozenset(exam.just_counted - sent)
        exam.changed.clear()
        exam.just_counted.clear()
        return Changes([exam.attempts[ix].values() for ix in sent], counted)

    def take_updates(self, requested: Mapping[UUID, Collection[int]]) -> dict[UUID, list[PresenceUpdate]]:
        """Return what to send to other hubs since the last call.

        Every local candidate that connected or disconnected, and the event counts of local attempts in `requested`.
        """
        taken = {}
        for exam_id, exam in list(self._exams.items()):
            updates = exam.updates
            for ix in exam.stored.intersection(requested.get(exam_id, ())):
                updates[ix] = exam.attempts[ix].update()
            if updates:
                taken[exam_id] = list(updates.values())
            exam.updates = {}
            exam.stored.clear()
            if not exam.watched and not exam.attempts:
                del self._exams[exam_id]
        return taken

    def _find(self, connection: WelcomedConnection) -> tuple[_Exam | None, _Attempt | None]:
        exam = self._exams.get(connection.exam_id)
        return exam, None if exam is None else exam.attempts.get(connection.ix)

    def _move(self, exam: _Exam, attempt: _Attempt, generation: int, at_ms: int, *, online: bool) -> None:
        """Note that the attempt's newest connection is at another hub."""
        if attempt.online != online or attempt.generation == 0:
            exam.note_change(attempt)
        if generation > attempt.generation:
            attempt.has_closed = False
        attempt.generation, attempt.online, attempt.is_local = generation, online, False
        exam.stored.discard(attempt.ix)  # its new hub reports it
        attempt.seen_at = max(attempt.seen_at, at_ms)

    def _unwatch(self, exam_id: UUID, exam: _Exam) -> None:
        """Keep only local candidates: the database has the others."""
        exam.watched = False
        for noted in (exam.changed, exam.counted, exam.just_counted):
            noted.clear()
        for ix in [ix for ix, attempt in exam.attempts.items() if not attempt.is_local]:
            exam.drop(ix)
        if not exam.attempts and not exam.updates:
            del self._exams[exam_id]
