"""The commands of the scenarios: `make bench ARGS="hall …"`. Measures nothing itself."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import rich_click as click
from rich.console import Console

from bench.dataset import open_dataset
from bench.environment import Environment, open_environment
from bench.scenarios import backlog, bell, hall, idle, reconnect, report, signin, sockets
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
    return open_dataset(dataset, out=out)


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


@click.command("bell")
@click.option("--seats", default=1_000, show_default=True, type=click.IntRange(1, 10_000), help="Candidates.")
@click.option("--seconds", default=10.0, show_default=True, type=click.FloatRange(0), help="All hand in within this.")
@scenario_options
def run_bell(seats: int, seconds: float, dataset: float | None, seed: int, json_file: Path | None) -> None:
    """Everyone hands in, while others read a dashboard, a health check, and sign in."""
    shape = bell.BellShape(seats=seats, seconds=seconds, seed=seed)
    with scenario_environment(dataset) as environment:
        found = bell.run(environment, shape, reproduce=seats * bell.RATE * bell.WRITING_S <= SMALL_EVENTS)
    after = found.spent_analyzing
    lines = {
        "last answered": f"{found.last_s:.1f} s after the first hand-in",
        "refused": f"{sum(found.refused.values())} {found.refused or ''}; every receipt is right",
        "hand-in, with retries": report.times(found.hand_ins),
        **{f"others: {name}": report.times(waits) for name, waits in found.others.items()},
        "others refused": str(found.others_refused),
        "all analyzed": f"after {found.analyzed_s:.1f} s; {after.cores:.2f} cores since the last hand-in",
    }
    report.show(f"bell: {seats:,} in {seconds:g} s", found.spent, seats, "hand-in", lines, out)
    each = ", ".join(f"{name} {cpu_s * 1000 / seats:.1f}" for name, cpu_s in after.cpu_s.items())
    out.print(f"after the last hand-in, CPU ms per attempt: {each}", highlight=False)
    report.write(json_file, "bell", found)


@click.command("signin")
@click.option("--seats", default=2_000, show_default=True, type=click.IntRange(1, 10_000), help="Candidates.")
@scenario_options
def run_signin(seats: int, dataset: float | None, seed: int, json_file: Path | None) -> None:
    """Everyone comes in: code, start, paper, ticket, hello."""
    with scenario_environment(dataset) as environment:
        found = signin.run(environment, signin.SignInShape(seats=seats, seed=seed), reproduce=seats <= 200)
    lines = {
        "connected": f"{found.all_steps.count:,} of {seats:,} in {found.spent.seconds:.1f} s",
        "failures": str(found.failures or 0),
        **{step: report.times(waits) for step, waits in found.steps.items()},
        "one candidate, all steps": report.times(found.all_steps),
    }
    report.show(f"signin: {seats:,}, {signin.AT_ONCE} at once", found.spent, seats, "sign-in", lines, out)
    report.write(json_file, "signin", found)


@click.command("sockets")
@click.option("--sockets", "count", default=10_000, show_default=True, type=click.IntRange(1, 30_000), help="Clients.")
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(5), help="How long they send.")
@scenario_options
def run_sockets(count: int, seconds: float, dataset: float | None, seed: int, json_file: Path | None) -> None:
    """Everyone is connected and sends `alive` every five seconds."""
    shape = sockets.SocketsShape(sockets=count, seconds=seconds, seed=seed)
    with scenario_environment(dataset) as environment:
        found = sockets.run(environment, shape, reproduce=count <= 200)
    cpu_s = sum(found.spent.cpu_s.values())
    lines = {
        "connected in": f"{found.connect_s:.1f} s; each {report.times(found.opened)}",
        "events": f"{found.events:,}: sent = acknowledged = stored",
        "send → ack": report.times(found.acks),
        "hub's memory": f"{found.hub_mb[0]:.0f} → {found.hub_mb[1]:.0f} MB: {found.socket_kb:.1f} KB per socket",
        "cores per 1,000 sockets": f"{cpu_s / found.spent.seconds * 1000 / count:.3f}",
        "told to wait, closed": f"{found.told_to_wait}, {found.closes or 0}",
    }
    report.show(f"sockets: {count:,}", found.spent, found.events, "event", lines, out)
    report.write(json_file, "sockets", found)


@click.command("reconnect")
@click.option("--sockets", "count", default=5_000, show_default=True, type=click.IntRange(1, 30_000), help="Clients.")
@scenario_options
def run_reconnect(count: int, dataset: float | None, seed: int, json_file: Path | None) -> None:
    """The hub is killed while everyone writes; all come back with the pauses of a real client."""
    shape = reconnect.ReconnectShape(sockets=count, seed=seed)
    with scenario_environment(dataset) as environment:
        found = reconnect.run(environment, shape, reproduce=count <= 200)
    lines = {
        "hub ready again": f"{found.down_s:.1f} s after the kill",
        "last one back": f"{found.back.most_ms / 1000:.1f} s after the kill; p50 {found.back.p50_ms / 1000:.1f} s",
        "events": f"{found.events:,}: sent = acknowledged = stored; {found.resent:,} were sent again",
        "send → ack": report.times(found.acks),
        "closed": str(found.closes or 0),
    }
    report.show(f"reconnect: {count:,} after kill -9", found.spent, count, "reconnection", lines, out)
    report.write(json_file, "reconnect", found)


@click.command("backlog")
@click.option("--events", default=1_000_000, show_default=True, type=click.IntRange(500), help="Events that wait.")
@scenario_options
def run_backlog(events: int, dataset: float | None, seed: int, json_file: Path | None) -> None:
    """Events are stored while the worker is stopped; then one worker judges them."""
    with scenario_environment(dataset) as environment:
        shape = backlog.BacklogShape(events=events, seed=seed)
        found = backlog.run(environment, shape, reproduce=events <= SMALL_EVENTS)
    lines = {
        "events": f"{found.events:,} of {found.attempts:,} attempts, all judged",
        "events/s": f"{found.per_second:,.0f}, with the start of the worker",
    }
    report.show(f"backlog: {events:,}", found.spent, found.events, "event", lines, out)
    report.write(json_file, "backlog", found)


@click.command("idle")
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(1), help="How long to watch.")
@scenario_options
def run_idle(seconds: float, dataset: float | None, seed: int, json_file: Path | None) -> None:
    """No client is connected."""
    del seed
    with scenario_environment(dataset) as environment:
        found = idle.run(environment, idle.IdleShape(seconds=seconds), reproduce=dataset is None)
    share = sum(cpu_s for name, cpu_s in found.spent.cpu_s.items() if name != "bench") / found.spent.seconds
    seconds_watched = max(1, round(found.spent.seconds))
    report.show("idle", found.spent, seconds_watched, "second", {"of one core": f"{share:.2%}"}, out)
    report.write(json_file, "idle", found)


COMMANDS = (run_hall, run_bell, run_signin, run_sockets, run_reconnect, run_backlog, run_idle)
