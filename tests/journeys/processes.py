"""Processes of a running stack, found and killed by pid, and only those that this stack has started."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any, TypeVar

PATIENCE_S = 20.0
POLL_S = 0.05

T = TypeVar("T")


def child_of(parent: int, words: str) -> int | None:
    """The child of a process whose command line has these words; None between two runs of it."""
    listed = subprocess.run(["ps", "-axwwo", "pid=,ppid=,stat=,command="], capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines():
        pid, ppid, state, command = line.split(None, 3)
        if int(ppid) == parent and words in command and not state.startswith("Z"):
            return int(pid)
    return None


async def kill_child(parent: int, words: str) -> int:
    """Kill a child with -9, once there is one; its pid."""
    pid = await until(lambda: child_of(parent, words))
    os.kill(pid, signal.SIGKILL)
    return pid


async def until(look: Callable[[], T | None], patience_s: float = PATIENCE_S) -> T:
    """Await what another process does, which sends us no event. Raises TimeoutError."""
    async with asyncio.timeout(patience_s):
        while not (found := look()):  # noqa: ASYNC110 - it is another process's
            await asyncio.sleep(POLL_S)
    return found


async def wait_for_exit(process: subprocess.Popen[bytes], patience_s: float) -> int:
    """Wait for a process and return its exit code. Raises TimeoutError."""
    await until(lambda: process.poll() is not None, patience_s)
    return process.returncode


class Stopwatch:
    """Prints what happened when, for the reader of a failed run."""

    def __init__(self) -> None:
        self._begun_s = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begun_s

    def note(self, what: str, *more: Any) -> None:
        print(f"{self.seconds:7.2f} s  {what}", *more, flush=True)  # noqa: T201 - what a failed run is read by

    async def wait_for(self, at_s: float) -> None:
        await asyncio.sleep(max(0.0, at_s - self.seconds))
