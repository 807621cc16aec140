"""Recorded events of a simulated exam as frames ready to send; every run sends the same. Pure.

Frames are built before any clock starts. Never uses a socket or the time of day.
"""

from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Final

import msgspec

from protocol.codec import Encoding, decode_candidate, encode
from protocol.events import Batch, Entry, Event
from protocol.monitor import Events
from veritas.simulation.scripts import RecordEvent, Script, assign_scripts
from veritas.simulation.scripts.background import fork

CLASS_S: Final = 3600.0
"""Length of the simulated session; scripts repeat until there are enough events."""


class Frame(msgspec.Struct, frozen=True):
    """One `events` frame: payload, last seq, and number of events."""

    payload: bytes
    last_seq: int
    events: int


class Recording(msgspec.Struct, frozen=True):
    """All frames of one client, in its encoding."""

    encoding: Encoding
    frames: list[Frame]

    @property
    def events(self) -> int:
        """Number of events."""
        return sum(frame.events for frame in self.frames)


def record(sessions: int, events_each: int, *, per_frame: int, seed: int, started_ms: int) -> list[Recording]:
    """Record a simulated exam; every fourth client uses MessagePack, as in the simulator."""
    random = Random(seed)  # noqa: S311 - a seed makes a run repeatable
    cast = assign_scripts(sessions, CLASS_S, random)
    encodings = [Encoding.MSGPACK if number % 4 == 3 else Encoding.JSON for number in range(sessions)]
    return [
        _recording_of(islice(_events(script, fork(random), started_ms), events_each), encoding, per_frame)
        for script, encoding in zip(cast, encodings, strict=True)
    ]


def record_hall(seats: int, seconds: float, *, rate: float, seed: int, started_ms: int) -> list[Recording]:
    """Record what students of an exam send: `rate` events a second each, in frames of one and of two, by every second.

    Their clocks run as they send. About half of the events are `typing`, one in twenty is `alive`, and one student in
    ten leaves the page for a while and pastes when back, which is flagged.
    """
    random = Random(seed)  # noqa: S311 - a seed makes a run repeatable
    recordings = []
    for number in range(seats):
        encoding = Encoding.MSGPACK if number % 4 == 3 else Encoding.JSON
        per_frame = 1 + number % 2
        events = _exam_events(fork(random), seconds, rate, started_ms, leaves=number % 10 == 0)
        recordings.append(_recording_of(events, encoding, per_frame))
    return recordings


def singles(recording: Recording, count: int) -> Recording:
    """Return the first events of a recording, each in a separate frame."""
    alone = [
        entry
        for frame in recording.frames[: 1 + count // recording.frames[0].events]
        for entry in entries(frame, recording)
    ]
    events = [
        Event(recorded.type, recorded.at, recorded.mono, msgspec.json.decode(recorded.payload), recorded.severity)
        for recorded in alone[:count]
    ]
    return _recording_of(iter(events), recording.encoding, 1)


def entries(frame: Frame, recording: Recording) -> tuple[Entry, ...]:
    """Return the entries of a frame as the hub would store them."""
    text = frame.payload.decode() if recording.encoding is Encoding.JSON else frame.payload
    batch = decode_candidate(text, recording.encoding)
    assert isinstance(batch, Batch)
    return batch.entries


def _recording_of(events: Iterator[Event], encoding: Encoding, per_frame: int) -> Recording:
    frames: list[Frame] = []
    seq = 0
    while chunk := list(islice(events, per_frame)):
        data = encode(Events(seq + 1, chunk), encoding)
        seq += len(chunk)
        frames.append(Frame(data.encode() if isinstance(data, str) else data, seq, len(chunk)))
    return Recording(encoding, frames)


def _events(script: Script, random: Random, started_ms: int) -> Iterator[Event]:
    mono = 0
    while True:
        for step in script.steps(fork(random), CLASS_S):
            mono += step.after_ms
            if isinstance(step, RecordEvent):
                yield Event(step.type, started_ms + mono, mono, step.data)


def _exam_events(random: Random, seconds: float, rate: float, started_ms: int, *, leaves: bool) -> Iterator[Event]:
    leaves_at = random.randrange(int(seconds * rate / 4), int(seconds * rate / 2)) if leaves else -1
    away = round(11 * rate)
    for number in range(int(seconds * rate)):
        mono = int(number * 1000 / rate)
        kind, data = _exam_event(random, number)
        if leaves_at == number:
            kind, data = "tab_hidden", {}
        elif leaves_at < number < leaves_at + away and leaves:
            kind, data = "alive", {}
        elif leaves and number == leaves_at + away:
            kind, data = "tab_visible", {}
        elif leaves and number == leaves_at + away + 1:
            kind, data = "paste", {"chars": 340, "item": "q1"}
        yield Event(kind, started_ms + mono, mono, data)


def _exam_event(random: Random, number: int) -> tuple[str, dict[str, object]]:
    item = f"q{1 + number // 40}"
    if number % 40 == 0:
        return "item_opened", {"item": item}
    chosen = random.random()
    if chosen < 0.05:
        return "alive", {}
    if chosen < 0.10:
        return "answered", {"item": item, "value": f"choice {random.randrange(4)}", "ms": 9_000}
    chars = random.randint(2, 12)
    return "typing", {"item": item, "chars": chars, "ms": chars * 180}
