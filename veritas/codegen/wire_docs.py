"""The published contract, written from the code: JSON Schemas, an AsyncAPI document, the table of codes (`make docs`).

Nothing is described here twice: frames, limits and meanings stand in `protocol/`, and a test holds the files to them.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final, get_args

import msgspec

from protocol import console, limits, monitor
from protocol.codec import Encoding
from protocol.codes import CLOSE_MEANINGS, ERROR_MEANINGS, REJECT_MEANINGS, CloseCode, may_reconnect

DOCS: Final = Path(__file__).parents[2] / "docs"
VERSION: Final = "1.0.0"
"""Of the wire, not of the hub: the first number is the one in the subprotocols."""

Json = dict[str, Any]

SOCKETS: Final[dict[str, tuple[ModuleType, Any, Any, str]]] = {
    "monitor": (monitor, monitor.CandidateFrame, monitor.HubFrame, "The candidate's client"),
    "console": (console, console.ConsoleFrame, console.HubFrame, "The teacher's console"),
}
"""Each socket: its module, what its clients say, what the hub says, and who the client is."""

_CODES_INTRODUCTION: Final = """\
# Codes

Written by `make docs` from `protocol/codes.py`, which a test holds it to.

## Close codes

The close reason is the code's name. *Reconnect* says whether a client may come back by itself: first after a random
part of half a second, or of a drain's `in_ms`, then with full jitter from 0.5 to 30 s. Of the standard codes 1007 and
1009 mean no, and all others yes. After 4410 a client comes back only for what it recorded since its last hello.
"""

_REJECTS_INTRODUCTION: Final = """\
## Reject codes

Why one event was refused, in `ack.rejected` and `welcome.rejected`. Its number is used up, its neighbours are stored.
"""

_ERRORS_INTRODUCTION: Final = """\
## Error codes

What an `error` frame, or the result of a command, says.
"""


def render() -> dict[str, str]:
    """Every generated page: its path under `docs/`, and its text."""
    pages = {f"wire/{name}.schema.json": _as_text(schema_of(name)) for name in SOCKETS}
    pages["wire/asyncapi.json"] = _as_text(asyncapi())
    pages["close-codes.md"] = codes_page()
    return pages


def schema_of(socket: str) -> Json:
    """The JSON Schema of every frame of one socket, either way; `$defs` also has `client` and `hub`, one way each."""
    module, from_client, from_hub, title = SOCKETS[socket]
    sent, said = get_args(from_client), get_args(from_hub)
    _, components = _components(
        (*sent, *said, *console.ROWS.values()) if module is console else (*sent, *said), "$defs"
    )
    definitions: Json = {
        "client": {"oneOf": [_ref("$defs", frame.__name__) for frame in sent]},
        "hub": {"oneOf": [_ref("$defs", frame.__name__) for frame in said]},
        **components,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{title}: /ws/{socket}",
        "description": (module.__doc__ or "").strip(),
        "anyOf": [_ref("$defs", "client"), _ref("$defs", "hub")],
        "$defs": definitions,
    }


def asyncapi() -> Json:
    """The AsyncAPI 3 document of both sockets, from the hub's point of view: it receives what clients send."""
    frames: list[Any] = [frame for _, *ways, _ in SOCKETS.values() for way in ways for frame in get_args(way)]
    refs, schemas = _components([*dict.fromkeys(frames), *console.ROWS.values()], "components/schemas")
    payloads = dict(zip(dict.fromkeys(frames), refs, strict=False))
    messages: Json = {}
    channels: Json = {}
    operations: Json = {}
    for socket, (_, from_client, from_hub, title) in SOCKETS.items():
        ways = {"receive": get_args(from_client), "send": get_args(from_hub)}
        tags = {action: [_tag_of(frame) for frame in said] for action, said in ways.items()}
        for frame in (*ways["receive"], *ways["send"]):
            messages[f"{socket}.{_tag_of(frame)}"] = _message(frame, payloads[frame])
        channels[socket] = _channel(socket, title, [*tags["receive"], *tags["send"]])
        for action, verb in (("receive", "sends"), ("send", "hears")):
            operations[f"{socket}.{verb}"] = {
                "action": action,
                "channel": {"$ref": f"#/channels/{socket}"},
                "summary": f"{title} {verb}.",
                "messages": [{"$ref": f"#/channels/{socket}/messages/{tag}"} for tag in tags[action]],
            }
    return {
        "asyncapi": "3.0.0",
        "info": _info(),
        "defaultContentType": "application/json",
        "servers": {"hub": {"host": "localhost:8000", "protocol": "ws", "description": "One hub; behind TLS, wss."}},
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": _in_draft_7(schemas)},
    }


