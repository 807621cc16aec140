"""Stage 2 of 9: decode frames from bytes, or raise a typed error, and encode frames (docs/path-of-an-event.md).

JSON in text frames, the same structs as MessagePack in binary frames. Pure: it knows no socket.
One bad event never affects its neighbors: if a frame of events cannot be decoded as a whole, each event is decoded
alone.
"""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Final, Protocol, TypeVar
from uuid import UUID

import msgspec

from protocol import console, limits, monitor
from protocol.codes import RejectCode
from protocol.errors import Malformed, TooLarge, UnknownFrame
from protocol.events import Batch, Entry, Event, to_entries, to_entry, tombstone
from protocol.salvage.json_frames import split_json
from protocol.salvage.msgpack_frames import split_msgpack
from protocol.text.costly_json import SMALL_BYTES, takes_long


class Encoding(StrEnum):
    """The subprotocols that a client may offer. Without one, JSON is used."""

    JSON = "veritas.v1.json"
    MSGPACK = "veritas.v1.msgpack"


class EmptyBatch(msgspec.Struct, frozen=True):
    """An `events` frame without events. The hub sends an error and does nothing else."""


Received = monitor.Hello | Batch | EmptyBatch | monitor.Lost | monitor.Ping | monitor.Done | monitor.Auth | monitor.Bye
"""A decoded frame of a candidate. An `events` frame becomes a batch of entries."""


class Delivered(msgspec.Struct, frozen=True):
    """The body of `POST /monitor/events`, as the frames that a socket would send."""

    stream: UUID
    lost: monitor.Lost | None
    batch: Batch | None
    done: list[monitor.Done]


_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)


class _Decoder(Protocol[_T_co]):
    def decode(self, data: Any, /) -> _T_co: ...


class _Tag(msgspec.Struct):
    t: str


class _Envelope(msgspec.Struct):
    """An `events` frame without its events."""

    first_seq: int
    events: list[None]


class _DeliveryEnvelope(msgspec.Struct, kw_only=True):
    """The body of a delivery without its events."""

    stream: UUID
    lost: monitor.Span | None = None
    first_seq: int = 0
    done: Annotated[list[monitor.InstructionResult], msgspec.Meta(max_length=limits.ACTIONS)] = []


class _PackedEvent(Event):
    """An event in MessagePack. Bytes, times and extensions have no JSON form; `to_entries` checks the deeper levels."""

    data: dict[str, str | int | float | bool | list[Any] | dict[str, Any] | None] = msgspec.field(default_factory=dict)


class _PackedEvents(msgspec.Struct, tag_field="t", tag="events", frozen=True):
    first_seq: int
    events: list[_PackedEvent]


_OtherFrame = monitor.Hello | monitor.Lost | monitor.Ping | monitor.Done | monitor.Auth | monitor.Bye
_CandidateFrame = monitor.Events | _PackedEvents | _OtherFrame


def _decoders(shape: Any) -> dict[Encoding, _Decoder[Any]]:
    return {Encoding.JSON: msgspec.json.Decoder(shape), Encoding.MSGPACK: msgspec.msgpack.Decoder(shape)}


_CANDIDATE: Final[dict[Encoding, _Decoder[_CandidateFrame]]] = {
    Encoding.JSON: msgspec.json.Decoder(monitor.CandidateFrame),
    Encoding.MSGPACK: msgspec.msgpack.Decoder(_PackedEvents | _OtherFrame),
}
_CONSOLE: Final[dict[Encoding, _Decoder[console.ConsoleFrame]]] = _decoders(console.ConsoleFrame)
_TO_CANDIDATE: Final[dict[Encoding, _Decoder[monitor.HubFrame]]] = _decoders(monitor.HubFrame)
_TO_CONSOLE: Final[dict[Encoding, _Decoder[console.HubFrame]]] = _decoders(console.HubFrame)
_TAG: Final[dict[Encoding, _Decoder[_Tag]]] = _decoders(_Tag)
_ENVELOPE: Final[dict[Encoding, _Decoder[_Envelope]]] = _decoders(_Envelope)
_EVENT: Final[dict[Encoding, _Decoder[Event]]] = _decoders(Event)
_CANDIDATE_TAGS: Final = frozenset({"hello", "events", "lost", "ping", "done", "auth", "bye"})
_CONSOLE_TAGS: Final = frozenset({"hello", "watch", "unwatch", "focus", "command", "auth", "ping", "bye"})
_DELIVERY: Final = msgspec.json.Decoder(monitor.Delivery)
_DELIVERY_ENVELOPE: Final = msgspec.json.Decoder(_DeliveryEnvelope)
_SPLIT: Final = {Encoding.JSON: split_json, Encoding.MSGPACK: split_msgpack}
_UNDECODABLE: Final = (msgspec.DecodeError, UnicodeError, RecursionError)
_TIME_PATHS: Final = ("`$.at`", "`$.mono`")
_EXPONENTS: Final = f"at most {limits.EXPONENTS} numbers may have an exponent of three or more digits"
"""There cannot be too many lists: a frame has no room for them."""
_DETAIL_CHARS: Final = 200
_JSON_ENCODER: Final = msgspec.json.Encoder()
_MSGPACK_ENCODER: Final = msgspec.msgpack.Encoder()


