"""`make bench ARGS="ingest …"`: one thin command per benchmark. Measures nothing itself."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import rich_click as click
from rich.console import Console

from bench import ingest, report, stage_costs
from bench.dataset import open_dataset
from bench.load import workload
from bench.queries import run as queries
from bench.report import ReportFile, Shape
from bench.scenarios.commands import COMMANDS
from veritas.environment import data_dir, read_environment
from veritas.errors import VeritasError

out = Console()
err = Console(stderr=True)

LOST = 1
"""Exit code if a run lost or refused an event."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Benchmarks of Veritas, each against a baseline in the same run."""


@cli.command("ingest")
@click.option(
    "--runs", default=5, show_default=True, type=click.IntRange(1, 50), help="Rounds; the report shows medians."
)
@click.option("--sockets", default=100, show_default=True, type=click.IntRange(1, 2000), help="Clients at once.")
@click.option("--events", default=400_000, show_default=True, type=click.IntRange(1000), help="Events per run.")
@click.option("--per-frame", default=100, show_default=True, type=click.IntRange(1, 500), help="Events per frame.")
@click.option("--peer-seconds", default=6.0, show_default=True, help="Load each peer for this long per round.")
@click.option(
    "--patience", default=20.0, show_default=True, help="Wait at most this long for a calm machine before a run."
)
@click.option("--seed", default=1, show_default=True, help="Same seed, same events.")
@click.option("--peers/--no-peers", default=True, show_default=True, help="Measure the peers too.")
@click.option("--profile/--no-profile", default=False, show_default=True, help="Sample where the hub spends its time.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the report to this file.")
def run_ingest(
    runs: int,
    sockets: int,
    events: int,
    per_frame: int,
    peer_seconds: float,
    patience: float,
    seed: int,
    json_file: Path | None,
    *,
    peers: bool,
    profile: bool,
) -> None:
    """Durable ingest: websocket → COMMIT → ack, against bare COPY and two peers."""
    shape = Shape(
        sockets=sockets, events=events - events % sockets, per_frame=per_frame, peer_s=peer_seconds, seed=seed
    )
    with _kept_on_error() as folder:
        measured = ingest.run(folder, shape, runs=runs, peers=peers, profile=profile, patience_s=patience, out=out)
    report.show(measured, out)
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(ReportFile(report.figures(measured), measured))))


@cli.command("stages")
@click.option("--events", default=40_000, show_default=True, type=click.IntRange(1000), help="Events per pass.")
@click.option(
    "--passes",
    default=9,
    show_default=True,
    type=click.IntRange(1, 100),
    help="Number of passes; the report shows medians.",
)
@click.option("--per-frame", default=100, show_default=True, type=click.IntRange(1, 500), help="Events per frame.")
@click.option("--seed", default=1, show_default=True, help="Same seed, same events.")
def run_stages(events: int, passes: int, per_frame: int, seed: int) -> None:
    """CPU cost of each pure stage of an event: parsing, checks, sequence, rows, acknowledgement."""
    made = workload.record(20, events // 20, per_frame=per_frame, seed=seed, started_ms=stage_costs.START_MS)
    stage_costs.show(stage_costs.measure(made, passes), out)


@cli.command("dataset")
@click.option("--size", default=1.0, show_default=True, type=click.FloatRange(0.0001, 1), help="1 is the full size.")
@click.option("--seed", default=1, show_default=True, help="Same seed, same rows.")
def run_dataset(size: float, seed: int) -> None:
    """Fill a large database for the other benchmarks, and keep it."""
    with open_dataset(size, seed=seed, out=out) as environment:
        out.print(f"the dataset is in {environment.folder}", highlight=False)


@cli.command("queries")
@click.option("--size", default=1.0, show_default=True, type=click.FloatRange(0.0001, 1), help="Of the dataset.")
@click.option("--requests", default=60, show_default=True, type=click.IntRange(5, 10_000), help="Of each call.")
@click.option("--only", default="", help="Only calls whose name contains this.")
@click.option("--plans/--no-plans", default=False, show_default=True, help="Show the plans of all calls.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures to this file.")
def run_queries(size: float, requests: int, only: str, json_file: Path | None, *, plans: bool) -> None:
    """Every dashboard call on the dataset, with the plans of what misses its goal."""
    with open_dataset(size, out=out) as environment:
        figures = queries.run(environment, requests, out, only=only, plans=plans)
    queries.show(figures, out)
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))


@contextmanager
def _kept_on_error() -> Iterator[Path]:
    """Make a folder for a run; after an error it is kept, with its logs."""
    base = data_dir(read_environment())
    base.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=base))
    folder.chmod(0o755)
    try:
        yield folder
    except BaseException:
        err.print(f"the logs of this run are in {folder}", highlight=False)
        raise
    shutil.rmtree(folder)


for _command in COMMANDS:
    cli.add_command(_command)


def main() -> None:
    """Run the command line; an error is one line."""
    try:
        cli(standalone_mode=True)
    except VeritasError as error:
        err.print(f"[red]bench:[/red] {error}", highlight=False)
        sys.exit(LOST)


if __name__ == "__main__":
    main()
