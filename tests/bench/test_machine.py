"""CPU time and ports of this machine, as /proc has them."""

import os
import socket
import sys
import time

import pytest

from bench.machine import busy_s, describe, free_port, usage, wait_until_calm

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux only")


def test_the_machine_is_described() -> None:
    machine = describe()
    assert machine.cores >= 1
    assert machine.memory_gb > 0
    assert machine.packages.keys() >= {"asyncpg", "msgspec"}


def test_cpu_time_of_this_process_grows_with_work() -> None:
    before = usage(os.getpid()).total_s
    started_s = time.process_time()
    while time.process_time() - started_s < 0.1:
        sum(range(1_000))
    assert usage(os.getpid()).total_s > before
    assert busy_s() > 0


def test_a_process_that_is_gone_has_used_nothing() -> None:
    assert usage(2**22 + 1).total_s == 0


def test_a_free_port_can_be_listened_on() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as server:
        assert server.getsockname()[1] > 0


def test_waiting_for_a_calm_machine_ends_with_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses_s: list[float] = []
    monkeypatch.setattr("bench.machine.time.sleep", pauses_s.append)
    monkeypatch.setattr("bench.machine.busy_s", iter(range(1_000_000)).__next__)
    wait_until_calm(0)
    assert pauses_s == []
    wait_until_calm(0.01)
    assert pauses_s
