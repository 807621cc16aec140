"""As much of JSON Schema as the published schemas use; a keyword it does not know fails the test that meets it."""

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
    """What a reference within the document leads to. Raises KeyError."""
    for step in ref.removeprefix("#/").split("/"):
        document = document[step]
    return document


def fits(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """Whether a value is what the schema describes."""
    unknown = schema.keys() - CHECKS.keys() - SAYS_NOTHING - {"then"}
    assert not unknown, unknown
    return all(CHECKS[word](value, said, schema, root) for word, said in schema.items() if word in CHECKS)


def is_kind(value: Any, kind: str) -> bool:
    return isinstance(value, KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))


Check = Callable[[Any, Any, dict[str, Any], dict[str, Any]], bool]
CHECKS: dict[str, Check] = {
    "$ref": lambda value, said, _, root: fits(value, resolve(root, said), root),
    "anyOf": lambda value, said, _, root: any(fits(value, option, root) for option in said),
    "oneOf": lambda value, said, _, root: sum(fits(value, option, root) for option in said) == 1,
    "allOf": lambda value, said, _, root: all(fits(value, option, root) for option in said),
    "if": lambda value, said, schema, root: not fits(value, said, root) or fits(value, schema["then"], root),
    "type": lambda value, said, *_: is_kind(value, said),
    "enum": lambda value, said, *_: value in said,
    "const": lambda value, said, *_: value == said,
    "required": lambda value, said, *_: not isinstance(value, dict) or value.keys() >= set(said),
    "properties": lambda value, said, _, root: (
        not isinstance(value, dict) or all(fits(value[name], said[name], root) for name in said if name in value)
    ),
    "additionalProperties": lambda value, said, schema, root: (
        not isinstance(value, dict)
        or all(fits(value[name], said, root) for name in value if name not in schema.get("properties", {}))
    ),
    "items": lambda value, said, _, root: not isinstance(value, list) or all(fits(item, said, root) for item in value),
    "prefixItems": lambda value, said, _, root: all(map(lambda item, each: fits(item, each, root), value, said)),
    "minItems": lambda value, said, *_: not isinstance(value, list) or len(value) >= said,
    "maxItems": lambda value, said, *_: not isinstance(value, list) or len(value) <= said,
    "minimum": lambda value, said, *_: not is_kind(value, "number") or value >= said,
    "maximum": lambda value, said, *_: not is_kind(value, "number") or value <= said,
    "maxLength": lambda value, said, *_: not isinstance(value, str) or len(value) <= said,
    "pattern": lambda value, said, *_: not isinstance(value, str) or re.search(said, value) is not None,
}
