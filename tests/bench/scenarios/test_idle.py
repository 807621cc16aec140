"""A short idle time: every process is measured."""

import pytest

from bench.environment import Environment
from bench.scenarios import idle

pytestmark = pytest.mark.long


def test_every_process_of_an_idle_stack_is_measured(environment: Environment) -> None:
    found = idle.run(environment, idle.IdleShape(seconds=1.0, settle_s=0.0), reproduce=True)
    assert set(found.spent.cpu_s) == {"hub", "worker", "PostgreSQL", "Redis", "bench"}
