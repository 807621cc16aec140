"""The events of a simulated class as frames ready to send: what every run of a benchmark sends again. Pure.

Frames are made before any clock starts; neither a socket nor the time of day is known here.
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
"""Scripts are played as in a session of this length, again and again until there are events enough."""


class Frame(msgspec.Struct, frozen=True):
    """One `events` frame: its payload on the wire, the number of its last event, and how many it holds."""

    payload: bytes
    last_seq: int
    events: int


class Tape(msgspec.Struct, frozen=True):
    """All that one client sends, in its encoding."""

    encoding: Encoding
    frames: list[Frame]

    @property
    def events(self) -> int:
        """How many events are on it."""
        return sum(frame.events for frame in self.frames)


def record(sessions: int, events_each: int, *, per_frame: int, seed: int, started_ms: int) -> list[Tape]:
    """Record a class of the simulator's mix, every fourth client in MessagePack as there."""
    random = Random(seed)  # noqa: S311 - a seed makes a class repeatable
    cast = assign_scripts(sessions, CLASS_S, random)
    encodings = [Encoding.MSGPACK if number % 4 == 3 else Encoding.JSON for number in range(sessions)]
    return [
        _tape(islice(_events(script, fork(random), started_ms), events_each), encoding, per_frame)
        for script, encoding in zip(cast, encodings, strict=True)
    ]


def singles(tape: Tape, count: int) -> Tape:
    """The first events of a tape, each in a frame of its own."""
    alone = [entry for frame in tape.frames[: 1 + count // tape.frames[0].events] for entry in entries(frame, tape)]
    events = [
        Event(one.type, one.at, one.mono, msgspec.json.decode(one.payload), one.severity) for one in alone[:count]
    ]
    return _tape(iter(events), tape.encoding, 1)


def entries(frame: Frame, tape: Tape) -> tuple[Entry, ...]:
    """What a frame holds, as the hub would store it."""
    text = frame.payload.decode() if tape.encoding is Encoding.JSON else frame.payload
    batch = decode_candidate(text, tape.encoding)
    assert isinstance(batch, Batch)
    return batch.entries


def _tape(events: Iterator[Event], encoding: Encoding, per_frame: int) -> Tape:
    frames: list[Frame] = []
    seq = 0
    while chunk := list(islice(events, per_frame)):
        data = encode(Events(seq + 1, chunk), encoding)
        seq += len(chunk)
        frames.append(Frame(data.encode() if isinstance(data, str) else data, seq, len(chunk)))
    return Tape(encoding, frames)


def _events(script: Script, random: Random, started_ms: int) -> Iterator[Event]:
    mono = 0
    while True:
        for step in script.steps(fork(random), CLASS_S):
            mono += step.after_ms
            if isinstance(step, RecordEvent):
                yield Event(step.type, started_ms + mono, mono, step.data)
