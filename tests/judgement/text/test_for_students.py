import doctest

import pytest

from judgement.rules import RULEBOOKS, Rulebook
from judgement.text import for_students
from judgement.text.for_students import describe_record, explain_flag
from protocol.analysis import DropoutLabel
from protocol.flags import FlagSource, FlagStatus, JudgedFlag, Severity


@pytest.mark.parametrize(("version", "rules"), RULEBOOKS.items())
def test_every_rule_is_explained_with_what_looks_the_same(version: int, rules: Rulebook) -> None:
    for rule in rules:
        name, explanation = explain_flag(FlagSource.RULE, rule.id, version)
        assert name == rule.title
        assert explanation.startswith(rule.summary)
        assert rule.false_alarms in explanation


@pytest.mark.parametrize(("rule", "version"), [("left_page", 10_000), ("no_such_rule", 1)])
def test_a_flag_of_a_rule_that_is_no_longer_supported_has_an_explanation(rule: str, version: int) -> None:
    assert explain_flag(FlagSource.RULE, rule, version) == (rule, for_students.NO_LONGER)


def test_a_flag_of_no_rule_names_its_source() -> None:
    explanations = {source: explain_flag(source, "x", 1)[1] for source in FlagSource if source is not FlagSource.RULE}
    assert explanations == {
        FlagSource.TEACHER: for_students.BY_HAND,
        FlagSource.LLM: for_students.BY_PROGRAM,
        FlagSource.SERVICE: for_students.BY_PROGRAM,
    }


FLAG = JudgedFlag("left_page", FlagSource.RULE, Severity.WARNING, 0.8, FlagStatus.CONFIRMED)


def test_flags_without_a_decision_are_hidden_before_the_release() -> None:
    texts = {
        released: describe_record([FLAG], is_decided=False, coverage=0.5, is_final=False, is_released=released)
        for released in (True, False)
    }
    assert "left the page" in texts[True]
    assert "left the page" not in texts[False]


def test_a_students_text_never_contains_a_label() -> None:
    for flags in ([], [FLAG], [FLAG, FLAG]):
        for flag in (True, False):
            text = describe_record(flags, is_decided=flag, coverage=0.5, is_final=flag, is_released=not flag)
            assert not {label.value for label in DropoutLabel} & set(text.lower().split())


def test_the_examples_in_the_docstrings_hold() -> None:
    results = doctest.testmod(for_students)
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["confirmed"], "1 flag was raised: left the page. A reviewer checked it and confirmed it."),
        (["dismissed"] * 2, "2 flags were raised: left the page. A reviewer checked them and dismissed them all."),
        (
            ["confirmed", "dismissed"],
            "2 flags were raised: left the page. A reviewer checked them and confirmed 1 of 2.",
        ),
        (
            ["open", "confirmed"],
            "2 flags were raised: left the page. A flag decides nothing by itself: a reviewer will check it, and there "
            "may be honest reasons.",
        ),
    ],
)
def test_the_text_says_what_reviewers_decided(statuses: list[str], expected: str) -> None:
    flags = [JudgedFlag("left_page", FlagSource.RULE, Severity.WARNING, 0.8, FlagStatus(status)) for status in statuses]
    assert describe_record(flags, is_decided=True, coverage=None, is_final=True, is_released=True) == expected


def test_an_unknown_rule_has_a_neutral_description() -> None:
    flag = JudgedFlag("no_such_rule", FlagSource.SERVICE, Severity.WARNING, 0.8, FlagStatus.CONFIRMED)
    text = describe_record([flag], is_decided=True, coverage=None, is_final=False, is_released=True)
    assert text.startswith("1 flag was raised: something for a reviewer to check.")
    assert text.endswith("Your grade is not final yet.")
