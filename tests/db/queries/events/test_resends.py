from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.queries.events import resends
from protocol import limits
from protocol.codes import RejectCode
from protocol.events import Entry, lost_entry, tombstone
from tests.factories import make_attempt, make_exam, make_stream, make_user

SENT = Entry(1, "paste", 1_700_000_000_123, 10, '{"chars":3,"item":"q1"}', "info")


@pytest.fixture
async def attempt_id(conn: AsyncConnection) -> UUID:
    exam_id = await make_exam(conn, await make_user(conn))
    return await make_attempt(conn, exam_id, await make_user(conn))


@pytest.fixture
async def stream_id(conn: AsyncConnection, attempt_id: UUID) -> UUID:
    return await make_stream(conn, attempt_id)


async def store(conn: AsyncConnection, stream_id: UUID, *entries: Entry) -> None:
    for entry in entries:
        await conn.execute(
            text(
                "INSERT INTO monitoring_events (stream_id, seq, mono, client_timestamp, event_type, severity, "
                "data_payload) VALUES (:stream, :seq, :mono, "
                "timestamptz 'epoch' + CAST(:at AS bigint) / 1000 * interval '1 s' "
                "+ CAST(:at AS bigint) % 1000 * interval '1 ms', :type, :severity, CAST(:payload AS jsonb))"
            ),
            {"stream": stream_id, **{name: getattr(entry, name) for name in ("seq", "mono", "at", "type", "severity")}}
            | {"payload": entry.payload},
        )


async def stored_events(conn: AsyncConnection, attempt_id: UUID) -> list[dict[str, Any]]:
    rows = await conn.execute(
        text(
            "SELECT data_payload FROM monitoring_events JOIN event_streams ON id = stream_id "
            "WHERE attempt_id = :attempt AND event_type = 'altered_resend' ORDER BY seq"
        ),
        {"attempt": attempt_id},
    )
    return list(rows.scalars())


@pytest.mark.parametrize(
    "changes",
    [{"type": "copy"}, {"at": SENT.at + 1}, {"mono": 11}, {"severity": None}, {"severity": "critical"}]
    + [
        {"payload": payload}
        for payload in ('{"chars":4,"item":"q1"}', '{"chars":3}', "{}", '{"chars":"3","item":"q1"}')
    ],
)
async def test_any_difference_is_found_and_recorded(
    conn: AsyncConnection, attempt_id: UUID, stream_id: UUID, changes: dict[str, Any]
) -> None:
    await store(conn, stream_id, SENT)
    altered = msgspec.structs.replace(SENT, **changes)
    assert await resends.record_altered_resends(conn, attempt_id, stream_id, [altered]) == [1]
    assert await stored_events(conn, attempt_id) == [{"stream": str(stream_id), "seqs": [1]}]


@pytest.mark.parametrize("payload", ['{"item":"q1","chars":3}', '{ "chars" : 3.0, "item" : "\\u00711" }'])
async def test_the_same_content_in_other_words_is_no_difference(
    conn: AsyncConnection, attempt_id: UUID, stream_id: UUID, payload: str
) -> None:
    await store(conn, stream_id, SENT)
    again = msgspec.structs.replace(SENT, payload=payload)
    assert await resends.record_altered_resends(conn, attempt_id, stream_id, [again]) == []
    assert await stored_events(conn, attempt_id) == []


@pytest.mark.parametrize("at", [0, 1, 1_699_999_999_999, limits.TIME_MAX_MS])
async def test_times_are_compared_to_the_millisecond_in_any_year(
    conn: AsyncConnection, attempt_id: UUID, stream_id: UUID, at: int
) -> None:
    entry = msgspec.structs.replace(SENT, at=at)
    await store(conn, stream_id, entry)
    assert await resends.record_altered_resends(conn, attempt_id, stream_id, [entry]) == []


async def test_a_number_is_recorded_once_even_when_it_is_sent_often(
    conn: AsyncConnection, attempt_id: UUID, stream_id: UUID
) -> None:
    entries = [msgspec.structs.replace(SENT, seq=seq) for seq in (1, 2, 3)]
    await store(conn, stream_id, *entries)
    altered = [msgspec.structs.replace(entry, type="cut") for entry in entries]
    assert await resends.record_altered_resends(conn, attempt_id, stream_id, altered[:2]) == [1, 2]
    assert await resends.record_altered_resends(conn, attempt_id, stream_id, altered) == [3]
    assert await resends.record_altered_resends(conn, attempt_id, stream_id, altered) == []
    assert [event["seqs"] for event in await stored_events(conn, attempt_id)] == [[1, 2], [3]]


@pytest.mark.parametrize(
    "stored",
    [tombstone(1, RejectCode.BAD_SHAPE, b""), lost_entry(1, 1, "overflow"), Entry(1, "stream_closed", 0, 0, "{}")],
    ids=["tombstone", "span", "end"],
)
async def test_a_marker_has_no_content_to_compare(
    conn: AsyncConnection, attempt_id: UUID, stream_id: UUID, stored: Entry
) -> None:
    await store(conn, stream_id, stored)
    poison = msgspec.structs.replace(SENT, payload='{"x":"\\u0000"}')
    assert await resends.record_altered_resends(conn, attempt_id, stream_id, [poison]) == []


async def test_a_tombstone_or_a_span_sent_again_is_not_compared(
    conn: AsyncConnection, attempt_id: UUID, stream_id: UUID
) -> None:
    await store(conn, stream_id, SENT, msgspec.structs.replace(SENT, seq=2))
    sent = [tombstone(1, RejectCode.TOO_LARGE, b"x"), lost_entry(2, 2, "overflow")]
    assert await resends.record_altered_resends(conn, attempt_id, stream_id, sent) == []


async def test_a_number_without_a_row_is_not_compared(conn: AsyncConnection, attempt_id: UUID, stream_id: UUID) -> None:
    await store(conn, stream_id, lost_entry(1, 9, "overflow"))
    inside = msgspec.structs.replace(SENT, seq=5)
    assert await resends.record_altered_resends(conn, attempt_id, stream_id, [inside]) == []
