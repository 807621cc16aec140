from pathlib import Path

import pytest
from rich.console import Console

from bench.dataset import open_dataset
from bench.queries import run as queries

pytestmark = pytest.mark.long


def test_each_call_is_measured_and_its_statements_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERITAS_DATA_DIR", str(tmp_path))
    out = Console(quiet=True)
    with open_dataset(0.0002, out=out) as environment:
        figures = queries.run(environment, 5, out, only="")
    assert len(figures) > 30
    assert all(0 < call.p50_ms <= call.p95_ms <= call.p99_ms for call in figures)
    assert all(call.statements > 0 for call in figures)
    queries.show(figures, out)
