"""A small storm of sign-ins: everyone is connected at the end."""

import pytest

from bench.environment import Environment
from bench.scenarios import signin

pytestmark = pytest.mark.long


def test_everyone_of_a_small_exam_is_connected(environment: Environment) -> None:
    found = signin.run(environment, signin.SignInShape(seats=5), reproduce=True)
    assert found.failures == {}
    assert {step: waits.count for step, waits in found.steps.items()} == dict.fromkeys(signin.STEPS, 5)
