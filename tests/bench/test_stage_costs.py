"""Every pure stage is timed on the output of the stage before it."""

import io

from rich.console import Console

from bench import stage_costs
from bench.load import workload


def test_each_stage_has_a_cost() -> None:
    recordings = workload.record(4, 50, per_frame=10, seed=1, started_ms=stage_costs.START_MS)
    costs = stage_costs.measure(recordings, passes=1)
    assert [cost.stage for cost in costs] == [
        "parsing without checks",
        "parsing with all checks",
        "sequence checks and window",
        "rows in PostgreSQL's binary format",
        "an ack per frame",
    ]
    shown = io.StringIO()
    stage_costs.show(costs, Console(file=shown, width=100))
    assert [cost.stage for cost in costs if cost.stage not in shown.getvalue()] == []
