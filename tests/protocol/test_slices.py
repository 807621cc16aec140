import json
from collections.abc import Callable
from functools import partial

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import slices
from protocol.errors import TooLarge
from protocol.slices import Cut

MOST = 2**32
cut_json = partial(slices.cut_json, most=MOST)
cut_msgpack = partial(slices.cut_msgpack, most=MOST)


def test_the_events_are_cut_out_byte_for_byte() -> None:
    raw = b'{ "t":"events", "events" : [ {"a": [1, "]"]} ,"x", -1.5e3,null,[] ] , "first_seq":7}'
    assert cut_json(raw) == Cut(
        b'{ "t":"events", "events" : [] , "first_seq":7}', [b'{"a": [1, "]"]}', b'"x"', b"-1.5e3", b"null", b"[]"]
    )


def test_a_list_of_events_may_be_empty() -> None:
    assert cut_json(b'{"events":[ ]}') == Cut(b'{"events":[]}', [])


def test_an_escaped_key_is_the_same_key() -> None:
    assert cut_json(b'{"\\u0065vents":[1]}') == Cut(b'{"\\u0065vents":[]}', [b"1"])


def test_a_key_that_is_no_text_is_another_key() -> None:
    assert cut_json(b'{"\\u0065vents\xff":[1]}') is None


def test_only_the_frames_own_list_is_cut() -> None:
    raw = b'{"x":{"events":[1]},"events":[2]}'
    assert cut_json(raw) == Cut(b'{"x":{"events":[1]},"events":[]}', [b"2"])


def test_brackets_and_quotes_within_strings_end_nothing() -> None:
    assert cut_json(b'{"events":["]\\"]","\\\\"]}') == Cut(b'{"events":[]}', [b'"]\\"]"', b'"\\\\"'])


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
def test_a_list_that_cannot_be_told_apart_is_not_cut(raw: bytes) -> None:
    assert cut_json(raw) is None


@pytest.mark.parametrize("nest", [b"[" * 30_000 + b"]" * 30_000, b'{"a":' * 9_000 + b"1" + b"}" * 9_000])
def test_nesting_costs_no_recursion(nest: bytes) -> None:
    assert cut_json(b'{"events":[1,' + nest + b",2]}") == Cut(b'{"events":[]}', [b"1", nest, b"2"])
    packed = b"\x81\xa6events\x93\x01" + b"\x91" * 30_000 + b"\xc0\x02"
    assert cut_msgpack(packed) == Cut(b"\x81\xa6events\x90", [b"\x01", b"\x91" * 30_000 + b"\xc0", b"\x02"])


packed = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=300)
    | st.binary(max_size=300)
    | st.builds(msgspec.msgpack.Ext, st.integers(0, 127), st.binary(max_size=40)),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=20,
)


@given(st.lists(packed, max_size=20), packed)
def test_every_kind_of_packed_value_is_cut_where_it_ends(events: list[object], other: object) -> None:
    encode = msgspec.msgpack.encode
    cut = cut_msgpack(encode({"t": "events", "other": other, "events": events, "first_seq": 1}))
    assert cut is not None
    assert cut.events == [encode(event) for event in events]
    assert cut.envelope == encode({"t": "events", "other": other, "events": [], "first_seq": 1})


def test_long_lists_and_strings_are_cut_where_they_end() -> None:
    encode = msgspec.msgpack.encode
    events = ["x" * 70_000, b"y" * 70_000, [None] * 70_000, {str(key): key for key in range(70_000)}]
    cut = cut_msgpack(encode({"events": events}))
    assert cut is not None
    assert cut.events == [encode(event) for event in events]


@pytest.mark.parametrize("key", [b"\xa6events", b"\xd9\x06events", b"\xda\0\x06events", b"\xdb\0\0\0\x06events"])
def test_every_spelling_of_the_packed_key_is_the_same_key(key: bytes) -> None:
    assert cut_msgpack(b"\x81" + key + b"\x91\x07") == Cut(b"\x81" + key + b"\x90", [b"\x07"])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x91\x01",
        b"\x81\xa6events\x01",
        b"\x81\xa6events",
        b"\x81\xa6events\x92\x01",
        b"\x81\xa6events\x91\xc1",
        b"\x81\xa6events\x91\xa5ab",
        b"\x81\xa6events\xdd\xff\xff\xff\xff\x01",
        b"\x82\xa6events\x90\xa6events\x90",
        b"\x81\xa6stuffs\x90",
    ],
)
def test_a_packed_list_that_cannot_be_told_apart_is_not_cut(raw: bytes) -> None:
    assert cut_msgpack(raw) is None


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=10,
)


@given(st.lists(values, max_size=6), st.sampled_from([None, 1]))
def test_every_json_value_is_cut_where_it_ends(events: list[object], indent: int | None) -> None:
    cut = cut_json(json.dumps({"a": events, "events": events, "z": 1}, indent=indent).encode())
    assert cut is not None
    # Compared as text: NaN is not equal to itself.
    assert [json.dumps(json.loads(piece)) for piece in cut.events] == [json.dumps(event) for event in events]
    assert json.loads(cut.envelope)["events"] == []


@given(st.binary(max_size=200) | st.text('{}[]",:\\a1 ', max_size=200).map(str.encode))
def test_whatever_is_cut_nothing_is_raised(raw: bytes) -> None:
    for text in (raw, b'{"events":[' + raw + b"]}"):
        cut_json(text)
    for text in (raw, b"\x81\xa6events\x92" + raw):
        cut_msgpack(text)


@pytest.mark.parametrize(
    ("cut", "short", "long"),
    [
        (slices.cut_json, b'{"events":[1,[2,2],3]}', b'{"events":[1,[2,2],3,4]}'),
        (slices.cut_msgpack, b"\x81\xa6events\x93\x01\x92\x02\x02\x03", b"\x81\xa6events\x94\x01\x92\x02\x02\x03\x04"),
    ],
)
def test_a_list_of_too_many_is_not_cut_to_its_end(cut: Callable[..., Cut | None], short: bytes, long: bytes) -> None:
    assert cut(short, 3) is not None
    with pytest.raises(TooLarge):
        cut(long, 3)
    with pytest.raises(TooLarge):
        cut(long[:-1] + b"\xc1", 3)
