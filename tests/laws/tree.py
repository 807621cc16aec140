"""The source tree as the laws see it: which files exist, what they define, how long they are."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("protocol", "judgement", "db", "hub", "workers", "veritas", "bench")
SKIPPED = {"__pycache__", "node_modules", "dist", "versions", ".venv"}
"""Folders that hold no source of ours, and `versions`: landed migrations are never edited."""

GENERATED = ROOT / "web" / "shared" / "src" / "wire"
FUNCTION_LINES = 60
FILE_LINES = 500
FOLDER_FILES = 14
TESTED_LINES = 60


def walk(folder: str, *endings: str) -> Iterator[Path]:
    """Yield the source files below a top-level folder, sorted."""
    for path in sorted((ROOT / folder).rglob("*")):
        if path.suffix in endings and path.is_file() and not SKIPPED & set(path.relative_to(ROOT).parts):
            yield path


@cache
def modules() -> tuple[Path, ...]:
    """Return every Python module that ships."""
    return tuple(path for package in PACKAGES for path in walk(package, ".py"))


@cache
def tests() -> tuple[Path, ...]:
    """Return every Python file of the suite."""
    return tuple(walk("tests", ".py"))


@cache
def scripts() -> tuple[Path, ...]:
    """Return every TypeScript file that is written by hand."""
    return tuple(path for path in walk("web", ".ts", ".tsx") if GENERATED not in path.parents)


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a Python file."""
    return ast.parse(path.read_text())


def name_of(path: Path) -> str:
    """Return a path as messages show it."""
    return str(path.relative_to(ROOT))


def lines_of(path: Path) -> int:
    """Count the lines of a file."""
    return len(path.read_text().splitlines())


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function of a module, nested ones and methods too."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def long_functions(path: Path) -> list[str]:
    """Name the functions that do not fit on a screen."""
    return [node.name for node in functions(path) if (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES]


def crowded_folders() -> dict[str, int]:
    """Count the files of every folder that holds too many; `__init__.py` and generated files do not count."""
    files = [path for path in (*modules(), *tests(), *scripts()) if path.name != "__init__.py"]
    counts = Counter(name_of(path.parent) for path in files)
    return {folder: count for folder, count in counts.items() if count > FOLDER_FILES}


def untested_modules() -> list[str]:
    """Name the modules of 60 lines or more that have functions but no test file at the same path below `tests/`."""
    have = {name_of(path).removeprefix("tests/") for path in tests()}
    missing: list[str] = []
    for path in modules():
        if path.name == "__init__.py" or lines_of(path) < TESTED_LINES or not any(functions(path)):
            continue
        own = f"{name_of(path.parent)}/test_{path.stem}"
        if not any(name == f"{own}.py" or name.startswith(f"{own}_") for name in have):
            missing.append(name_of(path))
    return missing


def repeated_classes() -> dict[str, list[str]]:
    """Find the class names that are defined in more than one module."""
    read_rows: dict[str, list[str]] = {}
    for path in modules():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef):
                read_rows.setdefault(node.name, []).append(name_of(path))
    return {name: paths for name, paths in sorted(read_rows.items()) if len(paths) > 1}


# The first column of the glossary's second table, and words in backticks in the last column of the first.
_ROW = re.compile(r"^\|(.+)\|$", re.MULTILINE)
GLOSSARY = ROOT / "docs" / "glossary.md"


def forbidden_words() -> list[str]:
    """Read from the glossary the words that are not used at all."""
    first, second = GLOSSARY.read_text().split("## Words we do not write")
    cells = [row.split("|")[-1] for row in _ROW.findall(first)] + [row.split("|")[0] for row in _ROW.findall(second)]
    return sorted({word for cell in cells for word in re.findall(r"`([^`]+)`", cell)})
