"""Runs PostgreSQL and Valkey on unix sockets, in one data directory, for a machine without servers.

Never opens a TCP port, never shares a data directory between two processes, never makes a directory readable to others.

A data directory contains `lock`, `postgres/`, `postgres.conf`, `postgres-hba.conf`, `postgres.log`, `redis.log` and
`database-passwords.json`, which only its owner may read.
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

from db.migrations.roles import HUB, OWNER, READER, WORKER
from veritas.embedded.postgres import SOCKET, Postgres
from veritas.embedded.roles import SUPERUSER
from veritas.embedded.run_as import owner_of, unprivileged_account
from veritas.embedded.server import Server, in_one_line, socket_path
from veritas.embedded.valkey import Redis
from veritas.errors import EmbeddedError

DATABASE = "VERITAS_DATABASE_URL"
WORKER_DATABASE = "VERITAS_WORKER_DATABASE_URL"
OWNER_DATABASE = "VERITAS_OWNER_DATABASE_URL"
REDIS = "VERITAS_REDIS_URL"

OWN_FILES = {"lock", "jwt-secret"}
"""A directory with one of these files is ours."""

__all__ = [
    "DATABASE",
    "OWNER_DATABASE",
    "REDIS",
    "WORKER_DATABASE",
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
    """Addresses of PostgreSQL and Redis, and those of the two that are embedded, in the order to start them.

    Each process has its own role: `database_url` is the hub's, `worker_url` the worker's, and `owner_url` is that of
    the owner of the tables, for migrations. An embedded PostgreSQL also has a `reader_url`, for reports, and an
    `admin_url`, for its superuser.
    """

    database_url: str
    redis_url: str
    embedded: tuple[Server, ...] = ()
    worker_url: str = ""
    owner_url: str = ""
    reader_url: str = ""
    admin_url: str = ""


@contextmanager
def run_servers(data_dir: Path, environ: Mapping[str, str]) -> Iterator[Servers]:
    """Run each server that has no address in `environ`, until the block ends. Raises EmbeddedError.

    A server that dies is not restarted; a supervisor over `prepare_servers` restarts it.
    """
    with prepare_servers(data_dir, environ) as servers, ExitStack() as running:
        for server in servers.embedded:
            server.run()
            running.callback(server.stop)
        yield servers


@contextmanager
def prepare_servers(data_dir: Path, environ: Mapping[str, str]) -> Iterator[Servers]:
    """Lock the data directory and prepare, without starting, each server that has no address in `environ`.

    Reads `VERITAS_DATABASE_URL` with the addresses for the other roles, which default to it, `VERITAS_REDIS_URL`, and
    `VERITAS_PG_BIN`: the directory of other PostgreSQL binaries. Raises EmbeddedError.
    """
    database_url = environ.get(DATABASE, "")
    redis_url = environ.get(REDIS, "")
    worker_url, owner_url = (environ.get(name) or database_url for name in (WORKER_DATABASE, OWNER_DATABASE))
    if database_url and redis_url:
        with lock_data_dir(data_dir):
            yield Servers(database_url, redis_url, worker_url=worker_url, owner_url=owner_url)
        return
    reader_url = admin_url = ""
    embedded: list[Server] = []
    with lock_data_dir(data_dir), _sockets(data_dir) as sockets:
        if not database_url:
            binaries = environ.get("VERITAS_PG_BIN", "")
            postgres = Postgres.prepare(data_dir, sockets, binaries=Path(binaries) if binaries else None)
            embedded.append(postgres)
            addresses = (postgres.url_of(role) for role in (HUB, WORKER, OWNER, READER, SUPERUSER))
            database_url, worker_url, owner_url, reader_url, admin_url = addresses
        if not redis_url:
            embedded.append(Redis.prepare(data_dir, sockets))
            redis_url = embedded[-1].url
        yield Servers(
            database_url,
            redis_url,
            tuple(embedded),
            worker_url=worker_url,
            owner_url=owner_url,
            reader_url=reader_url,
            admin_url=admin_url,
        )


@contextmanager
def lock_data_dir(data_dir: Path) -> Iterator[None]:
    """Lock a data directory for this process; it is created if missing. Raises EmbeddedError if it is in use."""
    with in_one_line():
        _make_private(data_dir)
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


def _make_private(data_dir: Path) -> None:
    """Create a data directory that only its owner may list. A directory with other files keeps its mode.

    Where root runs the servers under other accounts, these may enter it, but not list it.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    names = {path.name for path in data_dir.iterdir()}
    if not names or names & OWN_FILES:
        data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)


def is_locked(data_dir: Path) -> bool:
    """Return whether a process has locked this data directory."""
    try:
        with (data_dir / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def socket_directory(data_dir: Path) -> Path:
    """Create the 0700 directory for the sockets of a data directory; its name is the same every time.

    It is in $XDG_RUNTIME_DIR, or else in the temporary directory of the system. For root it is always in the latter,
    because the PostgreSQL account cannot enter root's $XDG_RUNTIME_DIR. Raises EmbeddedError if the path of a socket
    would be too long, or if the directory belongs to another user.
    """
    data_dir = data_dir.resolve()
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    private = bool(runtime) and Path(runtime).is_dir() and os.geteuid() != 0
    base = Path(runtime if private else tempfile.gettempdir()).resolve()
    directory = base / f"veritas-{os.geteuid()}-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]}"
    socket_path(directory, SOCKET)
    with in_one_line():
        directory.mkdir(mode=0o700, exist_ok=True)
        status = directory.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in _our_uids(data_dir):
            raise EmbeddedError(f"{directory} belongs to another user: remove it, or set TMPDIR to another directory")
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
    """Return the uids that may own our socket directory: ours and, as root, that of PostgreSQL."""
    uids = {os.geteuid()}
    if os.geteuid() == 0:
        uids.add(owner_of(unprivileged_account())[0])
        with suppress(FileNotFoundError):
            uids.add((data_dir / "postgres").stat().st_uid)
    return uids
