"""Translates JSON Schema to TypeScript: one interface or union per definition. Pure; knows no frame and no endpoint.

Properties that are always sent are required, with or without a default; a sender may omit defaults.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final

Json = dict[str, Any]

_WORDS: Final = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}


def declare(definitions: Mapping[str, Json], sent: Collection[str]) -> str:
    """Declare every definition. Those in `sent` are written by the pages and may omit defaults."""
    return "\n".join(_declare(name, schema, whole=name not in sent) for name, schema in sorted(definitions.items()))


def reachable(roots: object, definitions: Mapping[str, Json]) -> set[str]:
    """Return the names of all definitions that are referenced, directly or indirectly."""
    found: set[str] = set()
    waiting = list(_references(roots))
    while waiting:
        name = waiting.pop()
        if name not in found and name in definitions:
            found.add(name)
            waiting.extend(_references(definitions[name]))
    return found


def _references(schema: object) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].rpartition("/")[2]
        for part in schema.values():
            yield from _references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _references(part)


def spell(name: str) -> str:
    """Return the name of a definition in TypeScript, without the module names in generic arguments."""
    return re.sub(r"(?<=_)(?:[a-z][a-z0-9_]*\.)+", "", name).replace("_", "")


def _declare(name: str, schema: Json, *, whole: bool) -> str:
    name = spell(name)
    comment = _comment(schema.get("description"), "")
    if "allOf" in schema:
        return f"{comment}export type {name} ={_cases(schema, whole=whole)};\n"
    if "properties" in schema:
        return f"{comment}export interface {name} {{\n{_members(schema, whole=whole)}}}\n"
    return f"{comment}export type {name} = {_express(schema, whole=whole)};\n"


def _cases(schema: Json, *, whole: bool) -> str:
    """Translate an object whose constant in one property decides about others to a discriminated union."""
    cases = []
    for case in schema["allOf"]:
        chosen = {**case["if"]["properties"], **case["then"]["properties"]}
        merged = {**schema, "properties": {**schema["properties"], **chosen}}
        cases.append(_object(merged, whole=whole))
    return "".join(f"\n  | {case}" for case in cases)


def _members(schema: Json, *, whole: bool) -> str:
    members = zip(schema["properties"].values(), _plain_members(schema, whole=whole), strict=True)
    return "".join(f"{_comment(part.get('description'), '  ')}  {member};\n" for part, member in members)


def _plain_members(schema: Json, *, whole: bool) -> Iterator[str]:
    required = set(schema.get("required", ()))
    for name, part in schema["properties"].items():
        mark = "" if whole or name in required else "?"
        yield f"{_name(name)}{mark}: {_express(part, whole=whole)}"


def _express(schema: Json, *, whole: bool) -> str:
    """Translate a schema to a type expression; `unknown` if there is nothing more exact."""
    match schema:
        case {"$ref": str(ref)}:
            return spell(ref.rpartition("/")[2])
        case {"const": value}:
            return json.dumps(value)
        case {"enum": list(values)}:
            return _union(json.dumps(value) for value in values)
        case {"anyOf": list(parts)} | {"oneOf": list(parts)}:
            return _union(_express(part, whole=whole) for part in parts)
        case {"type": list(kinds)}:
            return _union(_express({**schema, "type": kind}, whole=whole) for kind in kinds)
        case {"type": str(kind)} if kind in _WORDS:
            return _WORDS[kind]
        case {"type": "array"}:
            return _array(schema, lambda part: _express(part, whole=whole))
        case {"type": "object"} | {"properties": _}:
            return _object(schema, whole=whole)
        case _:
            return "unknown"


def _array(schema: Json, express: Callable[[Json], str]) -> str:
    if "prefixItems" in schema:
        return f"[{', '.join(express(part) for part in schema['prefixItems'])}]"
    items = schema.get("items")
    inner = express(items) if isinstance(items, dict) else "unknown"
    return f"({inner})[]" if " | " in inner else f"{inner}[]"


def _object(schema: Json, *, whole: bool) -> str:
    if schema.get("properties"):
        return "{ " + "".join(f"{member}; " for member in _plain_members(schema, whole=whole)) + "}"
    values = schema.get("additionalProperties")
    return f"Record<string, {_express(values, whole=whole) if isinstance(values, dict) and values else 'unknown'}>"


def _union(parts: Iterable[str]) -> str:
    return " | ".join(dict.fromkeys(parts)) or "never"


def _name(name: str) -> str:
    return name if name.isidentifier() else json.dumps(name)


def _comment(description: object, indent: str) -> str:
    text = " ".join(str(description).split()).replace("*/", "* /") if description else ""
    return f"{indent}/** {text} */\n" if text else ""
