"""What the pages know of the wire and of REST, written in TypeScript from the code (`make docs`), and never by hand.

A test holds the files to the code. The hub is built to be asked for its schema, and connects to nothing.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from db.settings import Secret
from hub.app import create_app
from hub.settings import HubSettings
from protocol import limits
from protocol.codes import CLOSE_MEANINGS, CloseCode, ErrorCode, RejectCode, may_reconnect
from protocol.events import CLIENT_EVENTS
from veritas.codegen import typescript
from veritas.codegen.wire_docs import schema_of

WEB: Final = Path(__file__).parents[2] / "web"

_HEAD: Final = "// Written by `make docs` from {source}; a test holds it to the code.\n\n"
_SENDS_SOMETIMES: Final = frozenset({"Outcome", "Problem"})
"""Structs that leave their defaults out even when the hub sends them."""


def render() -> dict[str, str]:
    """Every written module: its path under `web/`, and its text."""
    return {
        "shared/src/wire/monitor.ts": _socket("monitor"),
        "shared/src/wire/console.ts": _socket("console"),
        "shared/src/wire/codes.ts": _codes(),
        "shared/src/wire/rest.ts": _rest(openapi()),
    }


def openapi() -> dict[str, Any]:
    """The OpenAPI document of a hub."""
    settings = HubSettings(
        database_url="postgresql://nowhere/none",
        redis_url="redis://nowhere",
        jwt_secret=Secret("it signs nothing, it is only long enough"),
    )
    document: dict[str, Any] = create_app(settings).openapi_schema.to_schema()
    return document


def main() -> None:
    """Write every module."""
    for path, text in render().items():
        (WEB / path).parent.mkdir(parents=True, exist_ok=True)
        (WEB / path).write_text(text)


def _socket(name: str) -> str:
    definitions = dict(schema_of(name)["$defs"])
    definitions["ClientFrame"] = definitions.pop("client")
    definitions["HubFrame"] = definitions.pop("hub")
    sent = typescript.reachable(definitions["ClientFrame"], definitions)
    told = typescript.declare(definitions, sent | {"ClientFrame"} | _SENDS_SOMETIMES)
    return _HEAD.format(source=f"protocol/{name}.py") + told


def _rest(document: Mapping[str, Any]) -> str:
    definitions = document["components"]["schemas"]
    bodies = [operation.get("requestBody") for path in document["paths"].values() for operation in path.values()]
    sent = typescript.reachable(bodies, definitions)
    return _HEAD.format(source="the structs of hub/rest") + typescript.declare(definitions, sent | _SENDS_SOMETIMES)


def _codes() -> str:
    closes = "".join(f"  /** {CLOSE_MEANINGS[code]} */\n  {code.reason}: {int(code)},\n" for code in CloseCode)
    final = sorted({int(code) for code in (*range(1000, 1016), *CloseCode) if not may_reconnect(code)})
    numbers = {name: value for name, value in vars(limits).items() if name.isupper() and isinstance(value, int)}
    return "\n".join(
        [
            _HEAD.format(source="protocol/codes.py, limits.py and events.py").rstrip() + "\n",
            f"export const CloseCode = {{\n{closes}}} as const;\n",
            "/** After these a client does not come back by itself. */",
            f"export const FINAL_CODES: readonly number[] = {json.dumps(final)};\n",
            _literals("RejectCode", RejectCode),
            _literals("ErrorCode", ErrorCode),
            "/** What the hub holds everybody to; some of it comes again in `welcome`. */",
            f"export const LIMITS = {json.dumps(numbers, indent=2)} as const;\n",
            "/** Event types clients send. */",
            f"export type ClientEvent =\n  | {chr(10).join(_alternatives(CLIENT_EVENTS))};\n",
        ]
    )


def _alternatives(names: Mapping[str, str]) -> list[str]:
    first, *rest = (json.dumps(name) for name in names)
    return [first, *(f"  | {name}" for name in rest)]


def _literals(name: str, codes: type[StrEnum]) -> str:
    return f"export type {name} = {' | '.join(json.dumps(code.value) for code in codes)};\n"


if __name__ == "__main__":
    main()
