"""Find the words that `docs/glossary.md` rules out, in code, tests, pages and docs."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.laws.tree import GLOSSARY, ROOT, forbidden_words, modules, name_of, scripts, tests, walk

ALLOWED = {
    "veritas/embedded/run_as.py": {"nobody"},
    "tests/veritas/embedded/test_run_as.py": {"nobody"},
    "tests/external.py": {"nobody"},
    "tests/laws/words.py": {"nobody", "whoever", "of its own", "fact", "facts", "hint", "hints", "farewells"},
    "tests/laws/test_glossary.py": {"whoever", "hint", "fact", "of its own"},
}
"""Words that a file may use: `nobody` is a system account, and the laws must name what they forbid."""

OLDER_NAMES = re.compile(
    r"last_fact_at|checkpoint_facts|veritas_(facts|hints|farewells)_\w+|`(facts|hints|farewells)`"
    r"|(?<=\.)facts\b|\bfacts(?= ?[=:])|[\"']facts[\"']|\brolls? back\b"
)
"""Columns, metrics and fields of the wire that are older than the glossary and do not change."""


@cache
def pattern() -> re.Pattern[str]:
    """Match a forbidden word, or its plural, as a whole word or as a part of an identifier in snake_case."""
    words = "|".join(re.escape(word).replace(r"\ ", r"[\s_]+") for word in forbidden_words())
    return re.compile(rf"(?<![A-Za-z])(?:{words})(?:e?s)?(?![A-Za-z])", re.IGNORECASE)


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
        for match in pattern().finditer(OLDER_NAMES.sub("", line))
        if match[0].lower() not in allowed
    ]
