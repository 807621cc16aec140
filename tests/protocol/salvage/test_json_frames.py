import json
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import TooLarge
from protocol.salvage.json_frames import split_json
from protocol.salvage.split_frame import SplitFrame

split = partial(split_json, max_events=2**32)


def test_the_events_are_split_byte_for_byte() -> None:
    raw = b'{ "t":"events", "events" : [ {"a": [1, "]"]} ,"x", -1.5e3,null,[] ] , "first_seq":7}'
    assert split(raw) == SplitFrame(
        b'{ "t":"events", "events" : [] , "first_seq":7}', [b'{"a": [1, "]"]}', b'"x"', b"-1.5e3", b"null", b"[]"]
    )


def test_a_list_of_events_may_be_empty() -> None:
    assert split(b'{"events":[ ]}') == SplitFrame(b'{"events":[]}', [])


def test_an_escaped_key_is_the_same_key() -> None:
    assert split(b'{"\\u0065vents":[1]}') == SplitFrame(b'{"\\u0065vents":[]}', [b"1"])


def test_a_key_that_is_not_text_is_another_key() -> None:
    assert split(b'{"\\u0065vents\xff":[1]}') is None


def test_only_the_frame_s_own_list_is_split() -> None:
    raw = b'{"x":{"events":[1]},"events":[2]}'
    assert split(raw) == SplitFrame(b'{"x":{"events":[1]},"events":[]}', [b"2"])


def test_brackets_and_quotes_within_strings_end_nothing() -> None:
    assert split(b'{"events":["]\\"]","\\\\"]}') == SplitFrame(b'{"events":[]}', [b'"]\\"]"', b'"\\\\"'])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"7",
        b'{"events":7}',
        b'{"event":[1]}',
        b'{"events":[1]',
        b'{"events":[1',
        b'{"events":["x]}',
        b'{"events":[,1]}',
        b'{"events":[1,]}',
        b'{"events":[1 2]}',
        b'{"events":[{} {}]}',
        b'{"events":[{"a":1]}]}',
        b'{"events":[[1}]}',
        b'{"events":[:]}',
        b'{"events":[1],"events":[2]}',
        b'{"events" [1]}',
    ],
)
def test_a_list_whose_elements_cannot_be_separated_is_not_split(raw: bytes) -> None:
    assert split(raw) is None


@pytest.mark.parametrize("nest", [b"[" * 30_000 + b"]" * 30_000, b'{"a":' * 9_000 + b"1" + b"}" * 9_000])
def test_nesting_costs_no_recursion(nest: bytes) -> None:
    assert split(b'{"events":[1,' + nest + b",2]}") == SplitFrame(b'{"events":[]}', [b"1", nest, b"2"])


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=10,
)


@given(st.lists(values, max_size=6), st.sampled_from([None, 1]))
def test_every_json_value_is_split_where_it_ends(events: list[object], indent: int | None) -> None:
    found = split(json.dumps({"a": events, "events": events, "z": 1}, indent=indent).encode())
    assert found is not None
    # Compared as text: NaN is not equal to itself.
    assert [json.dumps(json.loads(piece)) for piece in found.events] == [json.dumps(event) for event in events]
    assert json.loads(found.envelope)["events"] == []


@given(st.binary(max_size=200) | st.text('{}[]",:\\a1 ', max_size=200).map(str.encode))
def test_no_bytes_raise_an_error(raw: bytes) -> None:
    for text in (raw, b'{"events":[' + raw + b"]}"):
        split(text)


def test_a_list_of_too_many_events_is_not_read_to_its_end() -> None:
    assert split_json(b'{"events":[1,[2,2],3]}', 3) is not None
    for raw in (b'{"events":[1,[2,2],3,4]}', b'{"events":[1,[2,2],3,4]\xc1'):
        with pytest.raises(TooLarge):
            split_json(raw, 3)
