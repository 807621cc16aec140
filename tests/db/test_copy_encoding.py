"""Rows of the COPY encoder, read back from PostgreSQL with ordinary queries."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from db import copy_encoding
from db.engine import connect_writer
from db.queries.events.insert import copy_events, is_poison
from db.segments import Segment
from db.settings import DatabaseSettings
from protocol import limits
from protocol.events import Entry, Event, to_entry

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=10,
)
payloads = st.dictionaries(words, values, max_size=5)
times = st.integers(0, limits.TIME_MAX_MS)
entries = st.builds(
    lambda kind, at, mono, severity, data: Entry(1, kind, at, mono, msgspec.json.encode(data).decode(), severity),
    st.from_regex(r"[a-z][a-z0-9_]{0,63}", fullmatch=True),
    times,
    times,
    st.none() | words.map(lambda word: word[: limits.SEVERITY_CHARS]),
    payloads,
)


@pytest.fixture
async def writer(database: DatabaseSettings) -> AsyncIterator[asyncpg.Connection]:
    conn = await connect_writer(database)
    yield conn
    await conn.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.lists(entries, min_size=1, max_size=20), first=st.integers(1, limits.SEQ_MAX - 20))
async def test_any_entry_is_read_back_as_it_was(writer: asyncpg.Connection, found: list[Entry], first: int) -> None:
    stream_id = uuid7()
    sent = tuple(msgspec.structs.replace(entry, seq=seq) for seq, entry in enumerate(found, first))
    await copy_events(writer, [Segment(stream_id, first, sent)])
    rows = await writer.fetch(
        """
        SELECT seq, event_type, severity, mono, client_timestamp, data_payload = sent.payload::jsonb AS same
        FROM monitoring_events JOIN unnest($2::bigint[], $3::text[]) AS sent (number, payload) ON number = seq
        WHERE stream_id = $1 ORDER BY seq
        """,
        stream_id,
        [entry.seq for entry in sent],
        [entry.payload for entry in sent],
    )
    assert [tuple(row) for row in rows] == [
        (entry.seq, entry.type, entry.severity, entry.mono, EPOCH + timedelta(milliseconds=entry.at), True)
        for entry in sent
    ]


def test_no_rows_are_encoded_as_header_and_trailer() -> None:
    assert copy_encoding.encode([]) == b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\xff\xff"


@pytest.mark.parametrize("changes", [{"mono": 2**63}, {"at": 2**62}, {"seq": -(2**63) - 1}, {"payload": "\ud800"}])
def test_a_value_no_column_holds_is_refused_before_anything_is_sent(changes: dict[str, Any]) -> None:
    entry = msgspec.structs.replace(Entry(1, "copy", 0, 0, "{}"), **changes)
    with pytest.raises(Exception) as caught:
        copy_encoding.encode([Segment(UUID(int=1), 1, (entry,))])
    assert is_poison(caught.value)


@pytest.mark.parametrize("number", [1e300, 1.7976931348623157e308, -5e-324, 4.5e-300, 1e99, 1e16, 1.5])
async def test_numbers_of_an_accepted_event_do_not_grow_beyond_the_limit_when_they_are_read(
    database: DatabaseSettings, number: float
) -> None:
    accepted = [count for count in range(1, 2_100) if _entry_of([number] * count).reject is None]
    assert accepted == list(range(1, len(accepted) + 1))
    payload = _entry_of([number] * len(accepted)).payload
    conn = await connect_writer(database)
    try:
        stored = await conn.fetchval("SELECT replace($1::text::jsonb::text, ' ', '')", payload)
    finally:
        await conn.close()
    assert 0.9 * limits.EVENT_BYTES < len(stored) <= limits.EVENT_BYTES or number == 1e16


def _entry_of(numbers: list[float]) -> Entry:
    return to_entry(Event("copy", 1, 1, {"x": numbers}), 1)
