from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.flags import Severity
from tests.workers.llm.server import GOOD, verdict
from workers.llm.errors import BadVerdict
from workers.llm.evidence import Prompt
from workers.llm.verdict import CLAIM_CHARS, CLAIMS_MAX, FLAGS_MAX, check, read, schema

STREAM = UUID(int=1)
EVIDENCE = Prompt("", "", ((STREAM, 4), (STREAM, 9)))


def claims(*cites: list[int]) -> str:
    return verdict(summary=[{"text": f"claim {n}", "cites": cited} for n, cited in enumerate(cites)])


def test_a_claim_keeps_the_events_it_cites() -> None:
    checked = check(read(GOOD), EVIDENCE)
    assert [(claim.text, claim.cited) for claim in checked.summary] == [
        ("The page was left once for 22 seconds.", ((STREAM, 4), (STREAM, 9)))
    ]
    assert checked.advice[0].cited == ((STREAM, 4),)
    assert checked.dropped == 0


@pytest.mark.parametrize("cites", [[], [0], [3], [-1], [1, 3], [10**18]])
def test_a_claim_without_existing_citations_is_dropped_and_counted(cites: list[int]) -> None:
    checked = check(read(claims([1], cites)), EVIDENCE)
    assert [claim.text for claim in checked.summary] == ["claim 0"]
    assert checked.dropped == 1


@given(st.lists(st.lists(st.integers(-2, 5), max_size=4), max_size=30))
def test_every_claim_is_kept_with_existing_events_or_counted(cites: list[list[int]]) -> None:
    checked = check(read(claims(*cites)), EVIDENCE)
    assert len(checked.summary) + checked.dropped == len(cites)
    assert all(set(claim.cited) <= set(EVIDENCE.events) and claim.cited for claim in checked.summary)
    assert len(checked.summary) <= CLAIMS_MAX


@pytest.mark.parametrize("text", ["", "  ", "x" * (CLAIM_CHARS + 1), "nul \0", "two\nlines", "turned \u202e"])
def test_a_claim_that_is_not_one_visible_line_is_dropped(text: str) -> None:
    assert check(read(verdict(summary=[{"text": text, "cites": [1]}])), EVIDENCE).dropped == 1


def test_only_a_few_advisory_flags_are_kept() -> None:
    many = [{"text": "look", "cites": [1], "severity": "warning", "confidence": 0.9}] * 50
    checked = check(read(verdict(advisory_flags=many)), EVIDENCE)
    assert len(checked.advice) == FLAGS_MAX
    assert checked.dropped == 50 - FLAGS_MAX


def test_a_confidence_out_of_range_makes_no_flag() -> None:
    flag = {"text": "look", "cites": [1], "severity": "warning", "confidence": 7}
    assert check(read(verdict(advisory_flags=[flag])), EVIDENCE).advice == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I am sorry, I cannot help with that.",
        "[]",
        '{"summary": []}',
        verdict(integrity_score=0.1),
        verdict(advisory_flags=[{"text": "x", "cites": [1], "severity": "critical", "confidence": 1}]),
        verdict(summary=["no claim"]),
        verdict(summary=[{"text": "x", "cites": ["1"]}]),
        "[" * 5_000,
        '{"summary": "\ud800"}',
    ],
)
def test_an_invalid_answer_is_refused(text: str) -> None:
    with pytest.raises(BadVerdict):
        read(text)


def test_a_markdown_fence_around_the_json_is_removed() -> None:
    assert read(f"```json\n{GOOD}\n```\n") == read(GOOD)


def test_the_schema_requires_every_field_and_allows_no_other() -> None:
    for shape in schema()["$defs"].values():
        assert shape["additionalProperties"] is False
        assert sorted(shape["required"]) == sorted(shape["properties"])


def test_an_answer_has_no_score_status_or_label() -> None:
    shapes = schema()["$defs"]
    fields = {name for shape in shapes.values() for name in shape["properties"]}
    assert fields == {
        *("summary", "recommendations", "originality_indicators", "advisory_flags"),
        *("text", "cites", "severity", "confidence"),
    }
    assert Severity.CRITICAL not in shapes["Suspicion"]["properties"]["severity"]["enum"]
