"""A child process of ours, described and started; it never outlives us, and what to run is never decided here."""

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


class Account(msgspec.Struct, frozen=True):
    """Whom a process runs as: ourselves, unless there is a uid and gid to change to or a prefix to its argv."""

    uid: int | None = None
    gid: int | None = None
    prefix: tuple[str, ...] = ()


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A process to be. An environment, directory or log that is None is ours."""

    argv: tuple[str, ...]
    environ: Mapping[str, str] | None = None
    directory: Path | None = None
    account: Account = Account()
    log: Path | None = None
    """Its output is appended here."""
    stop: signal.Signals = signal.SIGTERM
    """How we ask it to end."""
    orphaned: signal.Signals = signal.SIGKILL
    """How the kernel ends it when we are gone."""

    @property
    def line(self) -> tuple[str, ...]:
        """The argv as it is executed."""
        return self.account.prefix + self.argv


def launch(command: Command) -> subprocess.Popen[bytes]:
    """Start a command. Raises OSError when it cannot be executed."""
    with _options(command) as options:
        process = subprocess.Popen(command.line, **options)  # noqa: S603 - the argv is ours, and no shell reads it
    _kill_at_exit(process.kill)
    return process


async def spawn(command: Command) -> asyncio.subprocess.Process:
    """Start a command whose end the event loop can wait for. Raises OSError when it cannot be executed."""
    with _options(command) as options:
        process = await asyncio.create_subprocess_exec(*command.line, **options)
    _kill_at_exit(process.kill)
    return process


def run(command: Command, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command to its end, feeding it `text`; `stdout` of the result is all it said, errors included."""
    with _options(command) as options:
        options |= {"stdin": None, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.run(command.line, **options, input=text, text=True, check=False)  # noqa: S603 - likewise


@contextmanager
def _options(command: Command) -> Iterator[dict[str, Any]]:
    """The keywords `subprocess` and `asyncio` share; the log is open meanwhile.

    The child leads a session of its own: Ctrl-C reaches only us, and we end everything in order.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("children are started from the main thread: they would end with any other")
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
    with command.log.open("ab") as log:
        yield options | {"stdout": log, "stderr": subprocess.STDOUT}


def _die_with_us(orphaned: signal.Signals) -> Callable[[], None] | None:
    """The step between fork and exec that has the kernel signal the child when this process ends, however it ends.

    It comes after the change of uid, which would undo it. Only Linux has it: elsewhere children are killed as we exit,
    and outlive us when we are killed with -9.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, int(orphaned), 0, 0, 0)
        if os.getppid() != parent:  # we ended before we asked
            os.kill(os.getpid(), signal.SIGKILL)

    return ask


def _kill_at_exit(kill: Callable[[], None]) -> None:
    if sys.platform != "linux":

        def kill_if_alive() -> None:
            with suppress(ProcessLookupError):
                kill()

        atexit.register(kill_if_alive)
