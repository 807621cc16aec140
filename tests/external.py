"""Servers as a university runs them: Debian's PostgreSQL 15 and Redis 7, over TCP, with passwords.

Started by `make test-external` in a directory of their own, and gone with it; no service of the system is touched.
"""

import asyncio
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url

from db.migrations.roles import HUB, OWNER, READER, WORKER, render_roles
from tests.ports import free_port
from veritas.embedded.servers import Servers

POSTGRES_BIN = Path("/usr/lib/postgresql/15/bin")
START_LIMIT_S = 30.0


@contextmanager
def run_external(scratch: Path | None) -> Iterator[Servers]:
    """Run both until the end of the block. Raises FileNotFoundError when Debian's packages are missing."""
    redis = shutil.which("redis-server")
    if redis is None or not POSTGRES_BIN.is_dir():
        raise FileNotFoundError("make test-external needs Debian's packages postgresql-15 and redis-server")
    with tempfile.TemporaryDirectory(prefix="veritas-external-", dir=scratch) as name, ExitStack() as running:
        folder = Path(name)
        account = _account(folder)
        admin_url = _run_postgres(folder, account, running)
        hub, worker, owner, reader = asyncio.run(_create_roles(admin_url))
        yield Servers(
            database_url=hub,
            redis_url=_run_redis(redis, folder, account, running),
            worker_url=worker,
            owner_url=owner,
            reader_url=reader,
            admin_url=admin_url,
        )


async def _create_roles(admin_url: str) -> list[str]:
    """Create the roles as an administrator does; return the addresses for hub, worker, owner and reader."""
    conn = await asyncpg.connect(admin_url)
    addresses = []
    try:
        await conn.execute("CREATE DATABASE veritas")
        own = await asyncpg.connect(make_url(admin_url).set(database="veritas").render_as_string(hide_password=False))
        await own.execute(render_roles())
        await own.close()
        for role in (HUB, WORKER, OWNER, READER):
            password = secrets.token_hex(8)
            await conn.execute(f"ALTER ROLE {role} PASSWORD '{password}'")
            url = make_url(admin_url).set(username=role, password=password, database="veritas")
            addresses.append(url.render_as_string(hide_password=False))
    finally:
        await conn.close()
    return addresses


def _run_postgres(folder: Path, account: Mapping[str, Any], running: ExitStack) -> str:
    port, password = free_port(), secrets.token_hex(8)
    (folder / "password").write_text(password)
    data = folder / "postgres"
    initdb = (f"--pgdata={data}", "--username=veritas", "--auth=scram-sha-256", f"--pwfile={folder / 'password'}")
    _call([str(POSTGRES_BIN / "initdb"), *initdb, "--encoding=UTF8", "--locale=C.UTF-8"], folder, account)
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": "200",
    }
    argv = [str(POSTGRES_BIN / "postgres"), "-D", str(data)]
    argv += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    _launch(argv, folder, account, running)
    _wait(lambda: _is_ready([str(POSTGRES_BIN / "pg_isready"), "-h", "127.0.0.1", "-p", str(port)]))
    return f"postgresql://veritas:{password}@127.0.0.1:{port}/postgres"


def _run_redis(redis: str, folder: Path, account: Mapping[str, Any], running: ExitStack) -> str:
    port, password = free_port(), secrets.token_hex(8)
    argv = [redis, "--bind", "127.0.0.1", "--port", str(port), "--requirepass", password]
    _launch([*argv, "--save", "", "--appendonly", "no", "--dir", str(folder)], folder, account, running)
    _wait(lambda: _listens(port))
    return f"redis://:{password}@127.0.0.1:{port}/0"


def _account(folder: Path) -> dict[str, Any]:
    """Whom they run as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam("nobody")
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _call(argv: list[str], folder: Path, account: Mapping[str, Any]) -> None:
    subprocess.run(argv, cwd=folder, check=True, stdout=subprocess.DEVNULL, **account)


def _launch(argv: list[str], folder: Path, account: Mapping[str, Any], running: ExitStack) -> None:
    log = running.enter_context((folder / f"{Path(argv[0]).name}.log").open("ab"))
    process = subprocess.Popen(argv, cwd=folder, stdout=log, stderr=log, **account)
    running.callback(_end, process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)  # PostgreSQL's fast way: it waits for no session
    try:
        process.wait(START_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _is_ready(argv: list[str]) -> bool:
    return subprocess.run(argv, stdout=subprocess.DEVNULL, check=False).returncode == 0


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _wait(is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while not is_ready():
        if time.monotonic() > deadline:
            raise TimeoutError("the server was not ready in time")
        time.sleep(0.05)
