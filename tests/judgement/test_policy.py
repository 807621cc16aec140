import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgement.errors import PolicyError, UnsupportedRulebook
from judgement.policy import Policy, Preset, preset, read_policy, write_policy
from judgement.rule import Rule
from judgement.rules import RULEBOOK_VERSION, RULES, left_page
from tests.judgement.rulebooks import BOTH

WRONG = {
    "rules.left_page.times: expected int >= 2": {"rules": {"left_page": {"times": 1}}},
    "rules.left_page.times: expected int, got str": {"rules": {"left_page": {"times": "3"}}},
    "rules.left_page.times: expected int, got bool": {"rules": {"left_page": {"times": True}}},
    "rules.left_page.away_s: expected int <= 600": {"rules": {"left_page": {"away_s": 10**30}}},
    "rules.gaze_away.weight: expected float <= 1.0": {"rules": {"gaze_away": {"weight": 1.01}}},
    "rules.gaze_away.share: expected float >= 0.3": {"rules": {"gaze_away": {"share": float("nan")}}},
    "rules.left_page.on: expected bool, got int": {"rules": {"left_page": {"on": 1}}},
    "rules.left_page.tmies: there is no such setting": {"rules": {"left_page": {"tmies": 3}}},
    "rules.left_page.severity: there is no such setting": {"rules": {"left_page": {"severity": "normal"}}},
    "rules.left_pgae: there is no such rule": {"rules": {"left_pgae": {}}},
    "rules.left_page: expected object, got array": {"rules": {"left_page": []}},
    "rules: expected object, got null": {"rules": None},
    "preset: invalid enum value 'webcam'": {"preset": "webcam"},
    "colour: there is no such setting": {"colour": "red"},
}


@pytest.mark.parametrize(("message", "settings"), WRONG.items(), ids=WRONG)
def test_a_bad_value_is_refused_with_its_path(message: str, settings: dict[str, Any]) -> None:
    with pytest.raises(PolicyError) as refused:
        read_policy(settings)
    assert str(refused.value) == message
    assert refused.value.path == message.partition(":")[0]


def test_the_browser_preset_has_camera_rules_off() -> None:
    policy = preset("browser")
    assert {rule.id for rule in RULES if policy.rules[rule.id].on} == {rule.id for rule in RULES if not rule.camera}
    assert read_policy({}) == policy


def test_the_camera_preset_has_every_rule_on() -> None:
    assert all(settings.on for settings in preset(Preset.CAMERA).rules.values())


def test_missing_settings_come_from_the_preset() -> None:
    policy = read_policy({"preset": "camera", "rules": {"left_page": {"times": 5, "on": False}, "gaze_away": {}}})
    assert policy.rules["left_page"] == left_page.LeftPageSettings(times=5, on=False)
    assert policy.rules["gaze_away"].on
    assert policy.rules["left_fullscreen"] == preset("camera").rules["left_fullscreen"]


def test_a_single_camera_rule_can_be_turned_on() -> None:
    assert read_policy({"rules": {"gaze_away": {"on": True}}}).rules["gaze_away"].on


def test_a_written_policy_is_complete() -> None:
    written = write_policy(preset("browser"))
    assert written["rules"].keys() == {rule.id for rule in RULES}
    assert all(written["rules"][rule.id].keys() == set(rule.settings.__struct_fields__) for rule in RULES)


def test_a_policy_is_immutable() -> None:
    with pytest.raises(AttributeError):
        preset("browser").rules["left_page"].weight = 1.0  # type: ignore[misc]  # this is what must fail


def _values(rule: Rule[Any, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw any settings a rule allows, some left out."""
    info = msgspec.inspect.type_info(rule.settings)
    assert isinstance(info, msgspec.inspect.StructType)
    drawn: dict[str, st.SearchStrategy[Any]] = {}
    for field in info.fields:
        kind = field.type.type if isinstance(field.type, msgspec.inspect.Metadata) else field.type
        if isinstance(kind, msgspec.inspect.IntType):
            drawn[field.name] = st.integers(kind.ge, kind.le)
        elif isinstance(kind, msgspec.inspect.FloatType):
            drawn[field.name] = st.floats(kind.ge, kind.le)
        else:
            drawn[field.name] = st.booleans()
    return st.fixed_dictionaries({}, optional=drawn)


policies: st.SearchStrategy[Policy] = st.builds(
    lambda base, rules: read_policy({"preset": base, "rules": rules}),
    st.sampled_from(list(Preset)),
    st.fixed_dictionaries({}, optional={rule.id: _values(rule) for rule in RULES}),
)


@given(policies)
def test_a_policy_survives_being_stored_as_json(policy: Policy) -> None:
    assert read_policy(json.loads(json.dumps(write_policy(policy)))) == policy


def test_a_policy_is_for_one_rulebook() -> None:
    assert preset("browser").rulebook == RULEBOOK_VERSION
    assert read_policy({}, rulebooks=BOTH).rulebook == 9, "the newest, unless it says otherwise"
    assert read_policy({}, 1, BOTH).rulebook == 1
    second = read_policy({"rulebook": 9, "rules": {"copied": {"chars": 9}}}, rulebooks=BOTH)
    assert second.rules.keys() == {"left_page", "copied"}
    assert write_policy(second)["rulebook"] == 9
    assert read_policy(write_policy(second), 9, BOTH) == second


@pytest.mark.parametrize(
    ("message", "settings"),
    {
        "rules.gaze_away: there is no such rule": {"rules": {"gaze_away": {}}},
        "rules.copied.chars: expected int <= 100": {"rules": {"copied": {"chars": 101}}},
        "rulebook: this policy is for rulebook 1, not 9": {"rulebook": 1},
        "rulebook: expected int, got str": {"rulebook": "2"},
    }.items(),
)
def test_settings_are_validated_for_their_rulebook(message: str, settings: dict[str, Any]) -> None:
    with pytest.raises(PolicyError) as refused:
        read_policy(settings, 9, BOTH)
    assert str(refused.value) == message


def test_a_policy_for_an_unsupported_rulebook_is_not_read() -> None:
    with pytest.raises(UnsupportedRulebook):
        read_policy({"rulebook": 9})


def test_a_note_weighs_nothing_under_any_policy() -> None:
    policy = read_policy({"rules": {"copied": {"weight": 1.0}}}, 9, BOTH)
    assert (policy.rules["copied"].weight, policy.weigh("copied")) == (1.0, 0.0)


def test_a_rule_that_the_policy_does_not_have_weighs_nothing() -> None:
    assert preset("browser").weigh("not_known_yet") == 0
    assert preset("browser").weigh("left_page") == left_page.LeftPageSettings().weight
