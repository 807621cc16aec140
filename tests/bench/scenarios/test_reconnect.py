"""A small outage: the hub is killed, all come back, nothing is lost."""

import pytest

from bench.environment import Environment
from bench.scenarios import reconnect

pytestmark = pytest.mark.long


def test_all_clients_come_back_after_a_kill_and_lose_nothing(environment: Environment) -> None:
    shape = reconnect.ReconnectShape(sockets=5, every_s=0.5, seconds=6.0)
    found = reconnect.run(environment, shape, reproduce=True)
    assert found.back.count == 5
    assert found.events == 60
