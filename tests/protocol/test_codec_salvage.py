"""One bad event never affects its neighbors: it is rejected alone, with code and bytes, in both encodings."""

import datetime
import json
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from protocol import limits
from protocol.codec import Encoding, decode_candidate
from protocol.codes import RejectCode
from protocol.errors import Malformed, ProtocolError, TooLarge, UnknownFrame
from protocol.events import Batch, Entry

GOOD = '{"type":"paste","at":1,"mono":1,"data":{"chars":3}}'
A_MOMENT = datetime.datetime(2026, 11, 28, 12, 0, 0, 250_000, datetime.UTC)
PACK = msgspec.msgpack.encode
PACKED_GOOD = PACK(json.loads(GOOD))


def entries(data: str | bytes) -> tuple[Entry, ...]:
    encoding = Encoding.JSON if isinstance(data, str) else Encoding.MSGPACK
    batch = decode_candidate(data, encoding)
    assert isinstance(batch, Batch)
    assert [entry.seq for entry in batch.entries] == list(range(batch.first_seq, batch.last_seq + 1))
    return batch.entries


def frame(*events: str) -> str:
    return '{"t":"events","first_seq":7,"events":[' + ",".join(events) + "]}"


def packed_frame(*events: bytes) -> bytes:
    head = b"\x83\xa1t\xa6events\xa9first_seq\x07\xa6events\xdc" + len(events).to_bytes(2, "big")
    return head + b"".join(events)


def with_data(data: str) -> str:
    return '{"type":"paste","at":1,"mono":1,"data":' + data + "}"


def packed(**changes: Any) -> bytes:
    return PACK({"type": "paste", "at": 1, "mono": 1} | changes)


def packed_with(value: bytes) -> bytes:
    """An event whose payload holds these bytes, taken as they are, a level deeper than the payload itself."""
    return b"\x84\xa4type\xa5paste\xa2at\x01\xa4mono\x01\xa4data\x81\xa1v\x91" + value


