"""The crowd as a process: it is told apart from one that has ended."""

import asyncio
import os

import pytest

from bench.errors import BenchError
from bench.load.crowd import CrowdRequest
from bench.scenarios.child import run_crowd


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_crowd_ends_with_its_block() -> None:
    async with run_crowd() as crowd:
        assert is_running(crowd.pid)
    assert not is_running(crowd.pid)


async def test_a_crowd_that_has_ended_ends_the_benchmark() -> None:
    async with run_crowd() as crowd, asyncio.timeout(30):
        os.kill(crowd.pid, 9)
        with pytest.raises((BenchError, ConnectionError)):
            await crowd.open(CrowdRequest(port=1, seats=[], rate=2.0, seconds=1.0))
