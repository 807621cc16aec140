"""Stage 7 of 9: compute the integrity score from the flags that count (docs/scores.md has a worked example).

Pure arithmetic. The caller selects the flags that count. No score decides anything.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from judgement.policy import Policy, read_policy
from judgement.rules import RULEBOOKS, Rulebook
from judgement.score.coverage import is_enough, measure_coverage
from protocol.analysis import Observed, Score
from protocol.flags import CountedFlag


def score_attempt(
    flags: Sequence[CountedFlag],
    observed: Observed,
    settings: Mapping[str, Any],
    rulebook_version: int,
    rulebooks: Mapping[int, Rulebook] = RULEBOOKS,
) -> Score:
    """Compute the scores of an attempt with its own policy and rulebook. Raises PolicyError and UnsupportedRulebook."""
    coverage = measure_coverage(observed)
    return Score(compute_integrity(flags, read_policy(settings, rulebook_version, rulebooks), coverage), coverage)


def compute_integrity(flags: Sequence[CountedFlag], policy: Policy, coverage: float | None) -> float | None:
    """Compute an attempt's integrity, 0..1, from the flags that count. None if the coverage is below one half.

    The formula of docs/scores.md: Π over rules of Π over the rule's flags, sorted by confidence c descending and
    numbered from i = 0, of (1 - w·c·½ⁱ), where w is the rule's weight in the policy. It is the complement of a noisy-OR
    (Pearl, Probabilistic Reasoning in Intelligent Systems, 1988, §4.3.2) in which each further flag of the same rule
    counts half, because repeated evidence of one kind is not independent.

    It never rises with another flag, never falls on a dismissal, and does not depend on the order of the flags.

    >>> from judgement.policy import read_policy
    >>> policy = read_policy({"rules": {"left_page": {"weight": 0.2}, "left_then_pasted": {"weight": 0.5}}})
    >>> flags = [CountedFlag("left_page", 0.5), CountedFlag("left_then_pasted", 0.9), CountedFlag("left_page", 0.8)]
    >>> round(compute_integrity(flags, policy, coverage=1.0), 4)  # (1 - 0.2·0.8)(1 - 0.2·0.5·½) · (1 - 0.5·0.9)
    0.4389
    >>> compute_integrity(flags, policy, coverage=0.49) is None
    True
    """
    if not is_enough(coverage):
        return None
    confidences: dict[str, list[float]] = {}
    for flag in flags:
        confidences.setdefault(flag.rule, []).append(min(max(flag.confidence, 0.0), 1.0))
    # In a fixed order of rules, so that rounding does not depend on the order of the flags.
    return prod((_factor(policy.weigh(rule), confidences[rule]) for rule in sorted(confidences)), start=1.0)


def _factor(weight: float, confidences: list[float]) -> float:
    """Return the factor of one rule: the share of the integrity that its flags leave."""
    return prod(1 - weight * confidence * 0.5**i for i, confidence in enumerate(sorted(confidences, reverse=True)))
