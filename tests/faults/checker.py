"""Compare the notes of clients with the database, event by event.

Give every client a diary (`Candidate(..., log=diary.notes.append)`), cause any fault, and expect `check` to find
nothing: an acknowledged event is stored once, without holes and unchanged, and no other event is stored.
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

Position = tuple[UUID, int]


@dataclass
class Diary:
    """The notes of one client about one attempt."""

    attempt_id: UUID
    notes: list[Note] = field(default_factory=list)


@dataclass
class Claims:
    """The content of the diaries: the event at each position (None: lost), and which positions are acknowledged."""

    at: dict[Position, Event | None] = field(default_factory=dict)
    acked: set[Position] = field(default_factory=set)
    moved: dict[int, set[Position]] = field(default_factory=lambda: defaultdict(set))
    """Every position of an event, by object identity: an event may be renumbered, and two may be equal."""

    def put(self, position: Position, event: Event | None) -> None:
        self.at[position] = event
        if event is not None:
            self.moved[id(event)].add(position)


async def check(conn: AsyncConnection, diaries: Iterable[Diary], *, server_may_lose: bool = False) -> list[str]:
    """Return every difference between diaries and database as a sentence.

    `server_may_lose` allows spans that the hub stored as `server_lost`, for example after a failover that lost commits.
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
    """Return the events that a client recorded and that were neither dropped nor acknowledged."""
    open_events = {id(note.event): note.event for note in diary.notes if note.what == "recorded" and note.event}
    for note in diary.notes:
        if note.what in ("acked", "lost"):
            open_events.pop(id(note.event), None)
    return list(open_events.values())


def read_claims(diaries: Sequence[Diary]) -> Claims:
    """Merge the diaries of one attempt; notes from before the first welcome belong to the stream that it opened."""
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
    """Yield the differences between the claims about one attempt and the rows of its client streams, in order."""
    yield from _uncovered(rows)
    stored_rows = [row for row in rows if row.event_type != "stream_closed"]
    for row in stored_rows:
        for seq in _numbers(row):
            yield from _compare_row((row.stream_id, seq), row, claims, server_may_lose)
    stored = {(row.stream_id, seq) for row in stored_rows for seq in _numbers(row)}
    for stream, seq in sorted(claims.acked - stored):
        yield f"{seq} of stream {stream} was acknowledged and is not stored"
    events = {(row.stream_id, row.seq) for row in stored_rows if row.event_type != "events_lost"}
    for numbers in claims.moved.values():
        if len(numbers & events) > 1:
            yield f"one event is stored {len(numbers & events)} times: {sorted(numbers & events)}"


def _numbers(row: Any) -> range:
    """Return the numbers that a row covers: its own, or all of a lost span."""
    return range(row.data_payload.get("from", row.seq) if row.event_type == "events_lost" else row.seq, row.seq + 1)


def _uncovered(rows: Sequence[Any]) -> Iterator[str]:
    """Yield where the rows of a stream do not cover 1 to its end exactly once, or continue after it was closed."""
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


def _compare_row(position: Position, row: Any, claims: Claims, server_may_lose: bool) -> Iterator[str]:
    stream, seq = position
    where = f"{seq} of stream {stream}"
    if position not in claims.at:
        yield f"{where} is stored as {row.event_type} and was never recorded"
        return
    event = claims.at[position]
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
