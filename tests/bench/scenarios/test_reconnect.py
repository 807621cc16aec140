"""A small outage: the hub is killed, all come back, nothing is lost."""

from bench.environment import Environment
from bench.scenarios import reconnect


def test_all_clients_come_back_after_a_kill_and_lose_nothing(environment: Environment) -> None:
    shape = reconnect.ReconnectShape(sockets=5, every_s=0.5, seconds=6.0)
    found = reconnect.run(environment, shape, reproduce=True)
    assert found.back.count == 5
    assert found.events == 60
