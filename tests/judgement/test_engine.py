import math
from collections.abc import Sequence
from itertools import pairwise, zip_longest
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgement.engine import Engine, Finding
from judgement.errors import StateError, UnsupportedRulebook
from judgement.policy import preset, read_policy
from judgement.rules import RULES
from protocol.events import MARKER_EVENTS, RESERVED_EVENTS, SERVER_EVENTS, StoredEvent
from protocol.flags import EVIDENCE_MAX, Severity
from tests.judgement.rulebooks import BOTH
from tests.judgement.stories import (
    EVERYTHING,
    LAPTOP,
    START_MS,
    SYSTEM,
    TABLET,
    Moment,
    alive,
    at,
    fold,
    gaze,
    lives,
    make_events,
    policy_of,
    run_rule,
)

EVERY_RULE = make_events(
    [at(s, "window_blur") for s in (10, 20, 30)],
    [at(s + 3, "window_focus") for s in (10, 20, 30)],
    at(35, "paste", chars=200),
    at(40, "fullscreen_exit"),
    alive(45, 60),
    gaze(60, 100, on_screen=False),
    at(101, "clock_mismatch", device=SYSTEM, stream=str(LAPTOP), to=101, kind="slow", **{"from": 50}),
    at(102, "heartbeat_missed", device=SYSTEM, since=START_MS + 70_000, connected=True),
    Moment(103, "events_lost", b'{"from":40,"reason":"storage"}', LAPTOP),
    at(104, "second_place", device=SYSTEM, place="there", was="here"),
    at(105, "submitted", device=SYSTEM, by="student", unobserved=True),
)


OF_SERVERS = sorted({*SERVER_EVENTS, *MARKER_EVENTS, *RESERVED_EVENTS})


def fold_in_batches(events: Sequence[StoredEvent], cuts: set[int], *, checkpoint: bool) -> list[Finding]:
    """Fold as workers do: batch by batch, each from the state in memory or from a checkpoint read by another worker."""
    engine = Engine(EVERYTHING)
    state = engine.begin()
    findings = []
    edges = [0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]
    for first, last in pairwise(edges):
        for event in events[first:last]:
            findings += engine.step(state, event)
        if checkpoint:
            data = engine.encode(state)
            engine = Engine(EVERYTHING)
            state = engine.decode(data)
    return findings


def above_notes(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity is not Severity.NORMAL]


def test_the_events_of_these_tests_raise_every_rule() -> None:
    assert {finding.rule for finding in fold(EVERYTHING, EVERY_RULE)} == {rule.id for rule in RULES}


def test_a_finding_names_its_rule_and_cites_its_events() -> None:
    (finding,) = run_rule("left_fullscreen", EVERY_RULE)
    assert (finding.rule, finding.rule_version, finding.severity) == ("left_fullscreen", 1, "warning")
    assert finding.episode_key == f"out:{LAPTOP}:8"
    assert finding.cited == ((LAPTOP, 8), (LAPTOP, 11))


@given(lives, st.sets(st.integers(0, 300), max_size=12))
def test_any_split_into_batches_gives_the_same_findings(events: list[StoredEvent], cuts: set[int]) -> None:
    assert fold_in_batches(events, cuts, checkpoint=False) == fold(EVERYTHING, events)


@given(lives, st.sets(st.integers(0, 300), max_size=12))
def test_any_placement_of_checkpoints_gives_the_same_findings(events: list[StoredEvent], cuts: set[int]) -> None:
    assert fold_in_batches(events, cuts, checkpoint=True) == fold(EVERYTHING, events)


def test_a_checkpoint_after_every_event_gives_the_same_findings() -> None:
    everywhere = set(range(len(EVERY_RULE)))
    assert fold_in_batches(EVERY_RULE, everywhere, checkpoint=True) == fold(EVERYTHING, EVERY_RULE)


@given(lives, st.lists(st.tuples(st.booleans(), st.booleans()), max_size=300))
def test_a_fold_continued_from_the_last_checkpoint_gives_the_same_findings(
    events: list[StoredEvent], fates: list[tuple[bool, bool]]
) -> None:
    """Before each event the state may be saved, or be lost and folded again from the last saved state."""
    engine = Engine(EVERYTHING)
    state, saved, saved_at = engine.begin(), b"", 0
    findings = []
    for n, (event, (is_saved, is_lost)) in enumerate(
        zip_longest(events, fates[: len(events)], fillvalue=(False, False))
    ):
        assert isinstance(event, StoredEvent)
        if is_saved:
            saved, saved_at = engine.encode(state), n
        if is_lost:
            engine = Engine(EVERYTHING)
            state = engine.decode(saved)
            for again in events[saved_at:n]:
                engine.step(state, again)
        findings += engine.step(state, event)
    assert findings == fold(EVERYTHING, events)


@given(lives, st.sets(st.sampled_from([rule.id for rule in RULES])))
def test_a_rule_s_findings_do_not_depend_on_which_others_are_on(events: list[StoredEvent], on: set[str]) -> None:
    together = [finding for finding in fold(EVERYTHING, events) if finding.rule in on]
    assert fold(policy_of(*on), events) == together


@given(lives, st.data())
def test_server_events_change_no_finding_above_a_note(events: list[StoredEvent], data: st.DataObject) -> None:
    lost = [
        StoredEvent(SYSTEM, 10_000 + i, event_type, START_MS + s * 1000, 0, 0, b'{"cause":"silent"}')
        for i, (event_type, s) in enumerate(
            data.draw(st.lists(st.tuples(st.sampled_from(OF_SERVERS), st.integers(0, 90_000))))
        )
    ]
    mixed = list(events)
    for event in lost:
        mixed.insert(data.draw(st.integers(0, len(mixed))), event)
    assert above_notes(fold(EVERYTHING, mixed)) == above_notes(fold(EVERYTHING, events))


