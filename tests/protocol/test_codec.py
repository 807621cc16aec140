import json
from typing import Any
from uuid import UUID

import msgspec
import pytest

from protocol import console, limits, monitor
from protocol.codec import (
    EmptyBatch,
    Encoding,
    decode_candidate,
    decode_console,
    decode_to_candidate,
    decode_to_console,
    encode,
    measure,
)
from protocol.codes import RejectCode
from protocol.errors import Malformed, TooLarge, UnknownFrame
from protocol.events import Batch, Event

ID = UUID("0192f0c1-2d3e-7000-8000-000000000001")
BOTH = pytest.mark.parametrize("encoding", list(Encoding))


def frame(*events: dict[str, Any], first_seq: int = 1) -> str:
    return json.dumps({"t": "events", "first_seq": first_seq, "events": list(events)})


def event(**changes: Any) -> dict[str, Any]:
    return {"type": "paste", "at": 1, "mono": 1, "data": {"chars": 3}} | changes


def rejects(text: str | bytes, encoding: Encoding = Encoding.JSON) -> list[RejectCode | None]:
    batch = decode_candidate(text, encoding)
    assert isinstance(batch, Batch)
    return [entry.reject for entry in batch.entries]


@BOTH
@pytest.mark.parametrize(
    "sent",
    [
        monitor.Hello(
            ticket="t", attempt_id=ID, boot=ID, acked=0, next_seq=1, client=monitor.Client("x", "1"), mono=5, at=6
        ),
        monitor.Ping(7),
        monitor.Lost(9, "queue_full"),
        monitor.Done(1, ok=False, code="unsupported"),
        monitor.Bye(),
    ],
    ids=lambda sent: type(sent).__name__,
)
def test_a_candidate_s_frame_is_decoded_as_it_was_encoded(sent: msgspec.Struct, encoding: Encoding) -> None:
    assert decode_candidate(encode(sent, encoding), encoding) == sent


@BOTH
def test_the_hub_s_frames_are_decoded_as_they_were_encoded(encoding: Encoding) -> None:
    ack = monitor.Ack(4, [monitor.Rejected(2, RejectCode.TOO_DEEP)])
    live = console.Live(ID, [console.Presence(1, online=True, events=5, seen_at=6)])
    assert decode_to_candidate(encode(ack, encoding), encoding) == ack
    assert decode_to_console(encode(live, encoding), encoding) == live


@BOTH
def test_a_console_frame_is_decoded_as_it_was_encoded(encoding: Encoding) -> None:
    watch = console.Watch(ID, console.Since("1-1", 7))
    assert decode_console(encode(watch, encoding), encoding) == watch


