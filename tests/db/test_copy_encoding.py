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
from protocol.events import Entry

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
