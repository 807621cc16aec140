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
