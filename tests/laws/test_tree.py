"""The shape of the tree: small files, short functions, folders that fit in one view, and a test for every module."""

import ast
from pathlib import Path

import pytest

from tests.laws import tree

JUNK = {"utils", "util", "helpers", "helper", "manager", "managers", "service", "services", "common", "misc"}
REPEATED_CLASSES = 10
"""How many class names may be defined in more than one module."""


@pytest.mark.parametrize("path", [*tree.modules(), *tree.tests(), *tree.scripts()], ids=tree.name_of)
def test_no_file_is_too_long(path: Path) -> None:
    assert tree.lines_of(path) <= tree.FILE_LINES


@pytest.mark.parametrize("path", tree.modules(), ids=tree.name_of)
def test_every_module_has_a_docstring(path: Path) -> None:
    assert not path.read_text().strip() or ast.get_docstring(tree.parsed(path)), "no docstring"


@pytest.mark.parametrize("path", tree.modules(), ids=tree.name_of)
def test_functions_fit_on_a_screen(path: Path) -> None:
    assert tree.long_functions(path) == []


@pytest.mark.parametrize("path", tree.modules(), ids=tree.name_of)
def test_no_module_has_a_name_that_means_nothing(path: Path) -> None:
    assert not JUNK & {part.removesuffix(".py") for part in path.relative_to(tree.ROOT).parts}


def test_folders_hold_few_files() -> None:
    assert tree.crowded_folders() == {}


def test_every_module_has_a_test_file() -> None:
    assert tree.untested_modules() == []


def test_a_class_name_means_one_thing() -> None:
    assert len(tree.repeated_classes()) <= REPEATED_CLASSES, tree.repeated_classes()


def test_tests_are_no_packages() -> None:
    assert list((tree.ROOT / "tests").rglob("__init__.py")) == []
