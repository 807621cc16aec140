"""What the clients wrote down against what the database holds, event by event; it believes neither.

Give every client a diary (`Candidate(..., log=diary.notes.append)`), do your worst, and expect `check` to find nothing:
acknowledged is stored, stored once, without holes, as it was recorded, and nothing is stored that was never recorded.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.models import EventStream, MonitoringEvent
from protocol.events import Event
from veritas.client import Note

Place = tuple[UUID, int]


@dataclass
class Diary:
    """One client's own notes about one attempt."""

    attempt_id: UUID
    notes: list[Note] = field(default_factory=list)


@dataclass
class Claims:
    """What the diaries say: what was put at each place, an event or None for a lost one; and which are acknowledged."""

    at: dict[Place, Event | None] = field(default_factory=dict)
    acked: set[Place] = field(default_factory=set)
    moved: dict[int, set[Place]] = field(default_factory=lambda: defaultdict(set))
    """Every place an event has had, by its identity: the same event may be renumbered, two may be equal."""

    def put(self, place: Place, event: Event | None) -> None:
        self.at[place] = event
        if event is not None:
            self.moved[id(event)].add(place)


async def check(conn: AsyncConnection, diaries: Iterable[Diary], *, server_may_lose: bool = False) -> list[str]:
    """Every difference between diaries and database, in words; none when all is well.

    `server_may_lose` allows spans that the hub states as `server_lost`, as after a failover without its last commits.
    """
    by_attempt: dict[UUID, list[Diary]] = defaultdict(list)
    for diary in diaries:
        by_attempt[diary.attempt_id].append(diary)
    faults: list[str] = []
    for attempt_id, own in by_attempt.items():
        rows = await _read(conn, attempt_id)
        faults += [f"attempt {attempt_id}: {fault}" for fault in compare(read_claims(own), rows, server_may_lose)]
    return faults


def unacknowledged(diary: Diary) -> list[Event]:
    """What a client recorded and neither dropped nor saw acknowledged."""
    open_events = {id(note.event): note.event for note in diary.notes if note.what == "recorded" and note.event}
    for note in diary.notes:
        if note.what in ("acked", "lost"):
            open_events.pop(id(note.event), None)
    return list(open_events.values())


def read_claims(diaries: Sequence[Diary]) -> Claims:
    """Fold the diaries of one attempt; notes made before the first welcome belong to the stream it opened."""
    claims = Claims()
    for diary in diaries:
        first = next((note.stream for note in diary.notes if note.what == "opened"), None)
        for note in diary.notes:
            stream = note.stream or first
            if stream is None or note.what == "opened":
                continue
            for seq in range(note.seq - note.count + 1, note.seq + 1):
                if note.what == "acked":
                    claims.acked.add((stream, seq))
                else:
                    claims.put((stream, seq), None if note.what == "lost" else note.event)
    return claims


def compare(claims: Claims, rows: Sequence[Any], server_may_lose: bool = False) -> Iterator[str]:
    """The differences between the claims about one attempt and the rows of its client streams, in order."""
    yield from _untiled(rows)
    held = [row for row in rows if row.event_type != "stream_closed"]
    for row in held:
        for seq in _numbers(row):
            yield from _compare_place((row.stream_id, seq), row, claims, server_may_lose)
    stored = {(row.stream_id, seq) for row in held for seq in _numbers(row)}
    for stream, seq in sorted(claims.acked - stored):
        yield f"{seq} of stream {stream} was acknowledged and is not stored"
    events = {(row.stream_id, row.seq) for row in held if row.event_type != "events_lost"}
    for places in claims.moved.values():
        if len(places & events) > 1:
            yield f"one event is stored {len(places & events)} times: {sorted(places & events)}"


def _numbers(row: Any) -> range:
    """The numbers a row stands for: its own, or all of a lost span."""
    return range(row.data_payload.get("from", row.seq) if row.event_type == "events_lost" else row.seq, row.seq + 1)


def _untiled(rows: Sequence[Any]) -> Iterator[str]:
    """Where a stream's rows do not stand for 1 to its end, each number once, or go on after it was closed."""
    before: dict[UUID, int] = defaultdict(int)
    closed: set[UUID] = set()
    for row in rows:
        numbers, last = _numbers(row), before[row.stream_id]
        if not numbers or numbers[0] != last + 1:
            yield f"{numbers.start} to {row.seq} of stream {row.stream_id} follow {last}"
        if row.stream_id in closed:
            yield f"{row.seq} of stream {row.stream_id} is stored after the stream was closed"
        if row.event_type == "stream_closed":
            closed.add(row.stream_id)
        before[row.stream_id] = row.seq


def _compare_place(place: Place, row: Any, claims: Claims, server_may_lose: bool) -> Iterator[str]:
    stream, seq = place
    where = f"{seq} of stream {stream}"
    if place not in claims.at:
        yield f"{where} is stored as {row.event_type} and was never recorded"
        return
    event = claims.at[place]
    if row.event_type == "events_lost":
        by_server = row.data_payload.get("reason") == "server_lost"
        if by_server and not server_may_lose:
            yield f"{where} was lost by the server"
        if not by_server and event is not None:
            yield f"{where} is stored as lost, and the client had it"
    elif event is None:
        yield f"{where} is stored as {row.event_type}, and the client has dropped it"
    elif row.event_type != "rejected":
        yield from (f"{where}: {difference}" for difference in _differences(event, row))


def _differences(event: Event, row: Any) -> Iterator[str]:
    pairs = {
        "type": (event.type, row.event_type),
        "at": (event.at, to_ms(row.client_timestamp)),
        "mono": (event.mono, row.mono),
        "data": (event.data, row.data_payload),
        "severity": (event.severity, row.severity),
    }
    for name, (recorded, stored) in pairs.items():
        if recorded != stored:
            yield f"{name} was recorded as {recorded!r} and is stored as {stored!r}"


async def _read(conn: AsyncConnection, attempt_id: UUID) -> Sequence[Any]:
    found = await conn.execute(
        select(
            MonitoringEvent.stream_id,
            MonitoringEvent.seq,
            MonitoringEvent.event_type,
            MonitoringEvent.client_timestamp,
            MonitoringEvent.mono,
            MonitoringEvent.data_payload,
            MonitoringEvent.severity,
        )
        .join(EventStream, EventStream.id == MonitoringEvent.stream_id)
        .where(EventStream.attempt_id == attempt_id, EventStream.kind == "client")
        .order_by(MonitoringEvent.stream_id, MonitoringEvent.seq)
    )
    return found.all()
