"""Policies: an exam's rule settings, with presets. Read and validate them, and write them as JSON (docs/rules.md).

A policy is immutable and complete: it names every setting of every rule, so that a changed default never changes a
stored policy. Nothing here reads events.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from judgement.errors import PolicyError
from judgement.rule import Rule, RuleSettings
from judgement.rules import RULEBOOKS, Rulebook, read_rulebook


class Preset(StrEnum):
    """The base of a policy: what a page can see, or also what a client with a camera reports."""

    BROWSER = "browser"
    CAMERA = "camera"


class Policy(msgspec.Struct, frozen=True):
    """One exam's settings for every rule of one rulebook. Immutable.

    `weights` are computed from the settings. The weight of a note is always 0.
    """

    preset: Preset
    rulebook: int
    rules: Mapping[str, RuleSettings]
    weights: Mapping[str, float]

    def weigh(self, rule_id: str) -> float:
        """Return a rule's weight in scores, 0..1; 0 for a rule that this policy does not have."""
        return self.weights.get(rule_id, 0.0)


_SETTINGS: Final = ("preset", "rulebook", "rules")


def preset(name: Preset | str) -> Policy:
    """Make the policy of a preset. Raises PolicyError."""
    return read_policy({"preset": name})


def read_policy(
    settings: Mapping[str, Any],
    rulebook_version: int | None = None,
    rulebooks: Mapping[int, Rulebook] = RULEBOOKS,
) -> Policy:
    """Read a policy from settings. Missing settings come from the preset (default `browser`).

    It is read for `rulebook_version`; without it for the rulebook that the settings name, or else for the newest one.
    Raises PolicyError with the path, as in `rules.left_page.times: expected int >= 2`, and UnsupportedRulebook.
    """
    for name in settings:
        if name not in _SETTINGS:
            raise PolicyError(str(name), "there is no such setting")
    version = _read_version(settings, rulebook_version, max(rulebooks))
    rulebook = read_rulebook(version, rulebooks)
    base = _convert(settings.get("preset", Preset.BROWSER), Preset, "preset")
    rule_settings = _convert(settings.get("rules", {}), dict[str, Any], "rules")
    known = {rule.id for rule in rulebook}
    for rule_id in rule_settings:
        if rule_id not in known:
            raise PolicyError(f"rules.{rule_id}", "there is no such rule")
    rules = {rule.id: _read_rule(rule, base, rule_settings.get(rule.id, {})) for rule in rulebook}
    return Policy(base, version, rules, {rule.id: rule.weigh(rules[rule.id]) for rule in rulebook})


def write_policy(policy: Policy) -> dict[str, Any]:
    """Write a policy as JSON values. `read_policy` reads the same policy from them."""
    return {name: msgspec.to_builtins(getattr(policy, name)) for name in _SETTINGS}


def _read_version(settings: Mapping[str, Any], expected: int | None, newest: int) -> int:
    if "rulebook" not in settings:
        return newest if expected is None else expected
    version: int = _convert(settings["rulebook"], int, "rulebook")
    if expected not in (None, version):
        raise PolicyError("rulebook", f"this policy is for rulebook {version}, not {expected}")
    return version


def _read_rule(rule: Rule[Any, Any], base: Preset, value: Any) -> RuleSettings:
    path = f"rules.{rule.id}"
    given = _convert(value, dict[str, Any], path)
    for name in given:
        if name not in rule.settings.__struct_fields__:
            raise PolicyError(f"{path}.{name}", "there is no such setting")
    settings: RuleSettings = _convert({"on": not rule.camera or base is Preset.CAMERA, **given}, rule.settings, path)
    return settings


def _convert(value: Any, shape: Any, path: str) -> Any:
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        reason, _, below = str(error).partition(" - at `$")
        path += below.rstrip("`").replace("[...]", "")
        raise PolicyError(path, reason[:1].lower() + reason[1:].replace("`", "")) from error