@BOTH
def test_events_become_a_batch_with_sequence_numbers(encoding: Encoding) -> None:
    sent = monitor.Events(7, [Event("copy", 1, 2), Event("paste", 3, 4, {"chars": 9}, "info")])
    batch = decode_candidate(encode(sent, encoding), encoding)
    assert isinstance(batch, Batch)
    assert (batch.first_seq, batch.last_seq) == (7, 8)
    assert [(e.seq, e.type, e.at, e.mono, e.payload, e.severity) for e in batch.entries] == [
        (7, "copy", 1, 2, "{}", None),
        (8, "paste", 3, 4, '{"chars":9}', "info"),
    ]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (event(type="Not A Type"), RejectCode.BAD_TYPE),
        (event(type="rejected"), RejectCode.BAD_TYPE),
        (event(type="connection_lost"), RejectCode.BAD_TYPE),
        (event(type="paused"), RejectCode.BAD_TYPE),
        (event(type="x" * 65), RejectCode.BAD_TYPE),
        (event(type=5), RejectCode.BAD_SHAPE),
        (event(data=[1]), RejectCode.BAD_SHAPE),
        (event(at="now"), RejectCode.BAD_SHAPE),
        ({"type": "paste"}, RejectCode.BAD_SHAPE),
        (event(severity="x" * 17), RejectCode.BAD_SHAPE),
        (event(at=-1), RejectCode.BAD_TIME),
        (event(at=2**53), RejectCode.BAD_TIME),
        (event(mono=2**64), RejectCode.BAD_TIME),
        (event(at=1.0), RejectCode.BAD_SHAPE),
        (event(mono=True), RejectCode.BAD_SHAPE),
        (event(at=None), RejectCode.BAD_SHAPE),
        (event(severity=5), RejectCode.BAD_SHAPE),
        (event(severity="\0"), RejectCode.BAD_UNICODE),
        (event(type="a\0"), RejectCode.BAD_TYPE),
        (event(mono=limits.TIME_MAX_MS + 1), RejectCode.BAD_TIME),
        (event(data={"n": 2**63}), RejectCode.BAD_NUMBER),
        (event(data={"deep": [{"n": -(2**63) - 1}]}), RejectCode.BAD_NUMBER),
        (event(data={"text": "a\0b"}), RejectCode.BAD_UNICODE),
        (event(data={"a\0": 1}), RejectCode.BAD_UNICODE),
        (event(data={"text": "x" * limits.EVENT_BYTES}), RejectCode.TOO_LARGE),
        (event(data={"text": "é" * (limits.EVENT_BYTES // 2)}), RejectCode.TOO_LARGE),
    ],
    ids=lambda case: case.name if isinstance(case, RejectCode) else "",
)
def test_a_bad_event_is_rejected_alone_and_keeps_its_number(bad: dict[str, Any], code: RejectCode) -> None:
    assert rejects(frame(event(), bad, event())) == [None, code, None]


def test_a_payload_may_nest_sixteen_deep_and_no_deeper() -> None:
    def nested(depth: int) -> dict[str, Any]:
        return {} if depth == 1 else {"d": nested(depth - 1)}

    assert rejects(frame(event(data=nested(16)))) == [None]
    assert rejects(frame(event(data=nested(17)))) == [RejectCode.TOO_DEEP]


def test_an_escaped_backslash_before_u0000_is_accepted() -> None:
    assert rejects(frame(event(data={"text": "\\u0000"}))) == [None]


def test_a_draft_may_be_larger_than_other_events() -> None:
    text = "x" * (limits.EVENT_BYTES + 1)
    assert rejects(frame(event(type="draft_saved", data={"item": "1", "text": text}))) == [None]


def test_an_events_frame_without_events_is_an_empty_batch() -> None:
    assert decode_candidate(frame(), Encoding.JSON) == EmptyBatch()


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"t": 5}', '{"first_seq": 1}', '{"t":"events","events":[]}'])
def test_an_envelope_that_cannot_be_decoded_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        decode_candidate(text, Encoding.JSON)


def test_an_unknown_tag_is_not_malformed_but_unknown() -> None:
    with pytest.raises(UnknownFrame, match="wave"):
        decode_candidate('{"t": "wave"}', Encoding.JSON)
    with pytest.raises(UnknownFrame, match="events"):
        decode_console('{"t": "events"}', Encoding.JSON)


def test_a_wrong_opcode_is_malformed() -> None:
    with pytest.raises(Malformed):
        decode_candidate(b'{"t":"ping","at":1}', Encoding.JSON)
    with pytest.raises(Malformed):
        decode_candidate("\x81", Encoding.MSGPACK)


def test_unknown_fields_are_skipped() -> None:
    assert decode_candidate('{"t": "ping", "at": 1, "new": [1, 2]}', Encoding.JSON) == monitor.Ping(1)


def test_a_frame_over_its_limit_is_too_large_counted_in_bytes() -> None:
    fits = '{"t":"ping","at":1,"x":"' + "é" * ((limits.FRAME_BYTES - 26) // 2) + '"}'
    assert decode_candidate(fits, Encoding.JSON) == monitor.Ping(1)
    with pytest.raises(TooLarge):
        decode_candidate(fits.replace("é", "éé", 1) + " " * 8, Encoding.JSON)


def test_a_frame_of_too_many_events_is_too_large() -> None:
    small = {"type": "a", "at": 1, "mono": 1}
    assert len(rejects(frame(*[small] * limits.EVENTS_PER_FRAME))) == limits.EVENTS_PER_FRAME
    with pytest.raises(TooLarge):
        decode_candidate(frame(*[small] * (limits.EVENTS_PER_FRAME + 1)), Encoding.JSON)


@BOTH
@pytest.mark.parametrize("bad", [event(), event(type="No Type")], ids=["good", "refused"])
@pytest.mark.parametrize("first_seq", [0, -1, limits.SEQ_MAX + 1, limits.SEQ_MAX, 1.0, 1.5, True, None, "1"])
def test_numbers_outside_their_range_are_malformed(first_seq: Any, bad: dict[str, Any], encoding: Encoding) -> None:
    sent = {"t": "events", "first_seq": first_seq, "events": [event(), bad]}
    data = json.dumps(sent) if encoding is Encoding.JSON else msgspec.msgpack.encode(sent)
    with pytest.raises(Malformed):
        decode_candidate(data, encoding)


def test_the_largest_numbers_are_accepted() -> None:
    assert rejects(frame(event(), event(), first_seq=limits.SEQ_MAX - 1)) == [None, None]
    assert rejects(frame(event(), event(type=5), first_seq=limits.SEQ_MAX - 1)) == [None, RejectCode.BAD_SHAPE]


def test_a_batch_counts_the_bytes_of_its_frame_not_its_characters() -> None:
    for text in ("eee", "äöü", "\0"):
        sent = json.dumps({"t": "events", "first_seq": 1, "events": [event(data={"v": text})]}, ensure_ascii=False)
        batch = decode_candidate(sent, Encoding.JSON)
        assert isinstance(batch, Batch)
        assert batch.size == len(sent.encode())


def test_error_details_are_short() -> None:
    with pytest.raises(Malformed) as malformed:
        decode_candidate('{"t":"done","id":1,"ok":true,"code":' + "[" * 9 + "]}" * 9, Encoding.JSON)
    assert len(str(malformed.value)) <= 200
    with pytest.raises(UnknownFrame) as unknown:
        decode_candidate(json.dumps({"t": "x" * 5_000}), Encoding.JSON)
    assert len(str(unknown.value)) <= 200


def test_a_struct_is_measured_by_its_json() -> None:
    assert measure(monitor.Ping(1)) == len(encode(monitor.Ping(1), Encoding.JSON)) == 19


@pytest.mark.parametrize("data", ["{", '{"t":"wave"}'])
def test_a_frame_of_the_hub_that_cannot_be_decoded_is_malformed(data: str) -> None:
    with pytest.raises(Malformed):
        decode_to_candidate(data, Encoding.JSON)
    with pytest.raises(Malformed):
        decode_to_console(data, Encoding.JSON)


def test_a_console_frame_with_wrong_fields_is_malformed() -> None:
    with pytest.raises(Malformed):
        decode_console('{"t":"unwatch","exam_id":7}', Encoding.JSON)
