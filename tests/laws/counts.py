"""Count what the laws hold: `python -m tests.laws.counts`, for a first look and for comparing two checkouts."""

import ast
import json
import re
import sys
from collections.abc import Iterator

from tests.laws import tree
from tests.laws.words import found_in, texts

COVERAGE = tree.ROOT / "coverage.json"
"""What `make coverage` writes."""

_APPENDS = re.compile(r"\b(feed\.append|audit\.append|\.notify)\(")


def service_loops() -> list[str]:
    """Find endless loops that wait: `while True` with an `await` in an async function."""
    found: list[str] = []
    for path in tree.modules():
        for function in tree.functions(path):
            for node in ast.walk(function):
                if not isinstance(node, ast.While) or not isinstance(function, ast.AsyncFunctionDef):
                    continue
                if isinstance(node.test, ast.Constant) and any(isinstance(one, ast.Await) for one in ast.walk(node)):
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


def rows() -> Iterator[tuple[str, object]]:
    """Yield each count with its name."""
    for name, paths in (("Python", tree.modules()), ("Python tests", tree.tests()), ("TypeScript", tree.scripts())):
        yield f"{name}: files", len(paths)
        yield f"{name}: lines", sum(map(tree.lines_of, paths))
    yield f"folders of more than {tree.FOLDER_FILES} files", tree.crowded_folders()
    yield (
        f"files over {tree.FILE_LINES} lines",
        [
            tree.name_of(path)
            for path in (*tree.modules(), *tree.tests(), *tree.scripts())
            if tree.lines_of(path) > tree.FILE_LINES
        ],
    )
    yield (
        f"functions over {tree.FUNCTION_LINES} lines",
        [f"{tree.name_of(path)}:{name}" for path in tree.modules() for name in tree.long_functions(path)],
    )
    yield f"modules of {tree.TESTED_LINES} lines without a test file", tree.untested_modules()
    yield "class names in more than one module", tree.repeated_classes()
    yield "forbidden words", {tree.name_of(path): len(found) for path in texts() if (found := found_in(path))}
    yield "endless loops that wait", service_loops()
    yield "feed rows, audit rows and notifications outside change()", appends()
    if COVERAGE.exists():
        totals = json.loads(COVERAGE.read_text())["totals"]
        yield "branch coverage in percent", round(totals["percent_covered"], 1)


def main(verbose: bool) -> None:
    """Print a line for each count; with `-v` also what was counted."""
    for name, value in rows():
        many = isinstance(value, list | dict)
        total = (
            sum(value.values())
            if name == "forbidden words" and isinstance(value, dict)
            else len(value)
            if many
            else value
        )
        print(f"{total:>8}  {name}")
        if verbose and many:
            for line in value.items() if isinstance(value, dict) else value:
                print(f"          {line if isinstance(line, str) else f'{line[0]}: {line[1]}'}")


if __name__ == "__main__":
    main("-v" in sys.argv)
