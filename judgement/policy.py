"""An exam's settings of the rules: presets, reading with every bad value refused by its path, writing.

A policy is immutable and complete: it names every rule with every setting, so that a default changed later changes no
stored policy. Nothing here looks at facts.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from judgement.errors import PolicyError
from judgement.rule import Rule, RuleSettings
from judgement.rules import RULEBOOKS, Rulebook, read_rulebook


class Preset(StrEnum):
    """What a policy starts from: what a page can see, or that and what a camera concludes."""

    BROWSER = "browser"
    CAMERA = "camera"


class Policy(msgspec.Struct, frozen=True):
    """One exam's settings: for every rule of the rulebook it is for its own struct. It is never changed once made.

    `weights` follow from the settings: a note's is 0 whatever they say.
    """

    preset: Preset
    rulebook: int
    rules: Mapping[str, RuleSettings]
    weights: Mapping[str, float]

    def weigh(self, rule_id: str) -> float:
        """Give a rule's weight in scores, 0..1; a rule this policy does not know weighs nothing."""
        return self.weights.get(rule_id, 0.0)


_SETTINGS: Final = ("preset", "rulebook", "rules")


def preset(name: Preset | str) -> Policy:
    """Make the policy a preset stands for. Raises PolicyError."""
    return read_policy({"preset": name})


def read_policy(
    settings: Mapping[str, Any],
    rulebook_version: int | None = None,
    rulebooks: Mapping[int, Rulebook] = RULEBOOKS,
) -> Policy:
    """Read what a teacher or the record says; what it leaves out is as its preset (default `browser`) has it.

    It is read for `rulebook_version`, or without one for the rulebook it names, or else for the newest.
    Raises PolicyError naming the path, as in `rules.left_page.times: expected int >= 2`, and UnsupportedRulebook.
    """
    for name in settings:
        if name not in _SETTINGS:
            raise PolicyError(str(name), "there is no such setting")
    version = _read_version(settings, rulebook_version, max(rulebooks))
    rulebook = read_rulebook(version, rulebooks)
    base = _convert(settings.get("preset", Preset.BROWSER), Preset, "preset")
    said = _convert(settings.get("rules", {}), dict[str, Any], "rules")
    known = {rule.id for rule in rulebook}
    for rule_id in said:
        if rule_id not in known:
            raise PolicyError(f"rules.{rule_id}", "there is no such rule")
    rules = {rule.id: _read_rule(rule, base, said.get(rule.id, {})) for rule in rulebook}
    return Policy(base, version, rules, {rule.id: rule.weigh(rules[rule.id]) for rule in rulebook})


def write_policy(policy: Policy) -> dict[str, Any]:
    """Write a policy as plain JSON values; `read_policy` reads it back the same."""
    return {name: msgspec.to_builtins(getattr(policy, name)) for name in _SETTINGS}


def _read_version(settings: Mapping[str, Any], wanted: int | None, newest: int) -> int:
    if "rulebook" not in settings:
        return newest if wanted is None else wanted
    said: int = _convert(settings["rulebook"], int, "rulebook")
    if wanted not in (None, said):
        raise PolicyError("rulebook", f"it is for rulebook {said}, not {wanted}")
    return said


def _read_rule(rule: Rule[Any, Any], base: Preset, value: Any) -> RuleSettings:
    path = f"rules.{rule.id}"
    said = _convert(value, dict[str, Any], path)
    for name in said:
        if name not in rule.settings.__struct_fields__:
            raise PolicyError(f"{path}.{name}", "there is no such setting")
    settings: RuleSettings = _convert({"on": not rule.camera or base is Preset.CAMERA, **said}, rule.settings, path)
    return settings


def _convert(value: Any, shape: Any, path: str) -> Any:
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        reason, _, below = str(error).partition(" - at `$")
        path += below.rstrip("`").replace("[...]", "")
        raise PolicyError(path, reason[:1].lower() + reason[1:].replace("`", "")) from error