DEEP = "[" * 10_000 + "]" * 10_000


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (with_data('{"v":"\\ud800"}'), RejectCode.BAD_UNICODE),
        (with_data('{"v":"\\udc00\\ud800"}'), RejectCode.BAD_UNICODE),
        (with_data('{"\\ud800":1}'), RejectCode.BAD_UNICODE),
        (with_data('{"v":"\ud800"}'), RejectCode.BAD_UNICODE),
        (with_data('{"v":["\\u0000"]}'), RejectCode.BAD_UNICODE),
        ('{"type":"\\ud800","at":1,"mono":1}', RejectCode.BAD_UNICODE),
        (with_data('{"v":' + DEEP + "}"), RejectCode.TOO_DEEP),
        (with_data('{"v":' + DEEP[9_000:-9_000] + "}"), RejectCode.TOO_DEEP),
        (with_data(DEEP), RejectCode.BAD_SHAPE),
        (DEEP, RejectCode.BAD_SHAPE),
        (with_data('{"v":1e400}'), RejectCode.BAD_NUMBER),
        (with_data('{"v":[{"w":-1e999}]}'), RejectCode.BAD_NUMBER),
        (with_data('{"v":' + "9" * 400 + "}"), RejectCode.BAD_NUMBER),
        (with_data('{"v":-' + "9" * 9_000 + "}"), RejectCode.BAD_NUMBER),
        (with_data('{"v":9223372036854775808}'), RejectCode.BAD_NUMBER),
        (with_data('{"v":NaN}'), RejectCode.BAD_NUMBER),
        (with_data('{"v":[-Infinity]}'), RejectCode.BAD_NUMBER),
        (GOOD.replace('"at":1', '"at":1e400'), RejectCode.BAD_TIME),
        (GOOD.replace('"at":1', '"at":' + "9" * 400), RejectCode.BAD_TIME),
        (GOOD.replace('"mono":1', '"mono":' + "9" * 9_000), RejectCode.BAD_TIME),
        (GOOD.replace('"mono":1', '"mono":-1'), RejectCode.BAD_TIME),
        (GOOD.replace('"mono":1', '"mono":1.0'), RejectCode.BAD_SHAPE),
        (GOOD.replace("paste", "x" * 65), RejectCode.BAD_TYPE),
        (with_data('{"v":01}'), RejectCode.BAD_SHAPE),
        (with_data('{"v":"\t"}'), RejectCode.BAD_SHAPE),
        (with_data('{"v" 1}'), RejectCode.BAD_SHAPE),
        ("7", RejectCode.BAD_SHAPE),
        ("null", RejectCode.BAD_SHAPE),
        ('"text"', RejectCode.BAD_SHAPE),
        ("[]", RejectCode.BAD_SHAPE),
        ("{}", RejectCode.BAD_SHAPE),
        ("nonsense", RejectCode.BAD_SHAPE),
    ],
    ids=lambda case: case.name if isinstance(case, RejectCode) else ascii(case[-30:]),
)
def test_text_that_is_not_an_event_is_rejected_alone_with_its_bytes(bad: str, code: RejectCode) -> None:
    before, refused, after = entries(frame(GOOD, bad, GOOD))
    assert (before.reject, refused.reject, after.reject) == (None, code, None)
    assert (before.payload, after.payload) == ('{"chars":3}', '{"chars":3}')
    assert refused.raw == bad.encode(errors="surrogatepass")
    assert (refused.type, refused.payload) == ("rejected", f'{{"code":"{code}"}}')


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (packed_with(PACK(float("nan"))), RejectCode.BAD_NUMBER),
        (packed_with(b"\xca\x7f\xc0\0\0"), RejectCode.BAD_NUMBER),
        (packed_with(PACK(float("-inf"))), RejectCode.BAD_NUMBER),
        (packed_with(PACK(2**64 - 1)), RejectCode.BAD_NUMBER),
        (packed_with(PACK(b"bytes")), RejectCode.BAD_SHAPE),
        (packed_with(PACK(msgspec.msgpack.Ext(5, b"x"))), RejectCode.BAD_SHAPE),
        (packed_with(PACK(A_MOMENT)), RejectCode.BAD_SHAPE),
        (packed_with(PACK({1: 2})), RejectCode.BAD_SHAPE),
        (packed_with(PACK({b"a": 2})), RejectCode.BAD_SHAPE),
        (packed_with(PACK({None: 2})), RejectCode.BAD_SHAPE),
        (packed_with(PACK({1.5: 2})), RejectCode.BAD_SHAPE),
        (packed_with(PACK({(1, 2): 2})), RejectCode.BAD_SHAPE),
        (packed_with(b"\x81\x80\x01"), RejectCode.BAD_SHAPE),
        (packed_with(b"\xa1\xff"), RejectCode.BAD_UNICODE),
        (packed_with(b"\xa3\xed\xa0\x80"), RejectCode.BAD_UNICODE),
        (packed_with(b"\xa1\0"), RejectCode.BAD_UNICODE),
        (packed_with(b"\x91" * 10_000 + b"\xc0"), RejectCode.TOO_DEEP),
        (packed_with(b"\x91" * 20 + b"\xc0"), RejectCode.TOO_DEEP),
        (packed(data={"v": float("nan")}), RejectCode.BAD_NUMBER),
        (packed(data={"v": b"bytes"}), RejectCode.BAD_SHAPE),
        (packed(data={"v": A_MOMENT}), RejectCode.BAD_SHAPE),
        (packed(data={1: 2}), RejectCode.BAD_SHAPE),
        (packed(type=b"paste"), RejectCode.BAD_SHAPE),
        (packed(at=1.0), RejectCode.BAD_SHAPE),
        (packed(at=True), RejectCode.BAD_SHAPE),
        (packed(at=2**64 - 1), RejectCode.BAD_TIME),
        (packed(mono=-1), RejectCode.BAD_TIME),
        (PACK(7), RejectCode.BAD_SHAPE),
        (PACK(["paste", 1, 1]), RejectCode.BAD_SHAPE),
    ],
    ids=lambda case: case.name if isinstance(case, RejectCode) else repr(case[-20:]),
)
def test_packed_bytes_that_are_not_an_event_are_rejected_alone_with_their_bytes(bad: bytes, code: RejectCode) -> None:
    before, refused, after = entries(packed_frame(PACKED_GOOD, bad, PACKED_GOOD))
    assert (before.reject, refused.reject, after.reject) == (None, code, None)
    assert (before.payload, after.payload) == ('{"chars":3}', '{"chars":3}')
    assert refused.raw == bad


