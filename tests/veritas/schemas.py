"""The part of JSON Schema that the published schemas use. An unknown keyword fails the test."""

import re
from collections.abc import Callable
from typing import Any

KINDS: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
SAYS_NOTHING = {"title", "description", "default", "format", "$defs", "$schema"}


def resolve(document: Any, ref: str) -> Any:
    """Return the target of a reference within the document. Raises KeyError."""
    for step in ref.removeprefix("#/").split("/"):
        document = document[step]
    return document


def fits(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """Return whether a value fits the schema."""
    unknown = schema.keys() - CHECKS.keys() - SAYS_NOTHING - {"then"}
    assert not unknown, unknown
    return all(CHECKS[word](value, rule, schema, root) for word, rule in schema.items() if word in CHECKS)


def is_kind(value: Any, kind: str) -> bool:
    return isinstance(value, KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))


Check = Callable[[Any, Any, dict[str, Any], dict[str, Any]], bool]
CHECKS: dict[str, Check] = {
    "$ref": lambda value, rule, _, root: fits(value, resolve(root, rule), root),
    "anyOf": lambda value, rule, _, root: any(fits(value, option, root) for option in rule),
    "oneOf": lambda value, rule, _, root: sum(fits(value, option, root) for option in rule) == 1,
    "allOf": lambda value, rule, _, root: all(fits(value, option, root) for option in rule),
    "if": lambda value, rule, schema, root: not fits(value, rule, root) or fits(value, schema["then"], root),
    "type": lambda value, rule, *_: is_kind(value, rule),
    "enum": lambda value, rule, *_: value in rule,
    "const": lambda value, rule, *_: value == rule,
    "required": lambda value, rule, *_: not isinstance(value, dict) or value.keys() >= set(rule),
    "properties": lambda value, rule, _, root: (
        not isinstance(value, dict) or all(fits(value[name], rule[name], root) for name in rule if name in value)
    ),
    "additionalProperties": lambda value, rule, schema, root: (
        not isinstance(value, dict)
        or all(fits(value[name], rule, root) for name in value if name not in schema.get("properties", {}))
    ),
    "items": lambda value, rule, _, root: not isinstance(value, list) or all(fits(item, rule, root) for item in value),
    "prefixItems": lambda value, rule, _, root: all(map(lambda item, each: fits(item, each, root), value, rule)),
    "minItems": lambda value, rule, *_: not isinstance(value, list) or len(value) >= rule,
    "maxItems": lambda value, rule, *_: not isinstance(value, list) or len(value) <= rule,
    "minimum": lambda value, rule, *_: not is_kind(value, "number") or value >= rule,
    "maximum": lambda value, rule, *_: not is_kind(value, "number") or value <= rule,
    "maxLength": lambda value, rule, *_: not isinstance(value, str) or len(value) <= rule,
    "pattern": lambda value, rule, *_: not isinstance(value, str) or re.search(rule, value) is not None,
}
