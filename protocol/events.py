"""Events: on the wire, on the way to storage, and as rules read them; with a table of all types (docs/events.md).

Stage 2 of 9 uses `to_entry` to turn a client's event into an entry of its stream (docs/path-of-an-event.md).
The set of types is open: an event of an unknown type is stored, and no rule reads it.
"""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any
from uuid import UUID

import msgspec

from protocol import limits
from protocol.codes import RejectCode

CLIENT_EVENTS = {
    "alive": "nothing else was sent for five seconds",
    "window_blur": "the exam's window lost the focus",
    "window_focus": "the exam's window has the focus again",
    "tab_hidden": "the exam's tab is not visible",
    "tab_visible": "the exam's tab is visible again",
    "fullscreen_exit": "the page left fullscreen",
    "fullscreen_enter": "the page is in fullscreen",
    "copy": "text was copied",
    "cut": "text was cut",
    "paste": "text was pasted, or brought in without typing: chars, item?, how?",
    "key_combo": "a watched key combination",
    "context_menu": "the context menu was opened",
    "devtools_open": "the browser's developer tools were opened",
    "screen_count": "the number of screens: n",
    "eye_movement": "one gaze sample: x, y, confidence, on_screen",
    "face_count": "the number of faces in the picture: n, confidence",
    "head_pose": "the direction of the head",
    "voice_activity": "whether there is speech: speech",
    "object_detected": "an object in the picture: label, confidence",
    "network_change": "the network connection changed",
    "vm_detected": "signs of a virtual machine or remote control",
    "item_opened": "an exam item was opened",
    "answered": "an item was answered: item, value, ms",
    "draft_saved": "a draft of a text: item, text",
    "typing": "text was typed: item, chars, ms",
    "client_error": "an error in the client",
}
"""Event types that clients send, with their meaning."""

SERVER_EVENTS = {
    "attempt_started": "the attempt began: place",
    "signed_in": "the student signed in while the attempt ran: by, place",
    "paper_read": "the items of the running attempt were read: place",
    "second_place": "the paper was read or answered from another place than that of the open connection: place, was",
    "stream_waived": "an invigilator allowed to read the paper without a connection: reason, by",
    "connection_opened": "a client connected: generation, stream, place",
    "connection_lost": "a client's connection ended: cause, generation",
    "heartbeat_missed": "no event has arrived for 25 s: since, connected",
    "heartbeat_resumed": "the client is back: silent_ms",
    "cohort_outage": "many clients of one exam lost their connection together: group, lost, of",
    "late_from": "events of this stream from `seq` on arrived after the end of the attempt: stream, seq",
    "notice_acknowledged": "the student has read the notice about recording: version",
    "answer_submitted": "an answer sent with the submission: item, value",
    "submitted": "the attempt was submitted by the student, or at the deadline by the server: by, place, unobserved",
    "ended": "an invigilator ended the attempt: reason, by",
    "stream_abandoned": "another queue took over before this stream was closed: stream, seq",
    "altered_resend": "events were sent again with different content: stream, seqs",
    "quota_reached": "the client sent far more events than exams need, and had to wait",
    "clock_mismatch": "the client's clock did not run as the server's: stream, from, to, kind",
}
"""Event types that servers append to an attempt's system stream."""

MARKER_EVENTS = {
    "rejected": "tombstone: the event with this sequence number was rejected: code",
    "events_lost": "the client has lost the events from `from` to this one: from, reason",
    "stream_closed": "the stream ends before this event and continues in another one: next",
}
"""Types that replace events in a client's stream: rejected ones, lost ones, and those after its end."""

RESERVED_EVENTS = frozenset(
    {
        *SERVER_EVENTS,
        *MARKER_EVENTS,
        *("paused", "resumed", "break_started", "break_ended", "extended", "declined"),
        *("heartbeat_missed", "heartbeat_resumed", "cohort_outage", "hub_gone", "device_changed", "admitted"),
        *("policy_changed", "accommodation_changed", "altered_resend", "late_from", "system_check"),
        "note_added",
    }
)
"""Types that only servers may use, now or later. An event of a client with such a type is rejected."""

_ANSWERS = frozenset({"answered", "draft_saved"})
"""Events that carry an answer, which may be larger than other events."""

_TYPE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_INT64 = range(-(2**63), 2**63)
_JSON = msgspec.json.Encoder()
_DIGITS = bytes(ord("0") if 0x30 <= byte < 0x3A else byte if byte in b"e-" else 0x20 for byte in range(256))
_LONG_NUMBER = b"0" * 19
"""As many digits as the largest int64 has."""

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_EXPONENT = re.compile(r"\de[+-]?(\d+)")

