"""Every script, folded by the real rules: exactly what it promises is raised, and nothing else."""

from collections import Counter
from random import Random
from uuid import UUID

import msgspec
import pytest

from judgement import policy
from judgement.engine import Engine
from judgement.rules import RULES
from protocol.events import CLIENT_EVENTS, Event, StoredEvent, to_entry
from protocol.flags import Severity
from veritas.simulation.scripts import CHEATING, HONEST, SCRIPTS, LoseNetwork, RecordEvent, Script, assign_scripts
from veritas.simulation.scripts.step import Moment, play

STREAM = UUID(int=7)


def rules_raised(script: Script, seed: int, seconds: float) -> set[str]:
    engine = Engine(policy.preset("camera"))
    state = engine.begin()
    raised = set()
    time_ms = 1_700_000_000_000 + seed * 777
    seq = 0
    for step in script.steps(Random(seed), seconds):
        time_ms += step.after_ms
        if isinstance(step, RecordEvent):
            seq += 1
            stored = StoredEvent(STREAM, seq, step.type, time_ms, time_ms, time_ms, msgspec.json.encode(step.data))
            raised |= {finding.rule for finding in engine.step(state, stored)}
    return raised


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize("seconds", [40, 45.5, 90, 1_200])
def test_a_script_raises_exactly_what_it_promises(script: Script, seconds: float) -> None:
    for seed in range(25 if seconds < 100 else 5):
        assert rules_raised(script, seed, seconds) == script.must_raise, f"seed {seed}"


@pytest.mark.parametrize("script", CHEATING, ids=lambda script: script.name)
def test_a_cheating_script_raises_its_flag_within_its_stated_time(script: Script) -> None:
    assert script.needs_s <= 40
    for seed in range(25):
        assert rules_raised(script, seed, script.needs_s) == script.must_raise, f"seed {seed}"


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_script_has_only_known_types_in_order_and_within_its_time(script: Script) -> None:
    total_ms = 0
    for step in script.steps(Random(3), 60):
        assert step.after_ms >= 0
        total_ms += step.after_ms
        if isinstance(step, RecordEvent):
            assert step.type in CLIENT_EVENTS
            assert to_entry(Event(step.type, 1, 1, step.data), 1).reject is None
    assert total_ms <= 60_000


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_seed_gives_the_same_script_again(script: Script) -> None:
    assert list(script.steps(Random(5), 50)) == list(script.steps(Random(5), 50))
    assert list(script.steps(Random(5), 50)) != list(script.steps(Random(6), 50))


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_script_looks_at_the_camera_about_twice_a_second(script: Script) -> None:
    samples = [
        step for step in script.steps(Random(1), 40) if isinstance(step, RecordEvent) and step.type == "eye_movement"
    ]
    expected = 40 if script.name != "wanderer" else 16
    assert expected * 1.6 <= len(samples) <= expected * 2.2


def test_every_rule_above_a_note_has_a_script_that_raises_it() -> None:
    above = {rule.id for rule in RULES if rule.severity is not Severity.NORMAL}
    assert set().union(*(script.must_raise for script in CHEATING)) == above


def test_only_the_flaky_network_cuts_its_socket() -> None:
    cutting = {
        name for name, script in SCRIPTS.items() if any(isinstance(s, LoseNetwork) for s in script.steps(Random(1), 60))
    }
    assert cutting == {"flaky_network"}


def test_most_of_a_class_is_honest_and_every_cheat_is_there() -> None:
    cast = Counter(script.name for script in assign_scripts(40, 40, Random(1)))
    assert sum(cast[script.name] for script in HONEST) == 28
    assert all(cast[script.name] >= 2 for script in CHEATING)


def test_a_small_class_plays_the_cheats_first() -> None:
    assert {script.name for script in assign_scripts(5, 40, Random(1))} == {script.name for script in CHEATING}


def test_a_short_session_leaves_out_the_cheats_that_do_not_fit() -> None:
    names = {script.name for script in assign_scripts(60, 20, Random(1))}
    assert "copies_answer" in names
    assert not names & {"wanderer", "looks_aside", "tab_switcher", "leaves_fullscreen"}
    assert not any(script.must_raise for script in assign_scripts(10, 5, Random(1)))


def test_timelines_are_merged_into_steps() -> None:
    steps = list(play(2, [Moment(100, "alive"), Moment(1_500, None)], [Moment(400, "copy"), Moment(2_500, "paste")]))
    assert steps == [RecordEvent(100, "alive"), RecordEvent(300, "copy"), LoseNetwork(1_100)]