def encode(frame: msgspec.Struct, encoding: Encoding) -> str | bytes:
    """Encode a frame: text for JSON, bytes for MessagePack."""
    if encoding is Encoding.JSON:
        return _JSON_ENCODER.encode(frame).decode()
    return _MSGPACK_ENCODER.encode(frame)


def measure(struct: msgspec.Struct) -> int:
    """Return the size of a frame or a row in bytes, at most, in both encodings: that of its JSON."""
    return len(_JSON_ENCODER.encode(struct))


def decode_candidate(data: str | bytes, encoding: Encoding) -> Received:
    """Decode one frame of a candidate's client. A single invalid event becomes a tombstone.

    Raises Malformed (also for the wrong opcode), TooLarge or UnknownFrame.
    """
    size = _check(data, encoding)
    try:
        frame = _CANDIDATE[encoding].decode(data)
    except _UNDECODABLE as error:
        return _salvage(data, encoding, size, error)
    if not isinstance(frame, monitor.Events | _PackedEvents):
        return frame
    count = len(frame.events)
    if count == 0:
        return EmptyBatch()
    last_seq = _last_seq(frame.first_seq, count)
    entries = to_entries(frame.events, frame.first_seq)
    if entries is None:
        return _salvage(data, encoding, size)
    return Batch(frame.first_seq, last_seq, tuple(entries), size)


def decode_delivery(data: bytes) -> Delivered:
    """Decode the body of `POST /monitor/events`, JSON. As in a frame, a single invalid event becomes a tombstone.

    Raises Malformed or TooLarge.
    """
    if len(data) > limits.FRAME_BYTES:
        raise TooLarge(f"a delivery may have at most {limits.FRAME_BYTES} bytes")
    if takes_long(data):
        raise Malformed(_EXPONENTS)
    try:
        delivery = _DELIVERY.decode(data)
        last_seq = _last_seq(delivery.first_seq, len(delivery.events)) if delivery.events else 0
        entries = to_entries(delivery.events, delivery.first_seq)
    except _UNDECODABLE as error:
        return _salvage_delivery(data, error)
    if entries is None:
        return _salvage_delivery(data, Malformed("the events cannot be separated"))
    batch = Batch(delivery.first_seq, last_seq, tuple(entries), len(data)) if entries else None
    return _delivered(delivery, batch)


def _salvage_delivery(data: bytes, error: Exception) -> Delivered:
    split = split_json(data, limits.EVENTS_PER_FRAME)
    if split is None:
        raise _malformed(error) from error
    try:
        envelope = _DELIVERY_ENVELOPE.decode(split.envelope)
    except _UNDECODABLE as unreadable:
        raise _malformed(unreadable) from unreadable
    if not split.events:
        return _delivered(envelope, None)
    return _delivered(envelope, _to_entries_each(split.events, envelope.first_seq, Encoding.JSON, len(data)))


def _delivered(body: monitor.Delivery | _DeliveryEnvelope, batch: Batch | None) -> Delivered:
    lost = None if body.lost is None else monitor.Lost(body.lost.to_seq, body.lost.reason)
    return Delivered(body.stream, lost, batch, [monitor.Done(done.id, done.ok, done.code) for done in body.done])


def decode_console(data: str | bytes, encoding: Encoding) -> console.ConsoleFrame:
    """Decode one frame of a teacher's console. Raises Malformed, TooLarge or UnknownFrame."""
    _check(data, encoding)
    try:
        return _CONSOLE[encoding].decode(data)
    except _UNDECODABLE as error:
        _tag_of(data, encoding, error, _CONSOLE_TAGS)
        raise _malformed(error) from error


def decode_to_candidate(data: str | bytes, encoding: Encoding) -> monitor.HubFrame:
    """Decode what the hub sends a candidate. Raises Malformed or UnknownFrame."""
    return _decode_from_hub(_TO_CANDIDATE[encoding], data)


def decode_to_console(data: str | bytes, encoding: Encoding) -> console.HubFrame:
    """Decode what the hub sends a console. Raises Malformed."""
    return _decode_from_hub(_TO_CONSOLE[encoding], data)


def _decode_from_hub(decoder: _Decoder[_T], data: str | bytes) -> _T:
    try:
        return decoder.decode(data)
    except _UNDECODABLE as error:
        raise _malformed(error) from error


