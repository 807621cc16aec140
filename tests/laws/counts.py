"""Count what the laws hold: `python -m tests.laws.counts`, for a first look and for comparing two checkouts."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator

import msgspec

from tests.laws import tree
from tests.laws.words import found_in, texts

COVERAGE = tree.ROOT / "coverage.json"
"""The file that `make coverage` writes."""

_APPENDS = re.compile(r"\b(feed\.append|audit\.append|\.notify)\(")


def service_loops() -> list[str]:
    """Find endless loops that wait: `while True` with an `await` in an async function."""
    found: list[str] = []
    for path in tree.modules():
        for function in tree.functions(path):
            for node in ast.walk(function):
                if not isinstance(node, ast.While) or not isinstance(function, ast.AsyncFunctionDef):
                    continue
                if isinstance(node.test, ast.Constant) and any(
                    isinstance(child, ast.Await) for child in ast.walk(node)
                ):
                    found.append(f"{tree.name_of(path)}:{node.lineno}")
    return sorted(set(found))


def appends() -> list[str]:
    """Find what appends to a feed, to the audit log, or notifies, outside the unit of change."""
    homes = {"db/unit.py", "db/notify.py"}
    return [
        f"{tree.name_of(path)}:{number}"
        for path in tree.modules()
        if tree.name_of(path) not in homes
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if _APPENDS.search(line)
    ]


class Count(msgspec.Struct, frozen=True):
    """One number, and what was counted."""

    name: str
    total: float
    details: list[str] = []


def counted(name: str, found: Iterable[str]) -> Count:
    """Count a list of findings."""
    details = list(found)
    return Count(name, len(details), details)


def long_scripts() -> list[str]:
    """Ask the pages' own check for files, functions and folders that are too large."""
    node = subprocess.run(["node", "limits.mjs"], cwd=tree.ROOT / "web", capture_output=True, text=True, check=False)
    return [line for line in node.stderr.splitlines() if ":" in line]


def counts() -> Iterator[Count]:
    """Yield every count."""
    for name, paths in (("Python", tree.modules()), ("Python tests", tree.tests()), ("TypeScript", tree.scripts())):
        yield Count(f"{name}: files", len(paths))
        yield Count(f"{name}: lines", sum(map(tree.lines_of, paths)))
    files = (*tree.modules(), *tree.tests())
    yield counted(f"folders of more than {tree.FOLDER_FILES} files", tree.crowded_folders())
    yield counted(
        f"Python files over {tree.FILE_LINES} lines",
        (tree.name_of(path) for path in files if tree.lines_of(path) > tree.FILE_LINES),
    )
    yield counted(
        f"Python functions over {tree.FUNCTION_LINES} lines",
        (f"{tree.name_of(path)}: {name}" for path in tree.modules() for name in tree.long_functions(path)),
    )
    yield counted("TypeScript files, functions and folders that are too large", long_scripts())
    yield counted(f"modules of {tree.TESTED_LINES} lines without a test file", tree.untested_modules())
    repeated = tree.repeated_classes()
    yield counted("class names in more than one module", (f"{name}: {', '.join(repeated[name])}" for name in repeated))
    yield counted("forbidden words", (f"{tree.name_of(path)}, {word}" for path in texts() for word in found_in(path)))
    yield counted("endless loops that wait", service_loops())
    yield counted("feed rows, audit rows and notifications outside change()", appends())
    if COVERAGE.exists():
        yield Count(
            "branch coverage in percent", round(json.loads(COVERAGE.read_text())["totals"]["percent_covered"], 1)
        )


def main(*, verbose: bool) -> None:
    """Print a line for each count; with `-v` also what was counted."""
    for count in counts():
        print(f"{count.total:>8}  {count.name}")
        for line in count.details if verbose else ():
            print(f"          {line}")


if __name__ == "__main__":
    main(verbose="-v" in sys.argv)
