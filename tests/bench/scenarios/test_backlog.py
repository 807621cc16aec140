"""A small backlog: one worker judges all of it."""

import pytest

from bench.environment import Environment
from bench.scenarios import backlog

pytestmark = pytest.mark.long


def test_a_worker_judges_the_whole_backlog(environment: Environment) -> None:
    found = backlog.run(environment, backlog.BacklogShape(events=1_000), reproduce=True)
    assert found.attempts == 2
    assert found.events > 900
