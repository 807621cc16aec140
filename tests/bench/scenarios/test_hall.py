"""A small hall: the record is complete, and every planted flag reaches the console."""

import pytest

from bench.environment import Environment
from bench.scenarios import hall

pytestmark = pytest.mark.long


def test_a_small_hall_stores_everything_and_shows_every_flag(environment: Environment) -> None:
    shape = hall.HallShape(seats=8, rate=2.0, seconds=5.0)
    found = hall.run(environment, shape, reproduce=True)
    assert found.events == 80
    assert found.flags == 2
