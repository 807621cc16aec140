"""No request becomes a command: nothing that ships uses a shell, and one module starts processes (ASVS 5.0, 1.2.5)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.laws import tree

STARTS = Path("veritas/embedded/processes.py")
"""The only module that starts processes: the embedded servers, and the hub and the worker of `veritas up`."""

SHELLS = re.compile(
    r"(os|posix)\.popen|(os|posix)\.system|subprocess\.get(status)?output|asyncio\.create_subprocess_shell|.*\.subprocess_shell"
)
STARTERS = re.compile(
    r"(subprocess|pty|multiprocessing|pexpect|sh)(\..+)?|asyncio\.create_subprocess_.+|.*\.subprocess_exec"
    r"|(os|posix)\.(exec.+|spawn.+|posix_spawnp?|startfile|fork(pty)?|system|popen)"
)
HARMLESS = {"subprocess.Popen", "subprocess.TimeoutExpired"}
"""What another module imports: the type of a process, and an exception."""

SHIPPED = [path for path in tree.modules() if not tree.name_of(path).startswith("bench/")]


def imported(module: ast.Module) -> dict[str, str]:
    """Return the full name of each imported name."""
    names: dict[str, str] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name.partition(".")[0]: alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def full_name(node: ast.AST, names: dict[str, str]) -> str:
    """Return the full name of what an expression names, such as `os.system`."""
    if isinstance(node, ast.Attribute):
        return f"{full_name(node.value, names)}.{node.attr}"
    return names.get(node.id, node.id) if isinstance(node, ast.Name) else ""


def used(module: ast.Module) -> Iterator[str]:
    """Yield the full name of everything that a module imports or names."""
    names = imported(module)
    yield from names.values()
    yield from (full_name(node, names) for node in ast.walk(module) if isinstance(node, ast.Attribute))


def is_text(argument: ast.expr) -> bool:
    """Return whether an argument is a text: written, formatted or joined."""
    method = argument.func if isinstance(argument, ast.Call) else None
    joined = isinstance(method, ast.Attribute) and method.attr in {"join", "format"}
    constant = isinstance(argument, ast.Constant) and isinstance(argument.value, str | bytes)
    return constant or joined or isinstance(argument, ast.JoinedStr | ast.BinOp)


def shells(module: ast.Module) -> list[str]:
    """Name what gives a text to a shell, or could."""
    names = imported(module)
    found = [name for name in used(module) if SHELLS.fullmatch(name)]
    for node in ast.walk(module):
        # Also as a key of options that are passed on with `**`.
        if isinstance(node, ast.keyword) and node.arg == "shell":
            found.append("shell=")
        if isinstance(node, ast.Constant) and node.value == "shell":
            found.append("shell")
        if isinstance(node, ast.Call) and STARTERS.fullmatch(full_name(node.func, names)):
            found += ["a text"] if node.args and is_text(node.args[0]) else []
    return found


def starts(module: ast.Module) -> set[str]:
    """Name what a module uses that can start a process."""
    names = imported(module)
    calls = {full_name(node.func, names) for node in ast.walk(module) if isinstance(node, ast.Call)}
    return {name for name in used(module) if STARTERS.fullmatch(name) and (name not in HARMLESS or name in calls)}


@pytest.mark.parametrize("path", SHIPPED, ids=tree.name_of)
def test_no_code_gives_a_text_to_a_shell(path: Path) -> None:
    assert shells(tree.parsed(path)) == []


def test_one_module_starts_processes() -> None:
    assert [tree.name_of(path) for path in SHIPPED if starts(tree.parsed(path))] == [str(STARTS)]


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess; subprocess.run(argv, shell=True)",
        "import subprocess; subprocess.Popen(argv, **{'shell': True})",
        "import os; os.system(name)",
        "import os as o; run = o.system",
        "from os import popen",
        "import asyncio; asyncio.create_subprocess_shell(line)",
        "loop.subprocess_shell(protocol, line)",
        "import subprocess; subprocess.run('ls ' + name)",
        "import subprocess as s; s.check_output(f'ls {name}')",
        "from subprocess import Popen as start; start(' '.join(argv))",
        "import subprocess; subprocess.getoutput(line)",
    ],
)
def test_the_law_sees_a_shell(code: str) -> None:
    assert shells(ast.parse(code)) != []


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess",
        "from subprocess import run",
        "from subprocess import Popen; Popen(argv)",
        "import os; os.execvp(name, argv)",
        "import os; os.posix_spawn(name, argv, {})",
        "from asyncio import create_subprocess_exec",
    ],
)
def test_the_law_sees_the_start_of_a_process(code: str) -> None:
    assert starts(ast.parse(code))
