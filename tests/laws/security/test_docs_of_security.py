"""The docs of security against the standard and the tree: every requirement is answered, every named test exists."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.laws.tree import ROOT

ASVS = ROOT / "docs" / "asvs.md"
SECURITY = ROOT / "docs" / "security.md"
ANSWERS = {"yes", "partly", "no", "not applicable"}
REQUIREMENTS = Path(__file__).with_name("asvs.txt")
"""The numbers and levels of ASVS 5.0.0 up to level 2."""


def requirements() -> list[tuple[str, str]]:
    lines = [line for line in REQUIREMENTS.read_text().splitlines() if not line.startswith("#")]
    return [(number, level) for number, level in (line.split() for line in lines)]


def rows_of(page: Path) -> list[list[str]]:
    """Return the cells of every row of a page's tables, without headings."""
    tables = re.findall(r"^\|.*\n\|[-|]+\|\n((?:\|.*\n?)*)", page.read_text(), re.MULTILINE)
    rows = [row for table in tables for row in table.splitlines()]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def answers() -> list[list[str]]:
    return [row for row in rows_of(ASVS) if re.fullmatch(r"\d+\.\d+\.\d+", row[0])]


def targets(text: str) -> list[str]:
    """Return the files to which a text links, without the anchors."""
    return [target.partition("#")[0] for target in re.findall(r"\]\((?!https?:)([^)#]+[^)]*)\)", text)]


def is_test(target: str) -> bool:
    name = Path(target).name
    return name.startswith("test_") or ".test." in name


def test_the_standard_has_253_requirements_of_levels_1_and_2() -> None:
    assert Counter(level for _, level in requirements()) == {"1": 70, "2": 183}


def test_every_requirement_has_exactly_one_row() -> None:
    assert [(row[0], row[1]) for row in answers()] == requirements()


def test_every_row_has_an_answer_and_a_reason() -> None:
    assert [row for row in answers() if len(row) != 5 or not all(row) or row[3] not in ANSWERS] == []


def test_every_yes_has_a_test_or_a_page() -> None:
    assert [row[0] for row in answers() if row[3] == "yes" and not targets(row[4])] == []


def test_the_answers_are_counted_right() -> None:
    counted = {row[0]: int(row[2]) for row in rows_of(ASVS) if row[0] in ANSWERS}
    assert counted == Counter(row[3] for row in answers())


@pytest.mark.parametrize("page", [ASVS, SECURITY], ids=lambda page: page.name)
def test_every_named_file_exists(page: Path) -> None:
    assert [target for target in targets(page.read_text()) if not (page.parent / target).exists()] == []


def test_everything_that_stops_an_attack_has_a_test() -> None:
    rows = [row for row in rows_of(SECURITY) if len(row) == 3]
    assert len(rows) >= 30
    assert [row[0] for row in rows if not any(is_test(target) for target in targets(row[2]))] == []
