"""Starts child processes that end with us. Never decides what to run."""

import asyncio
import atexit
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

PR_SET_PDEATHSIG = 1


class SystemAccount(msgspec.Struct, frozen=True):
    """System account of a process: the current one, unless a uid and gid or a prefix to its argv is set."""

    uid: int | None = None
    gid: int | None = None
    prefix: tuple[str, ...] = ()


class ChildCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A process to start. Environment, directory and log default to ours."""

    argv: tuple[str, ...]
    environ: Mapping[str, str] | None = None
    directory: Path | None = None
    account: SystemAccount = SystemAccount()
    log: Path | None = None
    """File to which its output is appended."""
    stop: signal.Signals = signal.SIGTERM
    """Signal that asks it to end."""
    orphaned: signal.Signals = signal.SIGKILL
    """Signal that the kernel sends when we are gone."""

    @property
    def line(self) -> tuple[str, ...]:
        """The argv as it is executed."""
        return self.account.prefix + self.argv


def launch(command: ChildCommand) -> subprocess.Popen[bytes]:
    """Start a command. Raises OSError if it cannot be executed."""
    with _options(command) as options:
        process = subprocess.Popen(command.line, **options)  # noqa: S603 - the argv is ours, and no shell reads it
    _kill_at_exit(process.kill)
    return process


async def spawn(command: ChildCommand) -> asyncio.subprocess.Process:
    """Start a command that the event loop can wait for. Raises OSError if it cannot be executed."""
    with _options(command) as options:
        process = await asyncio.create_subprocess_exec(*command.line, **options)
    _kill_at_exit(process.kill)
    return process


def run(command: ChildCommand, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command to its end with `text` as input; `stdout` of the result includes standard error."""
    with _options(command) as options:
        options |= {"stdin": None, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.run(command.line, **options, input=text, text=True, check=False)  # noqa: S603 - likewise


@contextmanager
def _options(command: ChildCommand) -> Iterator[dict[str, Any]]:
    """Return the keywords that `subprocess` and `asyncio` share; the log is open inside the block.

    The child leads a new session: only we receive Ctrl-C, and we end everything in order.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("start child processes from the main thread: they end with the thread that started them")
    options: dict[str, Any] = {
        "env": command.environ,
        "cwd": command.directory,
        "stdin": subprocess.DEVNULL,
        "start_new_session": True,
        "preexec_fn": _die_with_us(command.orphaned),
    }
    if command.account.uid is not None:
        options |= {"user": command.account.uid, "group": command.account.gid, "extra_groups": []}
    if command.log is None:
        yield options
        return
    with open(command.log, "ab", opener=_open_private) as log:
        yield options | {"stdout": log, "stderr": subprocess.STDOUT}


def _open_private(path: str, flags: int) -> int:
    """Open a log that only its owner may read; logs of older versions change."""
    descriptor = os.open(path, flags, mode=0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def _die_with_us(orphaned: signal.Signals) -> Callable[[], None] | None:
    """Return the step between fork and exec that makes the kernel signal the child when this process ends.

    It runs after the change of uid, which would undo it. Linux only: elsewhere children are killed at our exit, and
    stay alive if we are killed with -9.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, int(orphaned), 0, 0, 0)
        if os.getppid() != parent:  # the parent ended before this check
            os.kill(os.getpid(), signal.SIGKILL)

    return ask


def _kill_at_exit(kill: Callable[[], None]) -> None:
    if sys.platform != "linux":

        def kill_if_alive() -> None:
            with suppress(ProcessLookupError):
                kill()

        atexit.register(kill_if_alive)
