"""The checker finds every possible difference between the database and the notes of its clients."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import from_ms
from db.models import MonitoringEvent
from protocol.events import Event
from tests.factories import make_attempt, make_exam, make_stream, make_user
from tests.faults.checker import Diary, check, unacknowledged
from veritas.client import Note

AT = 1_700_000_000_000


def event(number: int) -> Event:
    return Event("typing", AT + number, number, {"n": number, "x": 0.5}, "low")


class AttemptWithDiary:
    """One attempt whose client recorded four events and dropped two: [e1, e2, lost 3-4, e5, e6], all acknowledged."""

    def __init__(self, conn: AsyncConnection, attempt_id: UUID, stream: UUID) -> None:
        self.conn = conn
        self.stream = stream
        self.diary = Diary(attempt_id)
        self.events = {number: event(number) for number in range(1, 7)}
        self.write("recorded", *self.events, stream=None)
        self.write("lost", 3, 4, stream=None)
        self.diary.notes.append(Note("opened", stream, 0))
        self.write("acked", 1, 2)
        self.diary.notes.append(Note("acked", stream, 4, None, 2))
        self.write("acked", 5, 6)

    def write(self, what: Any, *numbers: int, stream: UUID | str | None = "own") -> None:
        place = self.stream if isinstance(stream, str) else stream
        self.diary.notes += [Note(what, place, number, self.events[number]) for number in numbers]

    async def store(self, stream: UUID, seq: int, one: Event | None = None, **columns: Any) -> None:
        one = one or Event("events_lost", AT, 0, columns.pop("data_payload", {}))
        row = {
            "stream_id": stream,
            "seq": seq,
            "mono": one.mono,
            "client_timestamp": from_ms(one.at),
            "event_type": one.type,
            "severity": one.severity,
            "data_payload": one.data,
        }
        await self.conn.execute(insert(MonitoringEvent).values(row | columns))

    async def change(self, seq: int, **columns: Any) -> None:
        place = (MonitoringEvent.stream_id == self.stream, MonitoringEvent.seq == seq)
        await self.conn.execute(update(MonitoringEvent).where(*place).values(**columns))

    async def remove(self, seq: int) -> None:
        place = (MonitoringEvent.stream_id == self.stream, MonitoringEvent.seq == seq)
        await self.conn.execute(delete(MonitoringEvent).where(*place))

    async def faults(self, **options: bool) -> Sequence[str]:
        return await check(self.conn, [self.diary], **options)


@pytest.fixture
async def seeded(conn: AsyncConnection) -> AttemptWithDiary:
    exam = await make_exam(conn, await make_user(conn))
    attempt = await make_attempt(conn, exam, await make_user(conn))
    seeded = AttemptWithDiary(conn, attempt, await make_stream(conn, attempt))
    for number in (1, 2, 5, 6):
        await seeded.store(seeded.stream, number, seeded.events[number])
    await seeded.store(seeded.stream, 4, data_payload={"from": 3, "reason": "overflow"})
    return seeded


async def test_a_correct_database_has_no_faults(seeded: AttemptWithDiary) -> None:
    assert await seeded.faults() == []
    assert unacknowledged(seeded.diary) == []


async def test_a_stored_event_without_its_ack_is_no_fault(seeded: AttemptWithDiary) -> None:
    seeded.diary.notes.pop()
    assert await seeded.faults() == []
    assert unacknowledged(seeded.diary) == [seeded.events[6]]


async def test_a_tombstone_is_no_fault(seeded: AttemptWithDiary) -> None:
    await seeded.change(2, event_type="rejected", data_payload={"code": "bad_type"})
    assert await seeded.faults() == []


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"event_type": "paste"}, "type was recorded as 'typing' and is stored as 'paste'"),
        ({"client_timestamp": from_ms(AT)}, f"at was recorded as {AT + 2} and is stored as {AT}"),
        ({"mono": 9}, "mono was recorded as 2 and is stored as 9"),
        ({"data_payload": {"n": 2, "x": 0.25}}, "data was recorded as {'n': 2, 'x': 0.5}"),
        ({"severity": None}, "severity was recorded as 'low' and is stored as None"),
        ({"event_type": "events_lost", "data_payload": {"from": 2, "reason": "overflow"}}, "and the client had it"),
        ({"event_type": "events_lost", "data_payload": {"from": 2, "reason": "server_lost"}}, "lost by the server"),
    ],
)
async def test_altered_content_is_found(seeded: AttemptWithDiary, columns: dict[str, Any], fault: str) -> None:
    await seeded.change(2, **columns)
    (found,) = await seeded.faults()
    assert found.startswith(f"attempt {seeded.diary.attempt_id}: 2 of stream {seeded.stream}")
    assert fault in found


async def test_events_that_the_server_lost_may_be_allowed(seeded: AttemptWithDiary) -> None:
    await seeded.change(2, event_type="events_lost", data_payload={"from": 2, "reason": "server_lost"})
    assert await seeded.faults(server_may_lose=True) == []


async def test_a_hole_is_found_with_the_acknowledged_events_in_it(seeded: AttemptWithDiary) -> None:
    await seeded.remove(5)
    hole, missing = await seeded.faults()
    assert "6 to 6 of stream" in hole
    assert hole.endswith("follow 4")
    assert f"5 of stream {seeded.stream} was acknowledged and is not stored" in missing


async def test_a_lost_tail_is_found(seeded: AttemptWithDiary) -> None:
    await seeded.remove(6)
    (missing,) = await seeded.faults()
    assert "6 of stream" in missing
    assert "was acknowledged and is not stored" in missing


async def test_a_lost_beginning_is_found(seeded: AttemptWithDiary) -> None:
    await seeded.remove(1)
    assert [fault.split(": ")[1].split()[0] for fault in await seeded.faults()] == ["2", "1"]


async def test_a_span_that_reaches_too_far_is_found(seeded: AttemptWithDiary) -> None:
    await seeded.change(4, data_payload={"from": 2, "reason": "overflow"})
    found = await seeded.faults()
    assert any("2 to 4 of stream" in fault for fault in found)
    assert any("is stored as lost, and the client had it" in fault for fault in found)


async def test_an_event_where_the_client_dropped_one_is_found(seeded: AttemptWithDiary) -> None:
    await seeded.change(4, data_payload={"from": 4, "reason": "overflow"})
    await seeded.store(seeded.stream, 3, seeded.events[3])
    (found,) = await seeded.faults()
    assert "3 of stream" in found
    assert "the client has dropped it" in found


async def test_an_event_that_was_never_recorded_is_found_in_any_stream_of_the_attempt(
    seeded: AttemptWithDiary,
) -> None:
    foreign = await make_stream(seeded.conn, seeded.diary.attempt_id)
    await seeded.store(seeded.stream, 7, event(7))
    await seeded.store(foreign, 1, event(1))
    found = await seeded.faults()
    assert sum("was never recorded" in fault for fault in found) == len(found) == 2


async def test_one_event_stored_under_two_numbers_is_found(seeded: AttemptWithDiary) -> None:
    newer = await make_stream(seeded.conn, seeded.diary.attempt_id)
    seeded.diary.notes += [Note("opened", newer, 0), Note("renumbered", newer, 1, seeded.events[6])]
    assert await seeded.faults() == []
    await seeded.store(newer, 1, seeded.events[6])
    (found,) = await seeded.faults()
    assert "one event is stored 2 times" in found


async def test_a_closed_stream_ends_where_the_hub_closed_it(seeded: AttemptWithDiary) -> None:
    closing = Event("stream_closed", AT, 6, {"next": "…"})
    await seeded.store(seeded.stream, 7, closing)
    assert await seeded.faults() == []
    seeded.diary.notes.append(Note("recorded", seeded.stream, 8, seven := event(7)))
    await seeded.store(seeded.stream, 8, seven)
    assert any("8 of stream" in fault and "after the stream was closed" in fault for fault in await seeded.faults())


async def test_equal_events_are_not_one_event(seeded: AttemptWithDiary) -> None:
    twin = event(6)
    seeded.diary.notes.append(Note("recorded", seeded.stream, 7, twin))
    await seeded.store(seeded.stream, 7, twin)
    assert await seeded.faults() == []


async def test_two_clients_of_one_attempt_are_read_together(seeded: AttemptWithDiary) -> None:
    other = Diary(seeded.diary.attempt_id)
    stream = await make_stream(seeded.conn, other.attempt_id)
    other.notes += [Note("opened", stream, 0), Note("recorded", stream, 1, seeded.events[1])]
    await seeded.store(stream, 1, event(1))
    found = await check(seeded.conn, [seeded.diary, Diary(other.attempt_id)])
    assert len(found) == 1
    other.notes[1] = Note("recorded", stream, 1, event(1))
    assert await check(seeded.conn, [seeded.diary, other]) == []


async def test_lost_numbers_carried_into_a_new_stream_are_expected_there(seeded: AttemptWithDiary) -> None:
    newer = await make_stream(seeded.conn, seeded.diary.attempt_id)
    seven = seeded.events[7] = event(7)
    seeded.diary.notes += [
        Note("opened", newer, 0),
        Note("renumbered", newer, 3, None, 3),
        Note("renumbered", newer, 4, seven),
        Note("acked", newer, 3, None, 3),
        Note("acked", newer, 4, seven),
    ]
    await seeded.store(newer, 3, data_payload={"from": 1, "reason": "overflow"})
    await seeded.store(newer, 4, seven)
    assert await seeded.faults() == []
