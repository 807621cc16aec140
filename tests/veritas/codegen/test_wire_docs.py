import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from protocol import console, monitor
from protocol.codes import CLOSE_MEANINGS, ERROR_MEANINGS, REJECT_MEANINGS, CloseCode, ErrorCode, RejectCode
from tests.veritas.schemas import fits, resolve
from veritas.codegen.wire_docs import DOCS, render

ROOT = Path(__file__).parents[3]
GOLDEN: list[dict[str, Any]] = json.loads((ROOT / "tests/golden/frames.json").read_text(encoding="utf-8"))
SCHEMAS = {name: json.loads(render()[f"wire/{name}.schema.json"]) for name in ("monitor", "console")}
ASYNCAPI: dict[str, Any] = json.loads(render()["wire/asyncapi.json"])
EXAMPLES = re.findall(r"^```json\n(.*?)^```", (DOCS / "wire/README.md").read_text(), re.MULTILINE | re.DOTALL)


def refs_of(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        if isinstance(document.get("$ref"), str):
            yield document["$ref"]
        for value in document.values():
            yield from refs_of(value)
    elif isinstance(document, list):
        for value in document:
            yield from refs_of(value)


@pytest.mark.parametrize("path", render())
def test_the_committed_page_is_that_of_the_code(path: str) -> None:
    assert (DOCS / path).read_text() == render()[path], "run `make docs`"


def test_every_code_has_its_meaning() -> None:
    assert set(CLOSE_MEANINGS) == set(CloseCode)
    assert set(REJECT_MEANINGS) == set(RejectCode)
    assert set(ERROR_MEANINGS) == set(ErrorCode)


@pytest.mark.parametrize("document", [*SCHEMAS.values(), ASYNCAPI], ids=["monitor", "console", "asyncapi"])
def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for ref in refs_of(document):
        resolve(document, ref)


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: json.loads(golden["json"])["t"])
def test_every_frame_fits_its_schema_and_an_altered_one_does_not(golden: dict[str, Any]) -> None:
    schema = SCHEMAS[golden["socket"]]
    frame = json.loads(golden["json"])
    way = {"$ref": f"#/$defs/{golden['from']}"}
    assert fits(frame, schema, schema)
    assert fits(frame, way, schema)
    assert fits(frame | {"of_a_later_version": 1}, way, schema)
    for name in frame:
        spoilt = copy.deepcopy(frame)
        spoilt[name] = {"neither": "this"} if not isinstance(frame[name], dict) else 5
        assert not fits(spoilt, way, schema), name


def test_a_row_must_be_of_its_kind() -> None:
    schema = SCHEMAS["console"]
    for golden in GOLDEN:
        frame = json.loads(golden["json"])
        if frame["t"] == "delta" and frame["kind"] != "student":
            assert not fits(frame | {"kind": "student"}, schema, schema)


def test_the_asyncapi_document_has_every_frame_both_ways() -> None:
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    assert ASYNCAPI["info"].keys() >= {"title", "version"}
    assert set(ASYNCAPI["channels"]) == {"monitor", "console"}
    for socket, channel in ASYNCAPI["channels"].items():
        operations = [
            operation for operation in ASYNCAPI["operations"].values() if operation["channel"]["$ref"].endswith(socket)
        ]
        assert sorted(operation["action"] for operation in operations) == ["receive", "send"]
        named = [message["$ref"] for operation in operations for message in operation["messages"]]
        assert sorted(named) == sorted(f"#/channels/{socket}/messages/{tag}" for tag in channel["messages"])
        for tag, message in channel["messages"].items():
            payload = resolve(ASYNCAPI, resolve(ASYNCAPI, message["$ref"])["payload"]["$ref"])
            assert payload["properties"]["t"]["enum"] == [tag]


def test_examples_in_the_wire_docs_are_complete_frames() -> None:
    """Each line of an example is one frame, and says everything the hub or a client would."""
    shape = monitor.CandidateFrame | monitor.HubFrame | console.Watch
    assert EXAMPLES
    for line in "".join(EXAMPLES).splitlines():
        decoded = msgspec.json.decode(line, type=shape)
        example = json.loads(line)
        assert example.items() <= json.loads(msgspec.json.encode(decoded)).items(), line
