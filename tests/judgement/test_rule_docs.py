import json
from typing import Any

import msgspec
import pytest

from judgement.errors import UnsupportedRulebook
from judgement.policy import preset, read_policy
from judgement.rule import Rule
from judgement.rule_docs import describe, describe_all
from judgement.rules import RULES


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_is_described_with_its_false_alarms(rule: Rule[Any, Any]) -> None:
    info = describe(rule)
    assert (info.rule, info.name, info.camera) == (rule.id, rule.title, rule.camera)
    assert len(info.summary) > 40
    assert len(info.false_alarms) > 40
    assert "\n" not in info.summary + info.false_alarms


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rules_defaults_fit_its_schema_and_are_its_presets(rule: Rule[Any, Any]) -> None:
    info = describe(rule)
    assert info.defaults == msgspec.to_builtins(preset("browser").rules[rule.id])
    assert info.defaults.keys() == info.settings_schema["properties"].keys()
    assert json.loads(msgspec.json.encode(info))


def test_a_summary_has_the_numbers_the_policy_sets() -> None:
    policy = read_policy({"rules": {"left_page": {"times": 7, "away_s": 33}}})
    summary = describe_all(policy.rules)[0].summary
    assert "7 leaves within the window" in summary
    assert "33 s (away at once for longer than this)" in summary


def test_a_share_is_shown_without_its_range() -> None:
    (gaze,) = [info for info in describe_all({}) if info.rule == "gaze_away"]
    assert "0.6 (the share of samples off the screen must be larger)" in gaze.summary


def test_an_unsupported_rulebook_is_not_described() -> None:
    with pytest.raises(UnsupportedRulebook):
        describe_all({}, 999)
