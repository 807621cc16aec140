import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("protocol", "judgement", "db", "hub", "workers", "veritas")


def run_lint(folder: Path) -> subprocess.CompletedProcess[str]:
    lint = Path(sys.executable).parent / "lint-imports"
    return subprocess.run([lint, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


def imported_by(module: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.add(node.module)
    return found


def test_imports_run_one_way() -> None:
    result = run_lint(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("package", "line", "verdict"),
    [
        ("workers", "import msgspec", 0),
        ("workers", "import hub.errors", 1),
        ("db", "import judgement.engine", 1),
        ("protocol", "import asyncio", 1),
        ("judgement", "import time", 1),
    ],
)
def test_an_import_the_other_way_is_caught(tmp_path: Path, package: str, line: str, verdict: int) -> None:
    for name in PACKAGES:
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "pyproject.toml").symlink_to(ROOT / "pyproject.toml")
    (tmp_path / package).unlink()
    copied = tmp_path / package
    copied.mkdir()
    for path in (ROOT / package).iterdir():
        (copied / path.name).symlink_to(path)
    (copied / "stray.py").write_text(f'"""A stray module."""\n{line}\n')
    assert run_lint(tmp_path).returncode == verdict


def test_the_python_client_needs_only_the_protocol_and_websockets() -> None:
    allowed = {"protocol", "websockets", "veritas"} | sys.stdlib_module_names
    for module in (ROOT / "veritas" / "client").glob("*.py"):
        for name in imported_by(module):
            assert name.split(".")[0] in allowed, f"{module.name} imports {name}"
            assert name.split(".")[0] != "veritas" or name.startswith("veritas.client"), f"{module.name} imports {name}"