def codes_page() -> str:
    """The page of every code a program can meet."""
    closes = [
        (str(int(code)), code.reason, "yes" if may_reconnect(code) else "no", CLOSE_MEANINGS[code])
        for code in CloseCode
    ]
    rejects = [(code.value, meaning) for code, meaning in REJECT_MEANINGS.items()]
    errors = [(code.value, meaning) for code, meaning in ERROR_MEANINGS.items()]
    return "\n".join(
        [
            _CODES_INTRODUCTION,
            _table(("code", "name", "reconnect", "why"), closes),
            _REJECTS_INTRODUCTION,
            _table(("code", "the event is, or has"), rejects),
            _ERRORS_INTRODUCTION,
            _table(("code", "why"), errors),
        ]
    )


def main() -> None:
    """Write every page."""
    for path, text in render().items():
        (DOCS / path).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / path).write_text(text)


def _components(shapes: Iterable[Any], root: str) -> tuple[list[Json], Json]:
    """References to these structs, and everything they need, under plain names where no two structs share one."""
    described = msgspec.json.schema_components(shapes, ref_template=f"#/{root}/{{name}}")
    plain: tuple[list[Json], Json] = json.loads(json.dumps(described).replace("protocol.", ""))
    refs, components = plain
    delta = components.get("Delta")
    if delta is not None:
        delta["allOf"] = [
            {
                "if": {"properties": {"kind": {"const": kind}}},
                "then": {"properties": {"body": _ref(root, row.__name__)}},
            }
            for kind, row in console.ROWS.items()
        ]
    return refs, {name: _described(component) for name, component in components.items()}


def _described(component: Json) -> Json:
    """The same, its docstring's line breaks folded."""
    if "description" in component:
        component["description"] = " ".join(component["description"].split())
    return component


def _ref(root: str, name: str) -> Json:
    return {"$ref": f"#/{root}/{name}"}


def _tag_of(frame: Any) -> str:
    tag = msgspec.inspect.type_info(frame).tag  # type: ignore[attr-defined]
    return str(tag)


def _message(frame: Any, payload: Mapping[str, Any]) -> Json:
    said = " ".join((frame.__doc__ or "").split())
    return {"name": _tag_of(frame), "title": frame.__name__, "summary": said, "payload": dict(payload)}


def _channel(socket: str, title: str, tags: Iterable[str]) -> Json:
    offered = ", ".join(Encoding)
    return {
        "address": f"/ws/{socket}",
        "title": title,
        "description": (
            f"Subprotocols {offered}: JSON in text frames, or the same structs as MessagePack in binary ones. "
            f"A frame has at most {limits.FRAME_BYTES} bytes. Unknown fields are skipped."
        ),
        "servers": [{"$ref": "#/servers/hub"}],
        "messages": {tag: {"$ref": f"#/components/messages/{socket}.{tag}"} for tag in tags},
        "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
    }


def _info() -> Json:
    return {
        "title": "Veritas, the wire",
        "version": VERSION,
        "description": (
            "Both websockets of a Veritas hub. What the frames mean, and in which order they come, "
            "is told in docs/wire/README.md; every code in docs/close-codes.md."
        ),
        "license": {"name": "Apache-2.0"},
    }


def _in_draft_7(schema: Any) -> Any:
    """The same in the older words that AsyncAPI's own schema dialect knows."""
    if isinstance(schema, list):
        return [_in_draft_7(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {"items" if key == "prefixItems" else key: _in_draft_7(value) for key, value in schema.items()}


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| `{code}` | {' | '.join(rest)} |" for code, *rest in rows]
    return "\n".join(lines) + "\n"


def _as_text(document: Json) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
