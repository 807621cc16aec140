"""Base of the embedded servers: what PostgreSQL and Valkey have in common. Never opens a TCP port."""

import importlib.util
import os
import socket
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from typing import ClassVar, Self

from veritas.embedded.processes import ChildCommand, launch
from veritas.errors import EmbeddedError

START_LIMIT_S = 60.0
"""Recovery after a crash may replay gigabytes of log before the first connection."""
STOP_LIMIT_S = 30.0
POLL_S = 0.01
SOCKET_PATH_BYTES = 107 if sys.platform == "linux" else 103


class Server(ABC):
    """An embedded server: prepared once, then run any number of times by `run`, or by a supervisor from `command`."""

    name: ClassVar[str]
    url: str
    log: Path
    _process: Popen[bytes] | None = None

    @classmethod
    @abstractmethod
    def prepare(cls, data_dir: Path, socket_dir: Path, *, binaries: Path | None = None) -> Self:
        """Create everything a run needs inside these two directories. Raises EmbeddedError."""

    @abstractmethod
    def command(self) -> ChildCommand:
        """Return the command of the next run."""

    @abstractmethod
    def is_ready(self, pid: int) -> bool:
        """Return whether the run with this pid accepts connections."""

    def is_passing(self, complaint: str) -> bool:  # noqa: ARG002 - most servers have no such complaint
        """Return whether the cause of a failed start will be gone in a moment."""
        return False

    @classmethod
    def start(cls, data_dir: Path, socket_dir: Path, *, binaries: Path | None = None) -> Self:
        """Prepare and run; returns once connections are accepted. Raises EmbeddedError."""
        server = cls.prepare(data_dir, socket_dir, binaries=binaries)
        server.run()
        return server

    def run(self) -> None:
        """Run, and wait until connections are accepted. Raises EmbeddedError with the server's last error message."""
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            logged = self.log.stat().st_size if self.log.exists() else 0
            with in_one_line():
                self._process = launch(self.command())
            if self._comes_up(self._process, deadline):
                return
            if self._process.poll() is None:
                self.kill()
                raise EmbeddedError(f"{self.name} was not ready within {START_LIMIT_S:.0f} s: see {self.log}")
            complaint = self._last_complaint(logged)
            if not self.is_passing(complaint) or time.monotonic() > deadline:
                raise EmbeddedError(f"{self.name} stopped during its start: {complaint} (see {self.log})")
            time.sleep(10 * POLL_S)

    @property
    def process(self) -> Popen[bytes]:
        """Process of the latest run. Raises EmbeddedError before the first."""
        if self._process is None:
            raise EmbeddedError(f"{self.name} has not been started")
        return self._process

    @property
    def pid(self) -> int:
        """The pid of the latest run."""
        return self.process.pid

    def stop(self) -> None:
        """End the run: politely, then by force after 30 s. Does nothing if it has ended."""
        if self.process.poll() is not None:
            return
        self.process.send_signal(self.command().stop)
        try:
            self.process.wait(STOP_LIMIT_S)
        except TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the run with -9, as a crash would."""
        self.process.kill()
        self.process.wait()

    def _comes_up(self, process: Popen[bytes], deadline: float) -> bool:
        while process.poll() is None and time.monotonic() < deadline:
            if self.is_ready(process.pid):
                return True
            time.sleep(POLL_S)
        return False

    def _last_complaint(self, logged: int) -> str:
        with self.log.open("rb") as log:
            log.seek(logged)
            lines = log.read().decode(errors="replace").split("\n")
        fatal = [line.partition("FATAL:")[2].strip() for line in lines if "FATAL:" in line]
        return (fatal or [line for line in lines if line] or ["no message"])[-1]


@contextmanager
def in_one_line() -> Iterator[None]:
    """Turn an OSError (directory, binary, change of owner) into an EmbeddedError."""
    try:
        yield
    except OSError as error:
        raise EmbeddedError(str(error)) from error


def socket_path(directory: Path, name: str) -> Path:
    """Return the path of a socket. Raises EmbeddedError if it is too long for the system."""
    path = directory / name
    length = len(os.fsencode(path))
    if length > SOCKET_PATH_BYTES:
        raise EmbeddedError(
            f"{path} is {length} bytes long; the path of a socket may have {SOCKET_PATH_BYTES}: "
            "set XDG_RUNTIME_DIR or TMPDIR to a shorter directory"
        )
    return path


def exchange(path: Path, request: bytes = b"") -> bytes | None:
    """Send a request to a socket and return the answer (b"" without a request); None if none comes within 1 s."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(path))
            connection.sendall(request)
            return connection.recv(64) if request else b""
        except OSError:
            return None


def bare_environ() -> dict[str, str]:
    """Return the environment of a server: without the caller's PG* variables, with messages in English."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def find_package(module: str, distribution: str) -> Path:
    """Return the directory of an installed package without importing it. Raises EmbeddedError if it is missing."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise EmbeddedError(f"the package {distribution} is missing: install it, or set the address of a server")
    return Path(spec.origin).parent
