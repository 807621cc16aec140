"""What a run spent, what limits it, and the ledger that must be equal after it."""

import asyncio
import os
from uuid import uuid4

import pytest

from bench.environment import Environment
from bench.errors import BenchError
from bench.machine import free_port
from bench.scenarios.stack import Meter, RunningStack, Spent, check_ledger, count_unjudged, read_metric


@pytest.mark.parametrize(
    ("cpu_s", "others", "limit"),
    [
        ({"hub": 9.0, "worker": 9.0}, 0.0, "the machine"),
        ({"hub": 3.0}, 1.5, "the machine (1.5 cores by other programs)"),
        ({"hub": 9.0, "worker": 1.0}, 0.0, "hub"),
        ({"hub": 3.0, "worker": 1.0}, 0.0, "waiting: no process is saturated"),
    ],
)
def test_a_run_names_what_limits_it(cpu_s: dict[str, float], others: float, limit: str) -> None:
    assert Spent(10.0, cpu_s, others).limit(2) == limit


def test_a_meter_counts_what_a_process_spends() -> None:
    meter = Meter({"this": os.getpid()})
    while meter.read_one("this") < 0.05:
        sum(range(100_000))
    spent = meter.stop(ended=2.0)
    assert spent.cpu_s["this"] >= 0.05
    assert spent.cpu_s["ended"] == 2.0


def test_an_event_that_is_not_stored_ends_the_benchmark(environment: Environment) -> None:
    stack = RunningStack(environment)
    attempt_id = uuid4()
    assert asyncio.run(check_ledger(stack, [attempt_id], [0], [0])) == 0
    with pytest.raises(BenchError, match="1 sent, 1 acknowledged"):
        asyncio.run(check_ledger(stack, [attempt_id], [1], [1]))
    assert asyncio.run(count_unjudged(stack, [attempt_id])) == 0


def test_a_metric_of_a_process_that_does_not_answer_is_none() -> None:
    assert read_metric(free_port(), "veritas_lag") is None
