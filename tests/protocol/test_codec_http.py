"""Deliveries over HTTP are decoded like frames: as a whole if possible, else event by event."""

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import limits
from protocol.codec import Encoding, decode_candidate, decode_delivery
from protocol.codes import RejectCode
from protocol.errors import Malformed, ProtocolError, TooLarge
from protocol.events import Batch
from protocol.monitor import Done, Lost

STREAM = "0192f0c1-2d3e-7000-8000-000000000001"
GOOD = {"type": "copy", "at": 1, "mono": 2, "data": {"x": "y"}}


def body(**fields: Any) -> bytes:
    return json.dumps({"stream": STREAM, **fields}).encode()


def test_a_delivery_has_the_content_of_frames() -> None:
    data = body(
        first_seq=5,
        events=[GOOD, GOOD],
        lost={"to_seq": 4, "reason": "overflow"},
        done=[{"id": 1, "ok": False, "code": "unsupported"}],
        of_a_later_version=7,
    )
    delivered = decode_delivery(data)
    assert (delivered.stream, delivered.lost) == (UUID(STREAM), Lost(4, "overflow"))
    assert delivered.done == [Done(1, ok=False, code="unsupported")]
    assert delivered.batch is not None
    assert (delivered.batch.first_seq, delivered.batch.last_seq, delivered.batch.size) == (5, 6, len(data))


def test_a_delivery_without_events_has_no_batch() -> None:
    assert decode_delivery(body()).batch is None
    assert decode_delivery(body(first_seq=3, events=[])).batch is None


def test_a_bad_event_is_rejected_alone_and_nothing_else_is_lost() -> None:
    delivered = decode_delivery(body(first_seq=1, events=[GOOD, 7, GOOD], lost={"to_seq": 3, "reason": "x"}))
    assert delivered.batch is not None
    assert [entry.reject for entry in delivered.batch.entries] == [None, RejectCode.BAD_SHAPE, None]
    assert delivered.lost == Lost(3, "x")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"\xff", Malformed),
        (b"[]", Malformed),
        (b'{"events":[]}', Malformed),
        (body(events=[GOOD]), Malformed),
        (body(first_seq=limits.SEQ_MAX, events=[GOOD, GOOD]), Malformed),
        (body(first_seq=1, events={"a": 1}), Malformed),
        (body(done=[{"id": "x", "ok": True}]), Malformed),
        (body(done=[{"id": 1, "ok": True}] * (limits.ACTIONS + 1)), Malformed),
        (body(first_seq=1, events=[GOOD] * (limits.EVENTS_PER_FRAME + 1)), TooLarge),
        (body(x="y" * limits.FRAME_BYTES), TooLarge),
    ],
)
def test_a_body_that_cannot_be_decoded_is_refused(data: bytes, error: type[ProtocolError]) -> None:
    with pytest.raises(error):
        decode_delivery(data)


values = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=4), lambda some: st.lists(some, max_size=3), max_leaves=6
)
some_events = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["copy", "answered", "ended", "Bad"]), "at": st.integers(-1, 3), "mono": values},
        optional={"data": st.dictionaries(st.text(max_size=3), values, max_size=3) | values, "severity": values},
    )
    | values,
    min_size=1,
    max_size=5,
)


@given(events=some_events, first=st.integers(0, 4))
def test_events_become_the_same_entries_as_on_a_socket(events: list[Any], first: int) -> None:
    encoded = json.dumps(events)
    frame = f'{{"t":"events","first_seq":{first},"events":{encoded}}}'
    data = f'{{"stream":"{STREAM}","first_seq":{first},"events":{encoded}}}'.encode()
    try:
        batch = decode_candidate(frame, Encoding.JSON)
    except ProtocolError as error:
        with pytest.raises(type(error)):
            decode_delivery(data)
    else:
        assert isinstance(batch, Batch)
        delivered = decode_delivery(data).batch
        assert delivered is not None
        assert delivered.entries == batch.entries
