"""Events for tests of judgement: stories second by second, and arbitrary events for properties."""

import json
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from hypothesis import strategies as st

from judgement.engine import Engine, Finding
from judgement.policy import Policy, read_policy
from judgement.rules import RULES
from protocol.events import CLIENT_EVENTS, MARKER_EVENTS, SERVER_EVENTS, StoredEvent

START_MS = 1_700_000_000_000
LAPTOP, TABLET, SYSTEM = UUID(int=1), UUID(int=2), UUID(int=3)


class Moment(NamedTuple):
    """An event `s` seconds after the start of the story, and its device."""

    s: float
    type: str
    data: bytes
    device: UUID


Story = Sequence[Moment | Sequence[Moment]]


def at(s: float, event_type: str, /, *, device: UUID = LAPTOP, **data: Any) -> Moment:
    return Moment(s, event_type, msgspec.json.encode(data), device)


def alive(first_s: float, last_s: float, *, device: UUID = LAPTOP) -> list[Moment]:
    """Events of a quiet client: `alive` every five seconds."""
    return [at(first_s + 5 * i, "alive", device=device) for i in range(int((last_s - first_s) // 5) + 1)]


def gaze(
    first_s: float, last_s: float, *, on_screen: bool, per_s: float = 2, confidence: float = 0.9, device: UUID = LAPTOP
) -> list[Moment]:
    """Samples of a gaze tracker from `first_s` until before `last_s`."""
    data = {"confidence": confidence, "on_screen": on_screen, "x": 10.0, "y": 20.0}
    count = int((last_s - first_s) * per_s)
    return [at(first_s + i / per_s, "eye_movement", device=device, **data) for i in range(count)]


def make_events(*story: Moment | Sequence[Moment]) -> list[StoredEvent]:
    """Make the events of a story in the order of their time, each device counting its own."""
    moments: list[Moment] = []
    for part in story:
        moments += [part] if isinstance(part, Moment) else part
    seqs: dict[UUID, int] = {}
    events = []
    for moment in sorted(moments, key=lambda moment: moment.s):
        seq = seqs[moment.device] = seqs.get(moment.device, 0) + 1
        time_ms = START_MS + round(moment.s * 1000)
        events.append(StoredEvent(moment.device, seq, moment.type, time_ms, time_ms, time_ms, moment.data))
    return events


def policy_of(*rule_ids: str, **settings: Any) -> Policy:
    """Make a policy in which only these rules are on, all with these settings."""
    rules = {rule.id: {"on": True, **settings} if rule.id in rule_ids else {"on": False} for rule in RULES}
    return read_policy({"rules": rules})


def fold(policy: Policy, events: Iterable[StoredEvent]) -> list[Finding]:
    engine = Engine(policy)
    state = engine.begin()
    return [finding for event in events for finding in engine.step(state, event)]


def run_rule(rule_id: str, events: Sequence[StoredEvent], **settings: Any) -> list[Finding]:
    """Return the findings of one rule."""
    return fold(policy_of(rule_id, **settings), events)


def kinds(findings: Iterable[Finding]) -> list[str]:
    return [finding.episode_key.partition(":")[0] for finding in findings]


EVERYTHING = policy_of(*(rule.id for rule in RULES))

_READ_TYPES = sorted({event_type for rule in RULES for event_type in rule.event_types})
_ANY_TYPE = sorted({*CLIENT_EVENTS, *SERVER_EVENTS, *MARKER_EVENTS, "paused", "not_known_yet"})
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_NAMES = st.sampled_from(["chars", "item", "confidence", "on_screen", "x", "y"])
_GOOD = st.fixed_dictionaries(
    {
        "chars": st.sampled_from([0, 19, 20, 500, 10**400]),
        "confidence": st.sampled_from([0.0, 0.7, 1.0, 7.0]),
        "on_screen": st.booleans(),
    }
)
_DATA = st.one_of(
    _GOOD.map(lambda data: json.dumps(data).encode()),
    st.dictionaries(_NAMES, _JSON, max_size=4).map(lambda data: json.dumps(data).encode()),
    st.sampled_from([b"", b"null", b"[]", b"{", b'{"chars":1e400}', b'{"chars":"\xff"}', b"[" * 9_000 + b"]" * 9_000]),
    st.binary(max_size=12),
)
_STEPS_MS = st.sampled_from([0, 100, 600, 2_000, 6_000, 11_000, 21_000, 310_000, -400, -40_000])


class Piece(NamedTuple):
    """Some events of one type in a row, `step_ms` apart."""

    type: str
    data: bytes
    device: UUID
    step_ms: int
    times: int


_DEVICES = st.sampled_from([LAPTOP, LAPTOP, LAPTOP, TABLET, SYSTEM])
_ANY = st.one_of(
    st.builds(Piece, st.sampled_from(_READ_TYPES), _DATA, _DEVICES, _STEPS_MS, st.just(1)),
    st.builds(Piece, st.sampled_from(_ANY_TYPE), _DATA, _DEVICES, _STEPS_MS, st.just(1)),
    st.builds(Piece, st.just("alive"), st.just(b"{}"), _DEVICES, st.just(5_000), st.integers(1, 6)),
    st.builds(
        Piece,
        st.just("eye_movement"),
        st.booleans().map(lambda on: msgspec.json.encode({"confidence": 0.9, "on_screen": on})),
        _DEVICES,
        st.sampled_from([300, 1_000]),
        st.integers(20, 40),
    ),
)


def _leave(device: UUID, away_ms: int, chars: int, times: int) -> list[Piece]:
    """Leave, come back and paste, and again."""
    paste = msgspec.json.encode({"chars": chars})
    once = [
        Piece("window_blur", b"{}", device, 2_000, 1),
        Piece("window_focus", b"{}", device, away_ms, 1),
        Piece("paste", paste, device, 1_000, 1),
    ]
    return once * times


_ONE = _ANY.map(lambda piece: [piece])
_LEAVES = st.builds(_leave, st.sampled_from([LAPTOP, TABLET]), _STEPS_MS, st.sampled_from([5, 50]), st.integers(1, 6))


def _live(scenes: Sequence[Sequence[Piece]]) -> list[StoredEvent]:
    seqs: dict[UUID, int] = {}
    events = []
    time_ms = START_MS
    for piece in chain.from_iterable(scenes):
        for _ in range(piece.times):
            time_ms += piece.step_ms
            seq = seqs[piece.device] = seqs.get(piece.device, 0) + 1
            events.append(StoredEvent(piece.device, seq, piece.type, time_ms, time_ms, time_ms, piece.data))
    return events


lives: st.SearchStrategy[list[StoredEvent]] = st.lists(_ONE | _LEAVES, max_size=60).map(_live)
"""Arbitrary events with arbitrary payloads: several devices, time that also steps back, and often something to find."""
