from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.audit.chain import GENESIS, Anchor, AuditRecord, canonical_bytes, extend, link, parse_anchor

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
records = st.builds(
    AuditRecord,
    id=st.uuids(),
    actor_id=st.none() | st.uuids(),
    action=texts,
    resource=texts,
    resource_id=texts,
    details=st.dictionaries(texts, texts, max_size=4),
    ip=st.none() | texts,
    user_agent=st.none() | texts,
    at=st.integers(0, 2**52).map(lambda us: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)),
)


@given(records, records)
def test_two_different_rows_never_have_the_same_bytes(one: AuditRecord, other: AuditRecord) -> None:
    assert (canonical_bytes(one) == canonical_bytes(other)) is (one == other)


@given(records)
def test_the_order_of_details_does_not_matter(record: AuditRecord) -> None:
    reversed_details = dict(reversed(record.details.items()))
    assert canonical_bytes(msgspec.structs.replace(record, details=reversed_details)) == canonical_bytes(record)


@given(st.lists(records, min_size=1, max_size=6), st.data())
def test_every_link_from_a_changed_row_on_is_another_one(rows: list[AuditRecord], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    changed = [*rows]
    changed[at] = msgspec.structs.replace(rows[at], action=rows[at].action + "x")
    before, after = list(extend(GENESIS, rows)), list(extend(GENESIS, changed))
    assert [old == new for old, new in zip(before, after, strict=True)] == [True] * at + [False] * (len(rows) - at)


@given(st.lists(records, max_size=6), st.integers(0, 6))
def test_a_chain_is_continued_from_any_link(rows: list[AuditRecord], cut: int) -> None:
    whole = list(extend(GENESIS, rows))
    begun = list(extend(GENESIS, rows[:cut]))
    assert whole == begun + list(extend(begun[-1] if begun else GENESIS, rows[cut:]))


@given(st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_a_printed_anchor_is_parsed_again(n: int, digest: bytes) -> None:
    anchor = Anchor(n, digest)
    assert parse_anchor(f" {anchor}\n") == anchor


@pytest.mark.parametrize("text", ["", "1", "x:00", "1:00", f"0:{'00' * 32}", f"1:{'zz' * 32}"])
def test_what_is_no_anchor_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_anchor(text)


def test_a_link_is_what_the_docs_say() -> None:
    """A golden value: stored chains depend on it (docs/access.md)."""
    record = AuditRecord(
        id=UUID("0192f0c1-2d3e-7000-8000-000000000001"),
        actor_id=None,
        action="end",
        resource="attempt",
        resource_id="é",
        details={"b": "2", "a": "1"},
        ip="0a1b",
        user_agent=None,
        at=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    )
    written = (
        '["0192f0c1-2d3e-7000-8000-000000000001",null,"end","attempt","é",{"a":"1","b":"2"},"0a1b",null,'
        "1767323045000006]"
    )
    assert canonical_bytes(record) == written.encode()
    assert link(GENESIS, record) == sha256(bytes(32) + written.encode()).digest()
