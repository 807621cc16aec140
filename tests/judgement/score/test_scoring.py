import doctest
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgement.errors import UnsupportedRulebook
from judgement.policy import Policy, preset, read_policy
from judgement.rules import RULES
from judgement.score import scoring
from protocol.analysis import Observed, Score
from protocol.flags import CountedFlag
from tests.judgement.rulebooks import BOTH

BROWSER = preset("browser")

flags = st.lists(
    st.builds(CountedFlag, st.sampled_from([*(rule.id for rule in RULES), "not_known_yet"]), st.floats(0, 1)),
    max_size=12,
)
policies = st.builds(
    lambda weights: read_policy(
        {"rules": {rule.id: {"weight": weight} for rule, weight in zip(RULES, weights, strict=True)}}
    ),
    st.lists(st.floats(0, 1), min_size=len(RULES), max_size=len(RULES)),
)


def run_rule(standing: list[CountedFlag], policy: Policy = BROWSER) -> float:
    score = scoring.compute_integrity(standing, policy, coverage=1.0)
    assert score is not None
    return score


def test_the_example_in_the_docstring_holds() -> None:
    results = doctest.testmod(scoring)
    assert (results.attempted, results.failed) == (5, 0)


def test_the_example_in_the_docs_holds() -> None:
    standing = [CountedFlag("left_page", 0.8), CountedFlag("left_page", 0.8), CountedFlag("left_then_pasted", 0.9)]
    assert run_rule(standing) == pytest.approx((1 - 0.15 * 0.8) * (1 - 0.15 * 0.8 / 2) * (1 - 0.35 * 0.9))
    assert round(run_rule(standing), 3) == 0.567
    assert round(run_rule(standing[:2]), 3) == 0.827


def test_without_flags_integrity_is_one() -> None:
    assert run_rule([]) == 1.0


def test_each_further_flag_of_a_rule_counts_half_the_surest_first() -> None:
    policy = read_policy({"rules": {"left_page": {"weight": 0.4}}})
    standing = [CountedFlag("left_page", confidence) for confidence in (0.25, 1.0, 0.5)]
    assert run_rule(standing, policy) == pytest.approx((1 - 0.4 * 1.0) * (1 - 0.4 * 0.5 / 2) * (1 - 0.4 * 0.25 / 4))


@given(flags, policies)
def test_a_score_is_between_zero_and_one(standing: list[CountedFlag], policy: Policy) -> None:
    assert 0 <= run_rule(standing, policy) <= 1


@given(flags, st.randoms(), policies)
def test_a_score_does_not_depend_on_the_order(standing: list[CountedFlag], random: Random, policy: Policy) -> None:
    mixed = list(standing)
    random.shuffle(mixed)
    assert run_rule(mixed, policy) == run_rule(standing, policy)


@given(flags.filter(bool), st.data(), policies)
def test_a_score_never_rises_with_a_flag_nor_falls_on_a_dismissal(
    standing: list[CountedFlag], data: st.DataObject, policy: Policy
) -> None:
    without = list(standing)
    without.pop(data.draw(st.integers(0, len(standing) - 1)))
    assert run_rule(standing, policy) <= run_rule(without, policy)


@given(flags, policies, st.none() | st.floats(0, 1))
def test_below_half_coverage_there_is_no_score_and_above_it_coverage_changes_none(
    standing: list[CountedFlag], policy: Policy, coverage: float | None
) -> None:
    score = scoring.compute_integrity(standing, policy, coverage)
    assert score == (None if coverage is None or coverage < 0.5 else run_rule(standing, policy))


def test_a_stored_policy_is_read_for_the_rulebook_it_is_pinned_to() -> None:
    standing = [CountedFlag("left_page", 0.8), CountedFlag("copied", 1.0)]
    seen = Observed(0, 100, 100, ((0, 100),))
    assert scoring.score_attempt(standing, seen, {}, 9, BOTH) == Score(run_rule(standing[:1]), 1.0), (
        "a note weighs nothing"
    )
    with pytest.raises(UnsupportedRulebook):
        scoring.score_attempt(standing, seen, {}, 9)


def test_low_coverage_gives_no_integrity() -> None:
    assert scoring.score_attempt([], Observed(0, 100, 100, ((0, 40),)), {}, 1) == Score(None, 0.4)
