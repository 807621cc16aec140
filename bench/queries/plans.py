"""Read what `auto_explain` logged: the statements of one request, each with its plan and its time."""

import re
from pathlib import Path
from typing import Final

import msgspec

from bench.environment import Environment, fetch
from db.migrations.roles import HUB

_SETTINGS: Final = {
    "session_preload_libraries": "'auto_explain'",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
}
_ENTRY: Final = re.compile(r"^\d{4}-\d\d-\d\d .*?LOG:  duration: ([\d.]+) ms  plan:$")
_NEXT: Final = re.compile(r"^\d{4}-\d\d-\d\d ")


class QueryPlan(msgspec.Struct, frozen=True):
    """One statement with its plan, as PostgreSQL logged it."""

    took_ms: float
    text: str


async def log_plans(environment: Environment) -> None:
    """Log the plan of each statement of a hub that starts from now on."""
    for name, value in _SETTINGS.items():
        await fetch(environment, f"ALTER ROLE {HUB} SET {name} = {value}")


async def log_no_plans(environment: Environment) -> None:
    """Undo `log_plans`."""
    for name in _SETTINGS:
        await fetch(environment, f"ALTER ROLE {HUB} RESET {name}")


def read_plans(text: str) -> list[QueryPlan]:
    """Return the plans in a part of PostgreSQL's log, in order."""
    plans: list[QueryPlan] = []
    took_ms = 0.0
    lines: list[str] | None = None
    for line in text.splitlines():
        if (entry := _ENTRY.match(line)) is not None or _NEXT.match(line):
            if lines is not None:
                plans.append(QueryPlan(took_ms, "\n".join(lines)))
            took_ms, lines = (float(entry[1]), []) if entry is not None else (0.0, None)
        elif lines is not None:
            lines.append(line)
    if lines is not None:
        plans.append(QueryPlan(took_ms, "\n".join(lines)))
    return plans


def log_of(environment: Environment) -> Path:
    """Return the log of the embedded PostgreSQL."""
    return environment.folder / "postgres.log"
