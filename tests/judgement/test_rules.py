import importlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from judgement import rules
from judgement.errors import UnsupportedRulebook
from judgement.rule import Rule
from judgement.rules import RULEBOOK_VERSION, RULEBOOKS, RULES, describe, read_rulebook
from protocol.events import CLIENT_EVENTS, MARKER_EVENTS, SERVER_EVENTS
from protocol.flags import Severity

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "rules.md").read_text()
by_id = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)


def rows_of(rule: Rule[Any, Any]) -> list[str]:
    """Write a rule's settings as the docs' tables have them."""
    info = msgspec.inspect.type_info(rule.settings)
    assert isinstance(info, msgspec.inspect.StructType)
    rows = []
    for field in info.fields:
        if isinstance(field.type, msgspec.inspect.Metadata):
            kind = field.type.type
            assert isinstance(kind, msgspec.inspect.IntType | msgspec.inspect.FloatType)
            meaning = (field.type.extra_json_schema or {})["description"]
            rows.append(f"| `{field.name}` | {field.default} | {kind.ge}–{kind.le} | {meaning} |")
    return rows


def test_every_rule_file_is_listed_under_its_own_name() -> None:
    files = {path.stem for path in Path(rules.__path__[0]).glob("*.py")} - {"__init__"}
    assert files == {rule.id for rule in RULES}
    assert len(RULES) == len(files)


def test_new_policies_use_the_newest_rulebook() -> None:
    assert list(RULEBOOKS) == sorted(RULEBOOKS)
    assert RULES is read_rulebook(RULEBOOK_VERSION)
    with pytest.raises(UnsupportedRulebook, match="rulebook 99 is not supported"):
        read_rulebook(99)


@by_id
def test_a_rule_is_listed_with_a_version_of_its_file(rule: Rule[Any, Any]) -> None:
    versions = importlib.import_module(f"judgement.rules.{rule.id}").VERSIONS
    assert versions[rule.version] is rule
    assert all(number == version.version for number, version in versions.items())


@by_id
def test_a_rule_gets_only_types_that_exist(rule: Rule[Any, Any]) -> None:
    assert rule.event_types
    assert rule.event_types <= {*CLIENT_EVENTS, *SERVER_EVENTS, *MARKER_EVENTS}


@by_id
def test_a_rule_s_defaults_are_within_its_ranges(rule: Rule[Any, Any]) -> None:
    assert msgspec.convert(msgspec.to_builtins(rule.settings()), rule.settings) == rule.settings()


@by_id
def test_a_rule_s_docstring_says_what_it_reads_and_what_ends_an_episode(rule: Rule[Any, Any]) -> None:
    docstring = importlib.import_module(f"judgement.rules.{rule.id}").__doc__ or ""
    assert all(word in docstring for word in ("Reads ", "episode", " ends "))
    assert rule.false_alarms


@by_id
def test_a_rule_s_settings_are_in_the_docs_with_their_ranges(rule: Rule[Any, Any]) -> None:
    section = DOCS.partition(f"\n## {rule.title[0].upper()}{rule.title[1:]} (`{rule.id}`)\n")[2].partition("\n## ")[0]
    assert f"Severity: {rule.severity}" in section
    assert [row for row in rows_of(rule) if row not in section] == []


@by_id
def test_a_camera_rule_raises_at_most_warnings(rule: Rule[Any, Any]) -> None:
    assert not rule.camera or rule.severity is not Severity.CRITICAL


@by_id
def test_every_rule_describes_what_it_reports_and_what_looks_the_same(rule: Rule[Any, Any]) -> None:
    assert rule.summary.endswith(".")
    assert rule.false_alarms.endswith(".")
    text = describe(rule.id)
    assert (text.name, text.summary, text.false_alarms) == (rule.title, rule.summary, rule.false_alarms)


def test_an_unknown_rule_is_named_by_its_id() -> None:
    assert describe("no_such_rule").name == "no such rule"
