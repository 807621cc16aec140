import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from veritas.embedded.processes import ChildCommand, SystemAccount, launch, run, spawn

Until = Callable[[Callable[[], object]], Awaitable[None]]
IsAlive = Callable[[int], bool]


def shell(script: str, **how: Any) -> ChildCommand:
    return ChildCommand(argv=("sh", "-c", script), **how)


def test_a_run_gets_input_and_returns_its_output() -> None:
    result = run(shell("cat; echo loudly >&2; exit 3"), "quietly\n")
    assert (result.stdout, result.returncode) == ("quietly\nloudly\n", 3)


def test_a_log_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch(mode=0o644)
    launch(shell("echo one", log=log)).wait()
    assert log.stat().st_mode & 0o777 == 0o600


def test_environment_directory_and_prefix_are_those_of_the_command(tmp_path: Path) -> None:
    how = {
        "environ": {"PATH": os.defpath},
        "directory": tmp_path,
        "account": SystemAccount(prefix=("env", "WORD=value")),
    }
    assert run(shell("echo $WORD; pwd; env", **how)).stdout.split("\n")[:2] == ["value", str(tmp_path)]
    assert "HOME=" not in run(shell("env", **how)).stdout


async def test_the_log_is_appended_to(tmp_path: Path) -> None:
    log = tmp_path / "log"
    launch(shell("echo one", log=log)).wait()
    process = await spawn(shell("echo two >&2", log=log))
    await process.wait()
    assert log.read_text() == "one\ntwo\n"


async def test_a_child_leads_a_new_session() -> None:
    process = await spawn(ChildCommand(argv=("sleep", "60")))
    assert os.getsid(process.pid) == process.pid
    process.kill()
    await process.wait()


async def test_children_are_started_from_the_main_thread_only() -> None:
    with pytest.raises(RuntimeError, match="main thread"):
        await asyncio.to_thread(launch, ChildCommand(argv=("true",)))


PARENT = """
import time
from veritas.embedded.processes import ChildCommand, launch
print(launch(ChildCommand(argv=("sleep", "600"))).pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
async def test_a_child_dies_with_its_parent(until: Until, is_alive: IsAlive, number: signal.Signals) -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert is_alive(pid)
    parent.send_signal(number)
    await parent.communicate()
    await until(lambda: not is_alive(pid))
