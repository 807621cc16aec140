"""A small bell: everyone gets a right receipt, and others are answered meanwhile."""

import pytest

from bench.environment import Environment
from bench.scenarios import bell

pytestmark = pytest.mark.long


def test_a_small_bell_gives_every_candidate_a_right_receipt(environment: Environment) -> None:
    found = bell.run(environment, bell.BellShape(seats=4, seconds=1.0), reproduce=True)
    assert (found.hand_ins.count, found.refused, found.others_refused) == (4, {}, 0)