def _check(data: str | bytes, encoding: Encoding) -> int:
    """Check the opcode and the size of a frame. Return the size in bytes."""
    if isinstance(data, str) is not (encoding is Encoding.JSON):
        raise Malformed(f"{encoding} does not use this kind of frame")
    size = len(data) if isinstance(data, bytes) or data.isascii() else len(_bytes_of(data))
    if size > limits.FRAME_BYTES:
        raise TooLarge(f"a frame may have at most {limits.FRAME_BYTES} bytes")
    if encoding is Encoding.JSON and size > SMALL_BYTES and takes_long(_bytes_of(data)):
        raise Malformed(_EXPONENTS)
    return size


def _bytes_of(data: str | bytes) -> bytes:
    return data.encode(errors="surrogatepass") if isinstance(data, str) else data


def _malformed(error: Exception) -> Malformed:
    return Malformed(str(error)[:_DETAIL_CHARS])


def _tag_of(data: str | bytes, encoding: Encoding, error: Exception, known: frozenset[str]) -> str:
    """Read the tag of a frame that could not be decoded. Raises UnknownFrame, or Malformed when there is no tag."""
    try:
        tag = _TAG[encoding].decode(data).t
    except _UNDECODABLE:
        raise _malformed(error) from error
    if tag not in known:
        raise UnknownFrame(tag) from error
    return tag


def _last_seq(first_seq: int, count: int) -> int:
    last_seq = first_seq + count - 1
    if count > limits.EVENTS_PER_FRAME:
        raise TooLarge(f"a frame may have at most {limits.EVENTS_PER_FRAME} events")
    if first_seq < 1 or last_seq > limits.SEQ_MAX:
        raise Malformed(f"sequence numbers go from 1 to {limits.SEQ_MAX}")
    return last_seq


def _salvage(data: str | bytes, encoding: Encoding, size: int, error: Exception | None = None) -> Batch | EmptyBatch:
    """Decode each event of a frame alone, after the whole frame failed with `error` or one event was rejected."""
    raw = _bytes_of(data)
    split = None if _has_other_tag(raw, encoding) else _SPLIT[encoding](raw, limits.EVENTS_PER_FRAME)
    error = error or Malformed("the events cannot be separated")
    if _tag_of(raw if split is None else split.envelope, encoding, error, _CANDIDATE_TAGS) != "events" or split is None:
        raise _malformed(error) from error
    try:
        first_seq = _ENVELOPE[encoding].decode(split.envelope).first_seq
    except _UNDECODABLE as unreadable:
        raise _malformed(unreadable) from unreadable
    if not split.events:
        return EmptyBatch()
    return _to_entries_each(split.events, first_seq, encoding, size)


def _to_entries_each(pieces: Sequence[bytes], first_seq: int, encoding: Encoding, size: int) -> Batch:
    last_seq = _last_seq(first_seq, len(pieces))
    entries = tuple(_to_entry_alone(piece, seq, encoding) for seq, piece in enumerate(pieces, first_seq))
    return Batch(first_seq, last_seq, entries, size)


def _has_other_tag(raw: bytes, encoding: Encoding) -> bool:
    """Return whether the frame is known to have another tag than `events`."""
    try:
        return _TAG[encoding].decode(raw).t != "events"
    except _UNDECODABLE:
        return False


def _to_entry_alone(raw: bytes, seq: int, encoding: Encoding) -> Entry:
    try:
        event = _EVENT[encoding].decode(raw)
    except _UNDECODABLE as error:
        return tombstone(seq, _reject_code(error, raw, encoding), raw)
    return to_entry(event, seq, raw)


def _reject_code(error: Exception, raw: bytes, encoding: Encoding) -> RejectCode:
    """Return the code for the error that decoding an event raised."""
    text = str(error)
    if isinstance(error, RecursionError):
        return RejectCode.TOO_DEEP
    if isinstance(error, UnicodeError):
        return RejectCode.BAD_UNICODE
    if text.endswith(_TIME_PATHS) and "got" not in text:
        return RejectCode.BAD_TIME
    if "out of range" in text:
        return RejectCode.BAD_NUMBER
    if encoding is Encoding.JSON and not isinstance(error, msgspec.ValidationError):
        return _reject_code_of_json(raw)
    return RejectCode.BAD_SHAPE


def _reject_code_of_json(raw: bytes) -> RejectCode:
    """Return the code for invalid JSON. The standard library accepts two things that JSON does not have."""
    not_numbers: list[str] = []
    try:
        json.loads(raw.decode(errors="surrogatepass"), parse_constant=not_numbers.append)
    except RecursionError:
        return RejectCode.TOO_DEEP
    except ValueError:
        return RejectCode.BAD_SHAPE
    return RejectCode.BAD_NUMBER if not_numbers else RejectCode.BAD_UNICODE
