from functools import partial

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import TooLarge
from protocol.salvage.msgpack_frames import split_msgpack
from protocol.salvage.split_frame import SplitFrame

split = partial(split_msgpack, max_events=2**32)


def test_nesting_costs_no_recursion() -> None:
    packed = b"\x81\xa6events\x93\x01" + b"\x91" * 30_000 + b"\xc0\x02"
    assert split(packed) == SplitFrame(b"\x81\xa6events\x90", [b"\x01", b"\x91" * 30_000 + b"\xc0", b"\x02"])


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
def test_every_kind_of_packed_value_is_split_where_it_ends(events: list[object], other: object) -> None:
    encode = msgspec.msgpack.encode
    found = split(encode({"t": "events", "other": other, "events": events, "first_seq": 1}))
    assert found is not None
    assert found.events == [encode(event) for event in events]
    assert found.envelope == encode({"t": "events", "other": other, "events": [], "first_seq": 1})


def test_long_lists_and_strings_are_split_where_they_end() -> None:
    encode = msgspec.msgpack.encode
    events = ["x" * 70_000, b"y" * 70_000, [None] * 70_000, {str(key): key for key in range(70_000)}]
    found = split(encode({"events": events}))
    assert found is not None
    assert found.events == [encode(event) for event in events]


@pytest.mark.parametrize("key", [b"\xa6events", b"\xd9\x06events", b"\xda\0\x06events", b"\xdb\0\0\0\x06events"])
def test_every_spelling_of_the_packed_key_is_the_same_key(key: bytes) -> None:
    assert split(b"\x81" + key + b"\x91\x07") == SplitFrame(b"\x81" + key + b"\x90", [b"\x07"])


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
def test_a_packed_list_whose_elements_cannot_be_separated_is_not_split(raw: bytes) -> None:
    assert split(raw) is None


@given(st.binary(max_size=200))
def test_no_bytes_raise_an_error(raw: bytes) -> None:
    for data in (raw, b"\x81\xa6events\x92" + raw):
        split(data)


def test_a_list_of_too_many_events_is_not_read_to_its_end() -> None:
    assert split_msgpack(b"\x81\xa6events\x93\x01\x92\x02\x02\x03", 3) is not None
    for raw in (b"\x81\xa6events\x94\x01\x92\x02\x02\x03\x04", b"\x81\xa6events\x94\x01\x92\x02\x02\x03\xc1"):
        with pytest.raises(TooLarge):
            split_msgpack(raw, 3)
