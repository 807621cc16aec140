"""Describe each rule, with the numbers that a policy sets, for teachers: only from the rule's own file.

Nothing here reads events, and no text here is about a student.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from judgement.rule import Rule, RuleSettings
from judgement.rules import RULEBOOK_VERSION, read_rulebook

_COMMON_SETTINGS: Final = RuleSettings.__struct_fields__


class RuleInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One rule in plain words. `summary` says what it reports, with the numbers that are set.

    `settings_schema` is the JSON Schema of its settings, `defaults` has their default values. `camera` rules use what a
    camera or microphone reported, and are off unless an exam turns them on.
    """

    rule: str
    version: int
    name: str
    severity: str
    summary: str
    false_alarms: str
    camera: bool
    settings_schema: dict[str, Any]
    defaults: dict[str, Any]


def describe(rule: Rule[Any, Any], settings: RuleSettings | None = None) -> RuleInfo:
    """Describe a rule with the numbers of these settings, or with its defaults."""
    return RuleInfo(
        rule=rule.id,
        version=rule.version,
        name=rule.title,
        severity=rule.severity,
        summary=f"{rule.summary} {_numbers(rule, settings or rule.settings())}".strip(),
        false_alarms=rule.false_alarms,
        camera=rule.camera,
        settings_schema=schema_of(rule),
        defaults=msgspec.to_builtins(rule.settings(on=not rule.camera)),
    )


def describe_all(settings: Mapping[str, RuleSettings], rulebook: int = RULEBOOK_VERSION) -> list[RuleInfo]:
    """Describe every rule of a rulebook, in its order, with a policy's settings. Raises UnsupportedRulebook."""
    return [describe(rule, settings.get(rule.id)) for rule in read_rulebook(rulebook)]


def schema_of(rule: Rule[Any, Any]) -> dict[str, Any]:
    """Return the JSON Schema of a rule's settings, with all ranges and descriptions."""
    (_,), components = msgspec.json.schema_components([rule.settings], ref_template="#/{name}")
    return {**components[rule.settings.__name__], "title": "Settings"}


def _numbers(rule: Rule[Any, Any], settings: RuleSettings) -> str:
    """List the rule's own settings, for example: Set to 3 leaves within the window, 300 s (the window)."""
    properties = schema_of(rule)["properties"]
    numbers = [
        _number(getattr(settings, name), properties[name].get("description", name))
        for name in settings.__struct_fields__
        if name not in _COMMON_SETTINGS
    ]
    return f"Set to {', '.join(numbers)}." if numbers else ""


def _number(value: object, description: str) -> str:
    """Format a value with its description, which is `unit; meaning` or a meaning alone."""
    unit, _, meaning = description.rpartition("; ")
    unit = unit.removeprefix("0..1")
    return f"{value} {description}" if meaning == description else f"{value}{unit and ' '}{unit} ({meaning})"
