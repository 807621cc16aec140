"""JSON Schema told in TypeScript: one interface or union per definition. Pure; it knows no frame and no endpoint.

A reader's view: what is always sent is required, whether or not it has a default; a sender may leave defaults out.
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
    """Declare every definition under its name; those in `sent` are filled in by us and may leave their defaults out."""
    return "\n".join(_declare(name, schema, whole=name not in sent) for name, schema in sorted(definitions.items()))


def reachable(roots: object, definitions: Mapping[str, Json]) -> set[str]:
    """The names of all definitions that something refers to, however far away."""
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
    """A definition's name as TypeScript can say it: a generic's names its argument's module, which is left out."""
    return re.sub(r"(?<=_)(?:[a-z][a-z0-9_]*\.)+", "", name).replace("_", "")


def _declare(name: str, schema: Json, *, whole: bool) -> str:
    name = spell(name)
    said = _comment(schema.get("description"), "")
    if "allOf" in schema:
        return f"{said}export type {name} ={_cases(schema, whole=whole)};\n"
    if "properties" in schema:
        return f"{said}export interface {name} {{\n{_members(schema, whole=whole)}}}\n"
    return f"{said}export type {name} = {_express(schema, whole=whole)};\n"


def _cases(schema: Json, *, whole: bool) -> str:
    """An object whose constants in one property decide about others, as a union told apart by them."""
    cases = []
    for one in schema["allOf"]:
        chosen = {**one["if"]["properties"], **one["then"]["properties"]}
        merged = {**schema, "properties": {**schema["properties"], **chosen}}
        cases.append(_object(merged, whole=whole))
    return "".join(f"\n  | {case}" for case in cases)


def _members(schema: Json, *, whole: bool) -> str:
    told = zip(schema["properties"].values(), _plain_members(schema, whole=whole), strict=True)
    return "".join(f"{_comment(part.get('description'), '  ')}  {member};\n" for part, member in told)


def _plain_members(schema: Json, *, whole: bool) -> Iterator[str]:
    required = set(schema.get("required", ()))
    for name, part in schema["properties"].items():
        mark = "" if whole or name in required else "?"
        yield f"{_name(name)}{mark}: {_express(part, whole=whole)}"


def _express(schema: Json, *, whole: bool) -> str:
    """A schema as a type expression; what cannot be told more exactly is `unknown`."""
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


def _comment(said: object, indent: str) -> str:
    text = " ".join(str(said).split()).replace("*/", "* /") if said else ""
    return f"{indent}/** {text} */\n" if text else ""
