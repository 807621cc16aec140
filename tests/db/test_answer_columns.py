from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.answer_columns import read_answers
from protocol.codes import RejectCode
from protocol.events import Entry, tombstone
from protocol.limits import ITEM_CHARS

STREAM = uuid4()
ITEM = "a" * ITEM_CHARS


def read(kind: str, payload: str) -> list[tuple[str, str]]:
    streams, seqs, monos, items, values = read_answers([(STREAM, Entry(7, kind, 1, 20, payload))])
    assert (streams, seqs, monos) in (([], [], []), ([STREAM], [7], [20]))
    return list(zip(items, values, strict=True))


@pytest.mark.parametrize(
    ("kind", "payload", "expected"),
    [
        ("answered", '{"item":"q1","value":"Paris","ms":812}', ("q1", '"Paris"')),
        ("answered", '{"value":["a","b"],"item":"q1"}', ("q1", '["a","b"]')),
        ("answered", '{"item":"q1","value":null}', ("q1", "null")),
        ("answered", '{"item":"q1","value":-1.5e3,"value_shown":"x"}', ("q1", "-1.5e3")),
        ("draft_saved", '{"item":"Ü雨😀","text":"Stra\\u00dfe\\n"}', ("Ü雨😀", '"Straße\\n"')),
        ("draft_saved", '{"item":"q","text":""}', ("q", '""')),
        ("answered", f'{{"item":"{ITEM}","value":1}}', (ITEM, "1")),
    ],
)
def test_an_event_with_an_item_and_a_value_is_a_revision(kind: str, payload: str, expected: tuple[str, str]) -> None:
    assert read(kind, payload) == [expected]


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("answered", '{"item":"q1"}'),
        ("answered", '{"value":1}'),
        ("answered", '{"item":"","value":1}'),
        ("answered", '{"item":3,"value":1}'),
        ("answered", f'{{"item":"{ITEM}a","value":1}}'),
        ("answered", '{"item":"q1","text":"x"}'),
        ("draft_saved", '{"item":"q1","value":"x"}'),
        ("draft_saved", '{"item":"q1","text":null}'),
        ("draft_saved", '{"item":"q1","text":["x"]}'),
        ("typing", '{"item":"q1","value":1,"text":"x"}'),
        ("answered", '{"item":"q1","value":'),
        ("answered", '{"item":"q1","value":"\\ud800"}'),
        ("answered", '{"item":"q1","value":"\udc80"}'),
    ],
)
def test_an_event_of_another_shape_is_no_revision_and_no_error(kind: str, payload: str) -> None:
    assert read(kind, payload) == []


def test_a_refused_answer_is_no_revision() -> None:
    stone = tombstone(3, RejectCode.TOO_LARGE, b'{"item":"q1","value":1}')
    assert read_answers([(STREAM, stone)]) == ([], [], [], [], [])


json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(value=json, item=st.text(min_size=1, max_size=ITEM_CHARS), streams=st.lists(st.uuids(), max_size=3))
def test_any_value_is_kept_as_it_is_and_each_under_its_own_number(
    value: object, item: str, streams: list[UUID]
) -> None:
    payload = msgspec.json.encode({"item": item, "value": value}).decode()
    rows = [(stream, Entry(seq, "answered", 0, seq, payload)) for seq, stream in enumerate(streams, 1)]
    found_streams, seqs, _, items, values = read_answers(rows)
    assert (found_streams, seqs) == (streams, list(range(1, 1 + len(streams))))
    assert {*items} <= {item}
    assert [msgspec.json.decode(value_text) for value_text in values] == [value] * len(streams)
