"""Find the words that `docs/glossary.md` rules out, in code, tests, pages and docs."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.laws.tree import GLOSSARY, ROOT, forbidden_words, modules, name_of, scripts, tests, walk

ALLOWED = {
    "veritas/embedded/run_as.py": {"nobody"},  # the system account of that name
    "tests/veritas/embedded/test_run_as.py": {"nobody"},
}
"""Words that a file may use because something outside the project has that name."""


@cache
def pattern() -> re.Pattern[str]:
    """Match a forbidden word as a whole word, also as one part of an identifier in snake_case."""
    words = "|".join(re.escape(word).replace(r"\ ", r"[\s_]+") for word in forbidden_words())
    return re.compile(rf"(?<![A-Za-z])({words})(?![A-Za-z])", re.IGNORECASE)


def texts() -> Iterator[Path]:
    yield from (*modules(), *tests(), *scripts())
    yield from walk("web", ".css", ".html", ".md")
    yield from (path for path in walk("docs", ".md", ".py") if path != GLOSSARY)
    yield from (ROOT / name for name in ("README.md", "CONTRIBUTING.md", "Makefile", "pyproject.toml"))


def found_in(path: Path) -> list[str]:
    allowed = ALLOWED.get(name_of(path), set())
    return [
        f"line {number}: {match[0]}"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        for match in pattern().finditer(line)
        if match[0].lower() not in allowed
    ]