@pytest.mark.parametrize(
    "text",
    [
        frame(GOOD, "") + "",
        frame(GOOD + GOOD),
        frame(GOOD + " " + GOOD),
        frame(GOOD)[:-1],
        frame(GOOD) + "}",
        frame(GOOD[:-1]),
        frame("\\ud800") + "x",
        '{"t":"events","first_seq":1,"events":{}}',
        '{"t":"events","first_seq":1,"events":"\\ud800"}',
        '{"t":"events","events":["\\ud800"]}',
        '{"t":"events","first_seq":1,"x":"\\ud800","events":[' + GOOD + "]}",
        '{"t":"events","first_seq":1,"events":["\\ud800"],"events":[]}',
        '{"t":"\\ud800","first_seq":1,"events":[]}',
        '{"t":"lost","to_seq":1,"reason":"\\ud800"}',
        '{"first_seq":1,"events":["\\ud800"]}',
    ],
)
def test_an_envelope_that_cannot_be_decoded_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        decode_candidate(text, Encoding.JSON)


def test_an_unknown_frame_is_unknown_with_any_events() -> None:
    with pytest.raises(UnknownFrame):
        decode_candidate('{"t":"wave","events":["\\ud800"]}', Encoding.JSON)


def test_an_unknown_field_rejects_no_event() -> None:
    odd = '{"type":"paste","at":1,"mono":1,"data":{},"new":1e400}'
    assert [entry.reject for entry in entries(frame(odd))] == [None]
    assert [entry.reject for entry in entries(frame(odd, "7"))] == [None, RejectCode.BAD_SHAPE]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from([2**63, -(2**63) - 1, 2**53, 0, -1])
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["\0", "[", "null", "1234567890123456789", "é" * 3_000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
kinds = st.sampled_from(["paste", "draft_saved", "own_type", "No Type", "paused", ""])
times = st.sampled_from([0, 1, 2**53, -1, 1.5, None])
events = st.fixed_dictionaries(
    {"type": kinds, "at": times, "mono": st.just(1)},
    optional={
        "data": st.dictionaries(st.text(max_size=3), values, max_size=3) | values,
        "severity": st.text(max_size=18),
    },
)


@given(st.lists(events | values, min_size=1, max_size=5))
def test_an_event_s_result_does_not_depend_on_its_neighbors(sent: list[Any]) -> None:
    """The quick check of a whole frame and the exact one of each event agree, in both encodings."""
    pieces = [json.dumps(event) for event in sent]
    assume(sum(map(len, pieces)) < limits.FRAME_BYTES / 2)
    together = entries(frame(*pieces))
    alone = [entries(frame("7", piece))[1] for piece in pieces]
    assert [strip(entry) for entry in together] == [strip(entry) for entry in alone]
    try:
        packed_pieces = [PACK(event) for event in sent]
    except OverflowError:
        return
    packed_together = entries(packed_frame(*packed_pieces))
    assert [strip(entry) for entry in packed_together] == [
        strip(entries(packed_frame(b"\x07", piece))[1]) for piece in packed_pieces
    ]
    assert [entry.reject is None for entry in packed_together] == [entry.reject is None for entry in together]
    for entry in together:
        if entry.reject is None:
            assert "\\u0000" not in entry.payload.replace("\\\\", "")
            assert msgspec.json.encode(json.loads(entry.payload)).decode() == entry.payload


def strip(entry: Entry) -> Entry:
    return msgspec.structs.replace(entry, seq=0)


@given(st.text('{}[]":,\\ud80ntrue1e9 ', max_size=60))
def test_any_text_for_an_event_is_accepted_rejected_or_malformed(text: str) -> None:
    try:
        taken = entries(frame(GOOD, text, GOOD))
    except ProtocolError:
        return
    assert taken[0].reject is None
    assert taken[-1].reject is None


def test_events_over_the_limit_are_not_decoded() -> None:
    many = [GOOD] * limits.EVENTS_PER_FRAME + ['"\\ud800"']
    with pytest.raises(TooLarge):
        decode_candidate(frame(*many), Encoding.JSON)
    with pytest.raises(TooLarge):
        decode_candidate(frame(*many) + "no JSON at all", Encoding.JSON)
    with pytest.raises(TooLarge):
        decode_candidate(packed_frame(*[b"\xc1"] * (limits.EVENTS_PER_FRAME + 1)), Encoding.MSGPACK)


def test_the_events_of_another_frame_are_ignored() -> None:
    many = ",".join(["1"] * (limits.EVENTS_PER_FRAME + 1))
    with pytest.raises(UnknownFrame):
        decode_candidate(f'{{"t":"wave","events":[{many}]}}', Encoding.JSON)
