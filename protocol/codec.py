"""Stage 2 of 9: bytes become frames or a typed refusal, and frames become bytes (docs/path-of-an-event.md).

JSON in text frames, the same structs as MessagePack in binary frames. Pure: no socket is known here.
One bad event never costs its neighbours: when a frame of events does not fit as a whole, each event is tried alone.
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
from protocol.slices import cut_json, cut_msgpack


class Encoding(StrEnum):
    """The subprotocols a client may offer; none offered means JSON."""

    JSON = "veritas.v1.json"
    MSGPACK = "veritas.v1.msgpack"


class EmptyBatch(msgspec.Struct, frozen=True):
    """An `events` frame without events: answered with an error, and nothing else happens."""


Received = monitor.Hello | Batch | EmptyBatch | monitor.Lost | monitor.Ping | monitor.Done | monitor.Auth | monitor.Bye
"""What a candidate's frame becomes: an `events` frame is a batch of entries."""


class Delivered(msgspec.Struct, frozen=True):
    """The body of a delivery, as the frames it stands for."""

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
    """An `events` frame, its events cut out."""

    first_seq: int
    events: list[None]


class _Bare(msgspec.Struct, kw_only=True):
    """A delivery, its events cut out."""

    stream: UUID
    lost: monitor.Span | None = None
    first_seq: int = 0
    done: Annotated[list[monitor.Report], msgspec.Meta(max_length=limits.ACTIONS)] = []


class _PackedEvent(Event):
    """An event in MessagePack: bytes, times and extensions are no JSON; one level deeper `to_entries` looks closer."""

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
_BARE: Final = msgspec.json.Decoder(_Bare)
_CUT: Final = {Encoding.JSON: cut_json, Encoding.MSGPACK: cut_msgpack}
_UNDECODABLE: Final = (msgspec.DecodeError, UnicodeError, RecursionError)
_TIME_PATHS: Final = ("`$.at`", "`$.mono`")
_DETAIL_CHARS: Final = 200
_JSON_ENCODER: Final = msgspec.json.Encoder()
_MSGPACK_ENCODER: Final = msgspec.msgpack.Encoder()


def encode(frame: msgspec.Struct, encoding: Encoding) -> str | bytes:
    """Encode a frame for its socket: text for JSON, bytes for MessagePack."""
    if encoding is Encoding.JSON:
        return _JSON_ENCODER.encode(frame).decode()
    return _MSGPACK_ENCODER.encode(frame)


def measure(struct: msgspec.Struct) -> int:
    """How many bytes a frame, or a row of one, has at most in either encoding: those of its JSON."""
    return len(_JSON_ENCODER.encode(struct))


