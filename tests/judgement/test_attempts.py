"""The transition table: every pair of status and action."""

import doctest
from itertools import product

import pytest

from judgement import attempts
from judgement.attempts import Action, next_status, transition_of
from protocol.attempts import RUNNING, AttemptStatus

START, SUBMIT, TIME_OUT, END = Action
BEGUN = AttemptStatus.IN_PROGRESS

ALLOWED = {
    (None, START): AttemptStatus.IN_PROGRESS,
    (BEGUN, START): AttemptStatus.IN_PROGRESS,
    (BEGUN, SUBMIT): AttemptStatus.SUBMITTED,
    (BEGUN, TIME_OUT): AttemptStatus.TIMED_OUT,
    (BEGUN, END): AttemptStatus.ENDED,
}
"""All transitions that are allowed."""


@pytest.mark.parametrize(("status", "action"), list(product((None, *AttemptStatus), Action)))
def test_every_pair_of_status_and_action_has_its_target_or_none(status: AttemptStatus | None, action: Action) -> None:
    assert next_status(status, action) == ALLOWED.get((status, action))


@pytest.mark.parametrize("action", list(Action))
def test_the_transition_of_an_action_follows_the_table(action: Action) -> None:
    transition = transition_of(action)
    assert {(status, action): transition.target for status in transition.sources} == {
        pair: target for pair, target in ALLOWED.items() if pair[1] is action and pair[0] is not None
    }


@pytest.mark.parametrize("action", [SUBMIT, TIME_OUT, END])
def test_only_running_attempts_end_and_an_end_is_final(action: Action) -> None:
    transition = transition_of(action)
    assert transition.sources <= RUNNING
    assert all(next_status(transition.target, later) is None for later in Action)


def test_the_examples_in_the_docstrings_hold() -> None:
    results = doctest.testmod(attempts)
    assert results.attempted > 0
    assert results.failed == 0