_Time = Annotated[int, msgspec.Meta(ge=0, le=limits.TIME_MAX_MS)]
# These constraints are only in the schema. `to_entry` checks them: a check in the decoder is slower and less exact.
_Type = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": f"^{_TYPE.pattern}$"})]
_Severity = Annotated[str, msgspec.Meta(extra_json_schema={"maxLength": limits.SEVERITY_CHARS})]


SERVER_LOST = "server_lost"
"""The `reason` of lost events that a server had acknowledged, as it can prove. No client can give it."""

UNPROVEN_ACK = "unproven_ack"
"""The `reason` of lost events of which the client says, without proof, that a server had acknowledged them."""


class Event(msgspec.Struct, gc=False):
    """One event as a client sends it. `at` is its wall clock, `mono` its monotonic clock, both in ms."""

    type: _Type
    at: _Time
    mono: _Time
    data: dict[str, Any] = {}
    severity: _Severity | None = None


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One entry of a stream, ready to be stored. `payload` is JSON text; `raw` has the bytes of a rejected event."""

    seq: int
    type: str
    at: int
    mono: int
    payload: str
    severity: str | None = None
    reject: RejectCode | None = None
    raw: bytes = b""


class Batch(msgspec.Struct, frozen=True, gc=False):
    """Contiguous entries of one stream, stored in one transaction. `size` is the number of bytes of their frames.

    The last entry has the sequence number `last_seq`. Only an `events_lost` entry covers more than one number.
    """

    first_seq: int
    last_seq: int
    entries: tuple[Entry, ...]
    size: int


class StoredEvent(msgspec.Struct, frozen=True, gc=False):
    """One stored event as rules read it.

    `time_ms` is rule time: the stream's time base plus `mono`. `at_ms` is the client's wall clock, only for display.
    `server_ms` is when PostgreSQL stored it. `data` is JSON and is decoded by the rules that need it.
    """

    stream_id: UUID
    seq: int
    type: str
    time_ms: int
    at_ms: int
    server_ms: int
    data: bytes


class Paste(msgspec.Struct, frozen=True):
    """Payload of `paste`: the number of characters, the item, and how the text came, if not from the clipboard.

    `how` is not checked: an unknown value must not hide a paste.
    """

    chars: int
    item: str | None = None
    how: Any = None


MOVED = "move"
"""The `how` of text that was dragged from one place of the page to another: it came from nowhere else."""


class EyeMovement(msgspec.Struct, frozen=True):
    """Payload of `eye_movement`: gaze point in pixels, confidence 0..1, and whether the point is on the screen."""

    confidence: float
    on_screen: bool
    x: float = 0.0
    y: float = 0.0


_Item = Annotated[str, msgspec.Meta(min_length=1, max_length=limits.ITEM_CHARS)]


class Answered(msgspec.Struct, frozen=True):
    """Payload of `answered`: an item and its answer as JSON. `null` removes the answer."""

    item: _Item
    value: msgspec.Raw


class DraftSaved(msgspec.Struct, frozen=True):
    """Payload of `draft_saved`: an item and its current text."""

    item: _Item
    text: str


def to_entries(events: Sequence[Event], first_seq: int) -> list[Entry] | None:
    """Convert events to entries, fast. Return None if one may have to be rejected: then call `to_entry` for each.

    The events come from the codec's decoders. These have checked the times, and that no payload directly contains a
    type that JSON lacks. All payloads are encoded in one call and searched together for what only unusual ones contain.
    """
    try:
        lines = _JSON.encode_lines([event.data for event in events])
    except (ValueError, TypeError, RecursionError):
        return None
    payloads = lines.decode().split("\n")
    is_plain = _is_plain(lines, len(events))
    if not is_plain:
        for event, payload in zip(events, payloads, strict=False):
            if not _is_plain(payload.encode(), 1) and _payload_fault(event.data, 1) is not None:
                return None
    are_small = is_plain and len(lines) <= limits.EVENT_BYTES
    entries: list[Entry] = []
    for seq, (event, payload) in enumerate(zip(events, payloads, strict=False), first_seq):
        kind = event.type
        severity = event.severity
        if (
            (kind not in CLIENT_EVENTS and not _may_be_sent(kind))
            or (severity is not None and _severity_fault(severity) is not None)
            or not (are_small or _has_size(kind, payload))
        ):
            return None
        entries.append(Entry(seq, kind, event.at, event.mono, payload, severity))
    return entries


def to_entry(event: Event, seq: int, raw: bytes = b"") -> Entry:
    """Convert one event to an entry, or to a tombstone that says why the event, `raw`, was rejected."""
    fault = _fault(event)
    if fault is not None:
        return tombstone(seq, fault, raw)
    try:
        payload = _JSON.encode(event.data).decode()
    except UnicodeError:
        return tombstone(seq, RejectCode.BAD_UNICODE, raw)
    if not _has_size(event.type, payload):
        return tombstone(seq, RejectCode.TOO_LARGE, raw)
    return Entry(seq, event.type, event.at, event.mono, payload, event.severity)


def fits_answered(item: str, value: object) -> bool:
    """Return whether an answer to an item fits into an `answered` event, however long the item was open."""
    event = Event("answered", 0, 0, {"item": item, "value": value, "ms": limits.SEQ_MAX})
    return to_entry(event, 1).reject is None


def tombstone(seq: int, code: RejectCode, raw: bytes) -> Entry:
    """Make the entry that replaces a rejected event: its sequence number, the reason and its bytes."""
    return Entry(seq, "rejected", 0, 0, f'{{"code":"{code}"}}', None, code, raw)


def lost_entry(first_seq: int, last_seq: int, reason: str) -> Entry:
    """Make the entry that covers the numbers `first_seq` to `last_seq`, which the client has lost."""
    payload = _JSON.encode({"from": first_seq, "reason": reason}).decode()
    return Entry(last_seq, "events_lost", 0, 0, payload)


def _fault(event: Event) -> RejectCode | None:
    if not _may_be_sent(event.type):
        return RejectCode.BAD_TYPE
    if not (0 <= event.at <= limits.TIME_MAX_MS and 0 <= event.mono <= limits.TIME_MAX_MS):
        return RejectCode.BAD_TIME
    fault = None if event.severity is None else _severity_fault(event.severity)
    return fault or _payload_fault(event.data, 1)


def _may_be_sent(kind: str) -> bool:
    return _TYPE.fullmatch(kind) is not None and kind not in RESERVED_EVENTS


def _severity_fault(severity: str) -> RejectCode | None:
    if "\0" in severity:
        return RejectCode.BAD_UNICODE
    return RejectCode.BAD_SHAPE if len(severity) > limits.SEVERITY_CHARS else None


def _has_size(kind: str, payload: str) -> bool:
    most = limits.DRAFT_BYTES if kind in _ANSWERS else limits.EVENT_BYTES
    if len(payload) > most or not (payload.isascii() or len(payload.encode()) <= most):
        return False
    return _EXPONENT.search(payload) is None or len(payload.encode()) + _count_more_digits(payload) <= most


def _count_more_digits(payload: str) -> int:
    """Count the digits by which numbers with an exponent grow: PostgreSQL stores and sends 1e300 with all 301."""
    return sum(int(exponent) for exponent in _EXPONENT.findall(_TEXT.sub("", payload)))


def _is_plain(lines: bytes, count: int) -> bool:
    """Return whether these encoded payloads cannot contain anything that must be rejected.

    Nothing nested, so nothing is too deep and all keys are strings; no NUL; no number with an exponent or as long as an
    int64; no `null`, which is also the encoding of an infinite float. The decoder has rejected MessagePack types that
    JSON lacks.
    """
    digits = lines.translate(_DIGITS)
    return (
        b"[" not in lines
        and b"null" not in lines
        and b"\\u0000" not in lines
        and lines.count(b"{") == count
        and _LONG_NUMBER not in digits
        and b"0e0" not in digits
        and b"0e-" not in digits
    )


def _payload_fault(value: object, depth: int) -> RejectCode | None:
    """Find something in a decoded payload that PostgreSQL's jsonb or a rule could not process."""
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                return RejectCode.BAD_SHAPE
            if "\0" in key:
                return RejectCode.BAD_UNICODE
        return _first_fault(value.values(), depth)
    if isinstance(value, list):
        return _first_fault(value, depth)
    if isinstance(value, str):
        return RejectCode.BAD_UNICODE if "\0" in value else None
    if isinstance(value, float):
        return None if math.isfinite(value) else RejectCode.BAD_NUMBER
    if isinstance(value, int):
        return None if value in _INT64 else RejectCode.BAD_NUMBER
    return None if value is None else RejectCode.BAD_SHAPE


def _first_fault(values: Iterable[object], depth: int) -> RejectCode | None:
    if depth > limits.DEPTH:
        return RejectCode.TOO_DEEP
    for value in values:
        fault = _payload_fault(value, depth + 1)
        if fault is not None:
            return fault
    return None
