"""A few sockets that send `alive`: everything is stored."""

import pytest

from bench.environment import Environment
from bench.scenarios import sockets

pytestmark = pytest.mark.long


def test_everything_from_a_few_sockets_is_stored(environment: Environment) -> None:
    found = sockets.run(environment, sockets.SocketsShape(sockets=5, seconds=5.0), reproduce=True)
    assert found.events == 5
    assert found.closes == {}