@given(
    st.lists(st.tuples(st.sampled_from(OF_SERVERS), st.integers(-60_000, 900_000), st.sampled_from([LAPTOP, SYSTEM])))
)
def test_server_events_alone_raise_nothing_above_a_note(recorded: list[tuple[str, int, UUID]]) -> None:
    data = b'{"cause":"hub_gone","from":1,"reason":"server_lost","code":"bad_type","seqs":[1],"lost":90,"chars":900}'
    events = [
        StoredEvent(stream_id, seq, event_type, START_MS + ms, START_MS, START_MS + seq, data)
        for seq, (event_type, ms, stream_id) in enumerate(recorded, 1)
    ]
    assert above_notes(fold(EVERYTHING, events)) == []


@given(lives)
def test_findings_are_bounded_finite_and_cite_given_events(events: list[StoredEvent]) -> None:
    engine = Engine(EVERYTHING)
    state = engine.begin()
    folded = set()
    for event in events:
        folded.add((event.stream_id, event.seq))
        for finding in engine.step(state, event):
            assert finding.cited[-1] == (event.stream_id, event.seq)
            assert set(finding.cited) <= folded
            assert 1 <= len(set(finding.cited)) == len(finding.cited) <= EVIDENCE_MAX
            assert 0 <= finding.confidence <= 1
            assert all(math.isfinite(number) for number in finding.numbers.values())
    assert len(engine.encode(state)) < 8 * 1024


@given(lives)
def test_an_episode_is_raised_once(events: list[StoredEvent]) -> None:
    keys = [(finding.rule, finding.episode_key) for finding in fold(EVERYTHING, events)]
    assert len(keys) == len(set(keys))


def test_the_state_stays_small_in_a_long_exam() -> None:
    policy = policy_of(*(rule.id for rule in RULES))
    engine = Engine(policy)
    state = engine.begin()
    busy = [[at(i * 2, "window_blur"), at(i * 2 + 1, "window_focus"), at(i, "paste", chars=99)] for i in range(3_000)]
    for event in make_events(*busy, gaze(0, 6_000, on_screen=False)):
        engine.step(state, event)
    assert len(engine.encode(state)) < 4 * 1024


def test_unknown_types_are_ignored_and_wake_no_rule() -> None:
    assert run_rule("left_page", make_events(at(0, "window_blur"), at(60, "not_known_yet"))) == []


def test_any_client_event_wakes_a_waiting_rule() -> None:
    for event_type in ("alive", "typing", "eye_movement", "draft_saved"):
        assert run_rule("left_page", make_events(at(0, "window_blur"), at(60, event_type))) != []


def test_a_rule_that_waits_for_nothing_gets_only_its_event_types() -> None:
    disguised = [at(30 + i, "alive", confidence=0.9, on_screen=False) for i in range(60)]
    story = make_events(at(0, "window_blur", device=TABLET), disguised)  # the tablet's absence keeps `left_page` awake
    assert fold(policy_of("left_page", "gaze_away"), story) == []


def test_empty_bytes_are_the_state_before_the_first_event() -> None:
    engine = Engine(preset("browser"))
    assert engine.decode(b"") == engine.begin()


def test_a_rule_missing_in_a_checkpoint_begins_with_an_empty_state() -> None:
    single = Engine(policy_of("left_page"))
    state = single.begin()
    for event in make_events(at(0, "window_blur"), alive(5, 10)):
        single.step(state, event)
    both = Engine(policy_of("left_page", "left_fullscreen"))
    read = both.decode(single.encode(state))
    assert read.rules["left_fullscreen"] == both.begin().rules["left_fullscreen"]
    assert read.rules["left_page"] == state.rules["left_page"]
    assert read.wake_ms == state.wake_ms


def test_a_rule_that_is_no_longer_on_is_left_out() -> None:
    both = Engine(policy_of("left_page", "left_fullscreen"))
    single = Engine(policy_of("left_page"))
    assert single.decode(both.encode(both.begin())) == single.begin()


def test_another_version_of_a_rule_begins_with_an_empty_state() -> None:
    engine = Engine(policy_of("left_page"))
    later = msgspec.msgpack.encode({"left_page": (2, {"of": "another shape"})})
    assert engine.decode(later) == engine.begin()


def test_rulebooks_run_side_by_side() -> None:
    story = [*EVERY_RULE, *make_events(at(900, "copy"), at(901, "copy"))]
    raised = {}
    for version in BOTH:
        engine = Engine(read_policy({"rulebook": version}, rulebooks=BOTH), BOTH)
        state = engine.begin()
        raised[version] = {(found.rule, found.rule_version) for event in story for found in engine.step(state, event)}
    conduct = {("left_page", 1), ("left_fullscreen", 1), ("left_then_pasted", 1)}
    record = {
        (rule, 1) for rule in ("client_clock", "client_silent", "events_missing", "two_places", "never_connected")
    }
    assert raised == {1: conduct, 2: conduct | record, 9: {("copied", 1)}}


def test_an_unsupported_rulebook_is_refused() -> None:
    policy = read_policy({"rulebook": 9}, rulebooks=BOTH)
    with pytest.raises(UnsupportedRulebook, match="rulebook 9 is not supported"):
        Engine(policy)


@pytest.mark.parametrize("data", [b"\xc1", b"not a state", b"\x93\x01\x02\x03", b"\x81\xa9left_page\x92\x01\x91\x01"])
def test_bytes_that_are_not_a_state_are_refused(data: bytes) -> None:
    with pytest.raises(StateError):
        Engine(policy_of("left_page")).decode(data)
