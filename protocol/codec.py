"""Stage 2 of 9: bytes become frames or a typed refusal, and frames become bytes (docs/path-of-an-event.md).

JSON in text frames, the same structs as MessagePack in binary frames. Pure: no socket is known here.
One bad event never costs its neighbours: when a frame of events does not fit as a whole, each event is tried alone.
"""

from enum import StrEnum
from typing import Any, Final, Protocol, TypeVar

import msgspec

from protocol import console, limits, monitor
from protocol.codes import RejectCode
from protocol.errors import Malformed, TooLarge, UnknownFrame
from protocol.events import Batch, Entry, Event, enter, tombstone


class Encoding(StrEnum):
    """The subprotocols a client may offer; none offered means JSON."""

    JSON = "veritas.v1.json"
    MSGPACK = "veritas.v1.msgpack"


class EmptyBatch(msgspec.Struct, frozen=True):
    """An `events` frame without events: answered with an error, and nothing else happens."""


Received = monitor.Hello | Batch | EmptyBatch | monitor.Lost | monitor.Ping | monitor.Done | monitor.Auth | monitor.Bye
"""What a candidate's frame becomes: an `events` frame is a batch of entries."""

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)


class _Decoder(Protocol[_T_co]):
    def decode(self, data: Any, /) -> _T_co: ...


class _Tag(msgspec.Struct):
    t: str


class _LooseEvents(msgspec.Struct):
    """The envelope of an `events` frame, its events untouched."""

    first_seq: int
    events: list[msgspec.Raw]


def _decoders(shape: Any) -> dict[Encoding, _Decoder[Any]]:
    return {Encoding.JSON: msgspec.json.Decoder(shape), Encoding.MSGPACK: msgspec.msgpack.Decoder(shape)}


_CANDIDATE: Final[dict[Encoding, _Decoder[monitor.CandidateFrame]]] = _decoders(monitor.CandidateFrame)
_CONSOLE: Final[dict[Encoding, _Decoder[console.ConsoleFrame]]] = _decoders(console.ConsoleFrame)
_TO_CANDIDATE: Final[dict[Encoding, _Decoder[monitor.HubFrame]]] = _decoders(monitor.HubFrame)
_TO_CONSOLE: Final[dict[Encoding, _Decoder[console.HubFrame]]] = _decoders(console.HubFrame)
_TAG: Final[dict[Encoding, _Decoder[_Tag]]] = _decoders(_Tag)
_LOOSE: Final[dict[Encoding, _Decoder[_LooseEvents]]] = _decoders(_LooseEvents)
_EVENT: Final[dict[Encoding, _Decoder[Event]]] = _decoders(Event)
_CANDIDATE_TAGS: Final = frozenset({"hello", "events", "lost", "ping", "done", "auth", "bye"})
_CONSOLE_TAGS: Final = frozenset({"hello", "watch", "unwatch", "focus", "command", "auth", "ping", "bye"})
_JSON_ENCODER: Final = msgspec.json.Encoder()
_MSGPACK_ENCODER: Final = msgspec.msgpack.Encoder()


def encode(frame: msgspec.Struct, encoding: Encoding) -> str | bytes:
    """Encode a frame for its socket: text for JSON, bytes for MessagePack."""
    if encoding is Encoding.JSON:
        return _JSON_ENCODER.encode(frame).decode()
    return _MSGPACK_ENCODER.encode(frame)


def decode_candidate(data: str | bytes, encoding: Encoding) -> Received:
    """Decode one frame of a candidate's client.

    Raises Malformed (the wrong opcode included), TooLarge or UnknownFrame. A single event that does not fit becomes a
    tombstone instead.
    """
    _check(data, encoding)
    try:
        frame = _CANDIDATE[encoding].decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        if _tag_of(data, encoding, error, _CANDIDATE_TAGS) != "events":
            raise Malformed(str(error)) from error
        return _salvage(data, encoding)
    if isinstance(frame, monitor.Events):
        return _batch(
            frame.first_seq, [enter(event, seq) for seq, event in enumerate(frame.events, frame.first_seq)], len(data)
        )
    return frame


def decode_console(data: str | bytes, encoding: Encoding) -> console.ConsoleFrame:
    """Decode one frame of a teacher's console. Raises Malformed, TooLarge or UnknownFrame."""
    _check(data, encoding)
    try:
        return _CONSOLE[encoding].decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        _tag_of(data, encoding, error, _CONSOLE_TAGS)
        raise Malformed(str(error)) from error


def decode_to_candidate(data: str | bytes, encoding: Encoding) -> monitor.HubFrame:
    """Decode what the hub sends a candidate. Raises Malformed or UnknownFrame."""
    return _decode_from_hub(_TO_CANDIDATE[encoding], data)


def decode_to_console(data: str | bytes, encoding: Encoding) -> console.HubFrame:
    """Decode what the hub sends a console. Raises Malformed."""
    return _decode_from_hub(_TO_CONSOLE[encoding], data)


def _decode_from_hub(decoder: _Decoder[_T], data: str | bytes) -> _T:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Malformed(str(error)) from error


def _check(data: str | bytes, encoding: Encoding) -> None:
    if isinstance(data, str) is not (encoding is Encoding.JSON):
        raise Malformed(f"{encoding} does not use this kind of frame")
    size = len(data) if isinstance(data, bytes) or data.isascii() else _utf8_size(data)
    if size > limits.FRAME_BYTES:
        raise TooLarge(f"a frame may have {limits.FRAME_BYTES} bytes")


def _utf8_size(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def _tag_of(data: str | bytes, encoding: Encoding, error: Exception, known: frozenset[str]) -> str:
    """Read the tag of a frame that could not be decoded. Raises UnknownFrame, or Malformed when there is none."""
    try:
        tag = _TAG[encoding].decode(data).t
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Malformed(str(error)) from error
    if tag not in known:
        raise UnknownFrame(tag) from error
    return tag


def _salvage(data: str | bytes, encoding: Encoding) -> Received:
    try:
        frame = _LOOSE[encoding].decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Malformed(str(error)) from error
    entries = [_enter_alone(bytes(raw), seq, encoding) for seq, raw in enumerate(frame.events, frame.first_seq)]
    return _batch(frame.first_seq, entries, len(data))


def _enter_alone(raw: bytes, seq: int, encoding: Encoding) -> Entry:
    try:
        return enter(_EVENT[encoding].decode(raw), seq)
    except RecursionError:
        return tombstone(seq, RejectCode.TOO_DEEP, raw)
    except UnicodeError:
        return tombstone(seq, RejectCode.BAD_UNICODE, raw)
    except msgspec.DecodeError as error:
        return tombstone(seq, RejectCode.BAD_NUMBER if "out of range" in str(error) else RejectCode.BAD_SHAPE, raw)


def _batch(first_seq: int, entries: list[Entry], size: int) -> Batch | EmptyBatch:
    if len(entries) > limits.EVENTS_PER_FRAME:
        raise TooLarge(f"a frame may have {limits.EVENTS_PER_FRAME} events")
    if not entries:
        return EmptyBatch()
    if first_seq < 1 or entries[-1].seq > limits.SEQ_MAX:
        raise Malformed(f"numbers run from 1 to {limits.SEQ_MAX}")
    return Batch(first_seq, entries[-1].seq, tuple(entries), size)
