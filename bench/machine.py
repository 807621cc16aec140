"""Describes the machine and the CPU time of processes, from /proc (Linux only). Read-only."""

import os
import platform
import socket
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

PACKAGES: Final = ("uvicorn", "uvloop", "websockets", "litestar", "asyncpg", "msgspec", "SQLAlchemy")
CALM: Final = 0.15
"""Cores that other programs may use on a calm machine."""

SAMPLE_S: Final = 1.0
_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")


class Machine(msgspec.Struct, frozen=True):
    """The machine of a benchmark."""

    processor: str
    cores: int
    memory_gb: float
    system: str
    python: str
    packages: dict[str, str]


class Usage(msgspec.Struct, frozen=True):
    """CPU seconds of a process and its descendants, including those that have ended."""

    user_s: float
    system_s: float

    @property
    def total_s(self) -> float:
        """User and system time together."""
        return self.user_s + self.system_s


def describe() -> Machine:
    """Describe this machine."""
    info = Path("/proc/cpuinfo").read_text()
    models = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    return Machine(
        processor=models[0] if models else platform.processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        packages={name: version(name) for name in PACKAGES},
    )


def usage(pid: int) -> Usage:
    """Return the CPU time of a process and its descendants; zero for one that is gone."""
    user = system = 0
    for member in _family(pid):
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        user += int(fields[11]) + int(fields[13])
        system += int(fields[12]) + int(fields[14])
    return Usage(user * _TICK_S, system * _TICK_S)


def busy_s() -> float:
    """Return the CPU seconds of all processes since the machine started."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = Path("/proc/stat").read_text().split()[1:9]
    return sum(map(int, (user, nice, system, irq, softirq, steal))) * _TICK_S


def wait_until_calm(patience_s: float) -> None:
    """Wait until the machine is calm, at most `patience_s`, so that a run measures no other program."""
    give_up_s = time.monotonic() + patience_s
    while time.monotonic() < give_up_s:
        before_s = busy_s()
        time.sleep(SAMPLE_S)
        if busy_s() - before_s < CALM * SAMPLE_S:
            return


def free_port() -> int:
    """Return a free TCP port of the loopback interface."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _family(pid: int) -> list[int]:
    family = [pid]
    # A child may end meanwhile; its CPU time then belongs to its parent.
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                family += _family(int(child))
    return family
