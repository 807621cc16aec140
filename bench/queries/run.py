"""Make every call, one after another, at a hub on the dataset; then show what missed its goal with its plans."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Final

import httpx
import msgspec
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.dataset.fill import PASSWORD
from bench.environment import Environment, Process, run_hub
from bench.errors import BenchError
from bench.figures import percentile
from bench.machine import usage
from bench.queries.calls import ADMIN, OTHER, OWNER, STUDENTS, Call, choose_subjects, list_calls
from bench.queries.plans import QueryPlan, log_no_plans, log_of, log_plans, read_plans
from veritas.rest import Rest

WARM: Final = 6
"""Requests before those that are measured: as many as PostgreSQL plans for one statement before it keeps a plan."""


class CallFigures(msgspec.Struct, frozen=True):
    """One call: times at the client, CPU of PostgreSQL and of the hub, both for one request, and its statements."""

    name: str
    goal_p95_ms: float
    first_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    postgres_ms: float
    hub_ms: float
    statements: int = 0
    plans: list[QueryPlan] = []

    @property
    def is_missed(self) -> bool:
        """Return whether the p95 is over its goal."""
        return self.p95_ms > self.goal_p95_ms


def run(
    environment: Environment, requests: int, out: Console, *, only: str = "", plans: bool = False
) -> list[CallFigures]:
    """Measure each call whose name contains `only`; with `plans`, keep the plans of all, not only of what missed."""
    subjects = asyncio.run(choose_subjects(environment))
    calls = [call for call in list_calls(subjects) if only in call.name]
    with run_hub(environment) as hub:
        figures = asyncio.run(_measure(environment, hub, calls, requests, out))
    asyncio.run(log_plans(environment))
    try:
        with run_hub(environment) as hub:
            found = asyncio.run(_explain(environment, hub, calls))
    finally:
        asyncio.run(log_no_plans(environment))
    return [
        msgspec.structs.replace(
            measured,
            statements=len(found[measured.name]),
            plans=found[measured.name] if plans or measured.is_missed else [],
        )
        for measured in figures
    ]


async def _measure(
    environment: Environment, hub: Process, calls: list[Call], requests: int, out: Console
) -> list[CallFigures]:
    subjects = await choose_subjects(environment)
    tokens = await _sign_in(hub, subjects.students)
    figures = []
    async with httpx.AsyncClient(base_url=f"http://{hub.address}", trust_env=False) as client:
        for call in track(calls, "calls", console=out, transient=True):
            first_ms = await _request(client, call, tokens, 0)
            for number in range(1, WARM):
                await _request(client, call, tokens, number)
            before = usage(environment.postgres_pid).total_s, usage(hub.pid).total_s
            waits = sorted([await _request(client, call, tokens, number) for number in range(requests)])
            spent = usage(environment.postgres_pid).total_s - before[0], usage(hub.pid).total_s - before[1]
            p50_ms, p95_ms, p99_ms = (percentile(waits, share) for share in (0.5, 0.95, 0.99))
            postgres_ms, hub_ms = (1_000 * seconds / requests for seconds in spent)
            figures.append(
                CallFigures(call.name, call.goal_p95_ms, first_ms, p50_ms, p95_ms, p99_ms, postgres_ms, hub_ms)
            )
    return figures


async def _explain(environment: Environment, hub: Process, calls: list[Call]) -> dict[str, list[QueryPlan]]:
    """Make each call and return its plans: after so many that PostgreSQL may have kept a plan for all values."""
    subjects = await choose_subjects(environment)
    tokens = await _sign_in(hub, subjects.students)
    log = log_of(environment)
    found = {}
    async with httpx.AsyncClient(base_url=f"http://{hub.address}", trust_env=False) as client:
        for call in calls:
            for number in range(WARM):
                await _request(client, call, tokens, number)
            start = log.stat().st_size
            await _request(client, call, tokens, 0)
            with log.open("rb") as file:
                file.seek(start)
                found[call.name] = read_plans(file.read().decode(errors="replace"))
    return found


async def _sign_in(hub: Process, students: Sequence[str]) -> Mapping[str, list[str]]:
    """Return the access tokens of each kind of user."""
    async with Rest(f"http://{hub.address}") as rest:

        async def token(username: str) -> str:
            return (await (await rest.sign_in(username, PASSWORD)).access()).token

        tokens = {name: [await token(name)] for name in (OWNER, OTHER, ADMIN)}
        return tokens | {STUDENTS: [await token(name) for name in students]}


async def _request(client: httpx.AsyncClient, call: Call, tokens: Mapping[str, list[str]], number: int) -> float:
    token = tokens[call.user][number % len(tokens[call.user])]
    path = call.paths[number % len(call.paths)]
    began_s = time.perf_counter()
    answer = await client.get(path, headers={"Authorization": f"Bearer {token}"})
    took_ms = 1_000 * (time.perf_counter() - began_s)
    if not answer.is_success:
        raise BenchError(f"{call.name}: {path} was answered {answer.status_code} {answer.text[:200]}")
    return took_ms


def show(figures: list[CallFigures], out: Console) -> None:
    """Print the table, then the plans that were kept."""
    table = Table(title="calls of dashboards: ms at the HTTP client, CPU ms a request")
    for heading in ("call", "goal p95", "first", "p50", "p95", "p99", "PostgreSQL", "hub", "statements"):
        table.add_column(heading, justify="left" if heading == "call" else "right")
    for call in figures:
        color = "red" if call.is_missed else "green"
        values = (call.first_ms, call.p50_ms, call.p95_ms, call.p99_ms, call.postgres_ms, call.hub_ms)
        first, p50, p95, *rest = (f"{value:.1f}" for value in values)
        table.add_row(
            call.name, f"{call.goal_p95_ms:.0f}", first, p50, f"[{color}]{p95}[/{color}]", *rest, str(call.statements)
        )
    out.print(table)
    for call in figures:
        for plan in sorted(call.plans, key=lambda plan: -plan.took_ms)[:3]:
            out.print(f"\n{call.name}: {plan.took_ms:.1f} ms", style="bold", highlight=False)
            out.print(plan.text, highlight=False, markup=False, soft_wrap=True)
