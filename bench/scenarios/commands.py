"""The commands of the scenarios: `make bench ARGS="hall …"`. Measures nothing itself."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import rich_click as click
from rich.console import Console

from bench.environment import Environment, open_environment
from bench.errors import BenchError
from bench.scenarios import hall, report
from veritas.environment import data_dir, read_environment

out = Console()
err = Console(stderr=True)

SMALL_EVENTS = 20_000
"""Up to this many events every attempt is folded again by `verify --reproduce`."""


def scenario_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that all scenarios have."""
    for option in (
        click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures to this file."),
        click.option("--seed", default=1, show_default=True, help="Same seed, same load."),
        click.option(
            "--dataset",
            type=click.FloatRange(0, min_open=True),
            help="Run on the kept dataset of this size, 1 is the full one; it grows. Without it on an empty database.",
        ),
    ):
        command = option(command)
    return command


@contextmanager
def scenario_environment(dataset: float | None) -> Iterator[Environment]:
    """Run the servers; after an error the folder with the logs is kept."""
    base = data_dir(read_environment())
    base.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=base))
    folder.chmod(0o755)
    try:
        with _open(folder, dataset) as environment:
            yield environment
    except BaseException:
        err.print(f"the logs of this run are in {folder}", highlight=False)
        raise
    shutil.rmtree(folder)


def _open(folder: Path, dataset: float | None) -> AbstractContextManager[Environment]:
    if dataset is None:
        return open_environment(folder)
    try:
        opening = import_module("bench.dataset")
    except ModuleNotFoundError as error:
        raise BenchError("this version has no bench.dataset yet: leave out --dataset") from error
    opened: AbstractContextManager[Environment] = opening.open_dataset(dataset, out=out)
    return opened


@click.command("hall")
@click.option("--seats", default=1_000, show_default=True, type=click.IntRange(1, 10_000), help="Candidates.")
@click.option("--rate", default=2.0, show_default=True, help="Events per second of each.")
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(5), help="How long they write.")
@scenario_options
def run_hall(seats: int, rate: float, seconds: float, dataset: float | None, seed: int, json_file: Path | None) -> None:
    """Everyone writes in frames of one or two events; rules are on and a console watches."""
    shape = hall.HallShape(seats=seats, rate=rate, seconds=seconds, seed=seed)
    with scenario_environment(dataset) as environment:
        found = hall.run(environment, shape, reproduce=seats * rate * seconds <= SMALL_EVENTS)
    lines = {
        "events": f"{found.events:,}: sent = acknowledged = stored; {found.flags:,} flags expected = arrived",
        "send → ack": report.times(found.acks),
        "event → console": report.times(found.console),
        "lag": f"at most {found.lag_s:.1f} s; all judged {found.judged_after_s:.1f} s after the end",
        "loop stall": f"at most {found.stall_ms:.0f} ms; the generator was late by {found.generator_late_ms:.0f} ms",
        "connected in": f"{found.connect_s:.1f} s",
    }
    report.show(f"hall: {seats:,} x {rate:g}/s", found.spent, found.events, "event", lines, out)
    report.write(json_file, "hall", found)


COMMANDS = (run_hall,)
