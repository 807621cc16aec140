from typing import Any

import pytest

from veritas.codegen.typescript import declare, reachable, spell

SCHEMAS: list[tuple[dict[str, Any], str]] = [
    ({"type": "string", "format": "uuid"}, "string"),
    ({"type": "integer"}, "number"),
    ({"type": ["null", "string"]}, "null | string"),
    ({"enum": ["a", "b"]}, '"a" | "b"'),
    ({"const": 1}, "1"),
    ({"anyOf": [{"type": "integer"}, {"type": "number"}, {"type": "null"}]}, "number | null"),
    ({"type": "array", "items": {"$ref": "#/$defs/Other"}}, "Other[]"),
    ({"type": "array", "items": {"enum": ["a", "b"]}}, '("a" | "b")[]'),
    ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "boolean"}], "items": False}, "[number, boolean]"),
    ({"type": "object", "additionalProperties": {"type": "number"}}, "Record<string, number>"),
    ({"type": "object"}, "Record<string, unknown>"),
    ({}, "unknown"),
]


@pytest.mark.parametrize(("schema", "expression"), SCHEMAS)
def test_a_schema_becomes_a_type(schema: dict[str, Any], expression: str) -> None:
    assert declare({"One": schema}, set()) == f"export type One = {expression};\n"


FRAME = {
    "description": "Sent  by\na client.",
    "type": "object",
    "properties": {"t": {"enum": ["x"]}, "a b": {"type": "string", "description": "ends */ here"}, "c": {}},
    "required": ["t"],
}


def test_a_receiver_finds_every_member_and_a_sender_may_leave_some_out() -> None:
    declared = declare({"Frame": FRAME}, set())
    assert declared == (
        '/** Sent by a client. */\nexport interface Frame {\n  t: "x";\n'
        '  /** ends * / here */\n  "a b": string;\n  c: unknown;\n}\n'
    )
    assert '  t: "x";\n' in declare({"Frame": FRAME}, {"Frame"})
    assert "  c?: unknown;\n" in declare({"Frame": FRAME}, {"Frame"})


def test_a_constant_that_decides_about_others_makes_a_union() -> None:
    case = {"if": {"properties": {"k": {"const": "a"}}}, "then": {"properties": {"v": {"type": "integer"}}}}
    schema = {
        "type": "object",
        "properties": {"k": {"type": "string"}, "v": {}},
        "required": ["k", "v"],
        "allOf": [case],
    }
    assert declare({"One": schema}, set()) == 'export type One =\n  | { k: "a"; v: number; };\n'


def test_all_reachable_structs_are_found() -> None:
    definitions: dict[str, dict[str, Any]] = {
        "A": {"properties": {"b": {"items": {"$ref": "#/$defs/B"}}}},
        "B": {"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/C"}]},
        "C": {},
        "D": {},
    }
    assert reachable([{"$ref": "#/$defs/A"}], definitions) == {"A", "B", "C"}


@pytest.mark.parametrize(
    ("name", "spelled"),
    [("Page", "Page"), ("Page_db.queries.exams.ExamView_", "PageExamView"), ("Page_hub.some_where.Row_", "PageRow")],
)
def test_a_generic_is_named_without_its_arguments_module(name: str, spelled: str) -> None:
    assert spell(name) == spelled
