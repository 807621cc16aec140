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
from judgement.rules import RULES


class Preset(StrEnum):
    """What a policy starts from: what a page can see, or that and what a camera concludes."""

    BROWSER = "browser"
    CAMERA = "camera"


class Policy(msgspec.Struct, frozen=True):
    """One exam's settings: for every rule of the rulebook its own struct. `rules` is never changed once made."""

    preset: Preset
    rules: Mapping[str, RuleSettings]

    def weigh(self, rule_id: str) -> float:
        """Give a rule's weight in scores, 0..1; a rule this policy does not know weighs nothing."""
        rule = _BY_ID.get(rule_id)
        return 0.0 if rule is None else rule.weigh(self.rules[rule_id])


_BY_ID: Final[dict[str, Rule[Any, Any]]] = {rule.id: rule for rule in RULES}


def preset(name: Preset | str) -> Policy:
    """Make the policy a preset stands for. Raises PolicyError."""
    return read_policy({"preset": name})


def read_policy(settings: Mapping[str, Any]) -> Policy:
    """Read what a teacher or the record says; what it leaves out is as its preset (default `browser`) has it.

    Raises PolicyError naming the path, as in `rules.left_page.times: expected int >= 2`.
    """
    for name in settings:
        if name not in Policy.__struct_fields__:
            raise PolicyError(str(name), "there is no such setting")
    base = _convert(settings.get("preset", Preset.BROWSER), Preset, "preset")
    said = _convert(settings.get("rules", {}), dict[str, Any], "rules")
    for rule_id in said:
        if rule_id not in _BY_ID:
            raise PolicyError(f"rules.{rule_id}", "there is no such rule")
    return Policy(base, {rule.id: _read_rule(rule, base, said.get(rule.id, {})) for rule in RULES})


def write_policy(policy: Policy) -> dict[str, Any]:
    """Write a policy as plain JSON values; `read_policy` reads it back the same."""
    written: dict[str, Any] = msgspec.to_builtins(policy)
    return written


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