def decode_candidate(data: str | bytes, encoding: Encoding) -> Received:
    """Decode one frame of a candidate's client.

    Raises Malformed (the wrong opcode included), TooLarge or UnknownFrame. A single event that does not fit becomes a
    tombstone instead.
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
    """Decode the body of a delivery, JSON, under the law of frames: a single event that does not fit is a tombstone.

    Raises Malformed or TooLarge.
    """
    if len(data) > limits.FRAME_BYTES:
        raise TooLarge(f"a delivery may have {limits.FRAME_BYTES} bytes")
    try:
        delivery = _DELIVERY.decode(data)
        last_seq = _last_seq(delivery.first_seq, len(delivery.events)) if delivery.events else 0
        entries = to_entries(delivery.events, delivery.first_seq)
    except _UNDECODABLE as error:
        return _salvage_delivery(data, error)
    if entries is None:
        return _salvage_delivery(data, Malformed("the events cannot be told apart"))
    batch = Batch(delivery.first_seq, last_seq, tuple(entries), len(data)) if entries else None
    return _delivered(delivery, batch)


def _salvage_delivery(data: bytes, error: Exception) -> Delivered:
    cut = cut_json(data, limits.EVENTS_PER_FRAME)
    if cut is None:
        raise _malformed(error) from error
    try:
        bare = _BARE.decode(cut.envelope)
    except _UNDECODABLE as unreadable:
        raise _malformed(unreadable) from unreadable
    if not cut.events:
        return _delivered(bare, None)
    return _delivered(bare, _to_entries_each(cut.events, bare.first_seq, Encoding.JSON, len(data)))


def _delivered(said: monitor.Delivery | _Bare, batch: Batch | None) -> Delivered:
    lost = None if said.lost is None else monitor.Lost(said.lost.to_seq, said.lost.reason)
    return Delivered(said.stream, lost, batch, [monitor.Done(one.id, one.ok, one.code) for one in said.done])


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
    """Check the opcode and the size of a frame; returns the size in bytes."""
    if isinstance(data, str) is not (encoding is Encoding.JSON):
        raise Malformed(f"{encoding} does not use this kind of frame")
    size = len(data) if isinstance(data, bytes) or data.isascii() else len(_bytes_of(data))
    if size > limits.FRAME_BYTES:
        raise TooLarge(f"a frame may have {limits.FRAME_BYTES} bytes")
    return size


def _bytes_of(data: str | bytes) -> bytes:
    return data.encode(errors="surrogatepass") if isinstance(data, str) else data


def _malformed(error: Exception) -> Malformed:
    return Malformed(str(error)[:_DETAIL_CHARS])


def _tag_of(data: str | bytes, encoding: Encoding, error: Exception, known: frozenset[str]) -> str:
    """Read the tag of a frame that could not be decoded. Raises UnknownFrame, or Malformed when there is none."""
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
        raise TooLarge(f"a frame may have {limits.EVENTS_PER_FRAME} events")
    if first_seq < 1 or last_seq > limits.SEQ_MAX:
        raise Malformed(f"numbers run from 1 to {limits.SEQ_MAX}")
    return last_seq


def _salvage(data: str | bytes, encoding: Encoding, size: int, error: Exception | None = None) -> Batch | EmptyBatch:
    """Try each event of a frame alone, after `error` struck the frame as a whole, or one event was refused."""
    raw = _bytes_of(data)
    cut = None if _is_another(raw, encoding) else _CUT[encoding](raw, limits.EVENTS_PER_FRAME)
    error = error or Malformed("the events cannot be told apart")
    if _tag_of(raw if cut is None else cut.envelope, encoding, error, _CANDIDATE_TAGS) != "events" or cut is None:
        raise _malformed(error) from error
    try:
        first_seq = _ENVELOPE[encoding].decode(cut.envelope).first_seq
    except _UNDECODABLE as unreadable:
        raise _malformed(unreadable) from unreadable
    if not cut.events:
        return EmptyBatch()
    return _to_entries_each(cut.events, first_seq, encoding, size)


def _to_entries_each(pieces: Sequence[bytes], first_seq: int, encoding: Encoding, size: int) -> Batch:
    last_seq = _last_seq(first_seq, len(pieces))
    entries = tuple(_to_entry_alone(piece, seq, encoding) for seq, piece in enumerate(pieces, first_seq))
    return Batch(first_seq, last_seq, entries, size)


def _is_another(raw: bytes, encoding: Encoding) -> bool:
    """Whether this can be told to be no frame of events: then what looks like its events is none of our business."""
    try:
        return _TAG[encoding].decode(raw).t != "events"
    except _UNDECODABLE:
        return False


def _to_entry_alone(raw: bytes, seq: int, encoding: Encoding) -> Entry:
    try:
        event = _EVENT[encoding].decode(raw)
    except _UNDECODABLE as error:
        return tombstone(seq, _fault_behind(error, raw, encoding), raw)
    return to_entry(event, seq, raw)


def _fault_behind(error: Exception, raw: bytes, encoding: Encoding) -> RejectCode:
    """Name what kept an event from being decoded."""
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
        return _fault_of_json(raw)
    return RejectCode.BAD_SHAPE


def _fault_of_json(raw: bytes) -> RejectCode:
    """Name what is wrong with text that is not JSON: the standard library takes two things more than JSON has."""
    not_numbers: list[str] = []
    try:
        json.loads(raw.decode(errors="surrogatepass"), parse_constant=not_numbers.append)
    except RecursionError:
        return RejectCode.TOO_DEEP
    except ValueError:
        return RejectCode.BAD_SHAPE
    return RejectCode.BAD_NUMBER if not_numbers else RejectCode.BAD_UNICODE
