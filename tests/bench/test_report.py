from datetime import UTC, datetime
from io import StringIO

import msgspec
import pytest
from rich.console import Console

from bench.figures import Latency, Spread
from bench.machine import Machine
from bench.report import IngestFigures, IngestReport, ReportFile, Shape, TimedRun, figures, show


def run(per_second: float) -> TimedRun:
    return TimedRun(events=1000, seconds=1000 / per_second, per_second=per_second, cpu_s={"server": 0.5}, others=0.4)


@pytest.fixture
def measured() -> IngestReport:
    return IngestReport(
        taken_at=datetime(2026, 1, 1, tzinfo=UTC),
        machine=Machine("cpu", 2, 4.0, "Linux", "3.11", {}),
        postgres={"fsync": "on"},
        shape=Shape(sockets=1, events=1000, per_frame=100, peer_s=1.0, seed=1),
        notes=["a note"],
        copy=[run(100.0), run(200.0), run(100.0)],
        hub=[run(50.0), run(150.0), run(60.0)],
        posts=[run(1.0), run(1.0), run(2.0)],
        alone=Latency(10, 1.25, 2.0, 3.0),
        samples={"codec|a.py:decode": 3, "session|b.py:take": 1},
    )


def test_figures_pair_each_run_with_the_baseline_of_its_round(measured: IngestReport) -> None:
    found = figures(measured)
    assert found.hub_to_copy == Spread(0.6, 0.5, 0.75)
    assert found.hub_to_posts == Spread(50.0, 30.0, 150.0)
    assert found.frames is None


def test_the_file_holds_figures_and_every_run_they_were_made_from(measured: IngestReport) -> None:
    file = msgspec.json.encode(ReportFile(figures(measured), measured))
    read = msgspec.json.decode(file, type=ReportFile)
    assert read.figures == figures(read.ingest)
    assert msgspec.json.decode(file)["figures"].keys() == {
        field.name for field in msgspec.structs.fields(IngestFigures)
    }


def test_the_terminal_shows_ratio_latency_rooms_and_notes(measured: IngestReport) -> None:
    text = StringIO()
    show(measured, Console(file=text, width=200))
    for part in ("0.600 x (0.500-0.750)", "p50 1.2 ms", "codec", "75.0%", "a note", "0.4 of 2 cores"):
        assert part in text.getvalue()
