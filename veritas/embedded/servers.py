"""The servers of a machine that has none: PostgreSQL and Valkey, on unix sockets, under one data directory.

Never here: a TCP port, a second user of the same data, a directory opened to others.

A data directory holds `lock`; `postgres/`, its settings and its log beside it; `redis.log`; and what its owner adds.
"""

import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import msgspec

from veritas.embedded import postgres
from veritas.embedded.postgres import Postgres
from veritas.embedded.run_as import account_of_nobody, owner_of
from veritas.embedded.server import Server, in_one_line, socket_path
from veritas.embedded.valkey import Redis
from veritas.errors import EmbeddedError

__all__ = [
    "Postgres",
    "Redis",
    "Server",
    "Servers",
    "is_locked",
    "lock_data_dir",
    "prepare_servers",
    "run_servers",
    "socket_directory",
]


class Servers(msgspec.Struct, frozen=True):
    """Where PostgreSQL and Redis are, and those of the two that are ours to run, in the order to start them."""

    database_url: str
    redis_url: str
    embedded: tuple[Server, ...] = ()


@contextmanager
def run_servers(data_dir: Path, environ: Mapping[str, str]) -> Iterator[Servers]:
    """Run each server without an address in `environ`, until the end of the block. Raises EmbeddedError.

    Nothing restarts a server that dies here; a supervisor over `prepare_servers` does.
    """
    with prepare_servers(data_dir, environ) as servers, ExitStack() as running:
        for server in servers.embedded:
            server.run()
            running.callback(server.stop)
        yield servers


@contextmanager
def prepare_servers(data_dir: Path, environ: Mapping[str, str]) -> Iterator[Servers]:
    """Hold the data directory and prepare, without starting it, each server that has no address in `environ`.

    Reads `VERITAS_DATABASE_URL`, `VERITAS_REDIS_URL`, and `VERITAS_PG_BIN`: the directory of other PostgreSQL binaries.
    Raises EmbeddedError.
    """
    database_url = environ.get("VERITAS_DATABASE_URL", "")
    redis_url = environ.get("VERITAS_REDIS_URL", "")
    if database_url and redis_url:
        with lock_data_dir(data_dir):
            yield Servers(database_url, redis_url)
        return
    embedded: list[Server] = []
    with lock_data_dir(data_dir), _sockets(data_dir) as sockets:
        if not database_url:
            binaries = environ.get("VERITAS_PG_BIN", "")
            embedded.append(Postgres.prepare(data_dir, sockets, binaries=Path(binaries) if binaries else None))
            database_url = embedded[-1].url
        if not redis_url:
            embedded.append(Redis.prepare(data_dir, sockets))
            redis_url = embedded[-1].url
        yield Servers(database_url, redis_url, tuple(embedded))


@contextmanager
def lock_data_dir(data_dir: Path) -> Iterator[None]:
    """Hold a data directory, made if missing, for this process alone. Raises EmbeddedError when another holds it."""
    with in_one_line():
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / "lock").open("a+")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise EmbeddedError(f"{data_dir} is in use by another veritas, pid {lock.read().strip()}") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def is_locked(data_dir: Path) -> bool:
    """Whether somebody holds this data directory."""
    try:
        with (data_dir / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def socket_directory(data_dir: Path) -> Path:
    """Make the 0700 directory for the sockets of one data directory of one user; the same one every time.

    It lies in $XDG_RUNTIME_DIR, or without one in the system's temporary directory; root's always does, because its
    $XDG_RUNTIME_DIR is closed to `nobody`. Raises EmbeddedError when a socket's path in it would be too long, or when
    somebody else has taken its name.
    """
    data_dir = data_dir.resolve()
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    private = bool(runtime) and Path(runtime).is_dir() and os.geteuid() != 0
    base = Path(runtime if private else tempfile.gettempdir()).resolve()
    directory = base / f"veritas-{os.geteuid()}-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]}"
    socket_path(directory, postgres.SOCKET)
    with in_one_line():
        directory.mkdir(mode=0o700, exist_ok=True)
        status = directory.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in _our_uids(data_dir):
            raise EmbeddedError(f"{directory} was made by somebody else: remove it, or set TMPDIR to another directory")
        directory.chmod(0o700)
    return directory


@contextmanager
def _sockets(data_dir: Path) -> Iterator[Path]:
    directory = socket_directory(data_dir)
    try:
        yield directory
    finally:
        with suppress(OSError):
            directory.rmdir()


def _our_uids(data_dir: Path) -> set[int]:
    """Whose our socket directory may be: ours, and as root also that of whom PostgreSQL runs as."""
    uids = {os.geteuid()}
    if os.geteuid() == 0:
        uids.add(owner_of(account_of_nobody())[0])
        with suppress(FileNotFoundError):
            uids.add((data_dir / "postgres").stat().st_uid)
    return uids
