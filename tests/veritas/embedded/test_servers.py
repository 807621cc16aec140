import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis as Client

from tests.veritas.embedded.sql import ask
from veritas.embedded.servers import Postgres, lock_data_dir, prepare_servers, run_servers, socket_directory
from veritas.errors import EmbeddedError

IS_ROOT = os.geteuid() == 0


async def test_both_run_for_the_length_of_a_block(closed_home: Path, binaries: Path | None) -> None:
    environ = {"VERITAS_PG_BIN": str(binaries)} if binaries else {}
    with run_servers(closed_home / "data", environ) as servers:
        sockets = socket_directory(closed_home / "data")
        assert await ask(servers.database_url, "SELECT 1") == 1
        client = Client.from_url(servers.redis_url)
        assert await client.ping()
        await client.aclose()
    assert [server.name for server in servers.embedded] == ["postgres", "redis"]
    assert not sockets.exists()


def test_a_server_with_an_address_is_not_ours_to_run(closed_home: Path) -> None:
    elsewhere = {"VERITAS_DATABASE_URL": "postgresql://db/veritas", "VERITAS_REDIS_URL": "redis://cache"}
    with run_servers(closed_home / "data", elsewhere) as servers:
        assert (servers.database_url, servers.redis_url) == ("postgresql://db/veritas", "redis://cache")
        assert servers.embedded == ()
        assert [path.name for path in (closed_home / "data").iterdir()] == ["lock"]
    with prepare_servers(closed_home / "data", {"VERITAS_DATABASE_URL": "postgresql://db/veritas"}) as servers:
        assert [server.name for server in servers.embedded] == ["redis"]


PARENT = """
import os, sys, time
from pathlib import Path
from veritas.embedded.servers import run_servers

with run_servers(Path(sys.argv[1]), os.environ) as servers:
    print(*(server.pid for server in servers.embedded), servers.owner_url, flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
async def test_both_servers_end_with_their_parent_and_can_start_again_at_once(
    postgres: Postgres,
    binaries: Path | None,
    until: Callable[[Callable[[], object]], Awaitable[None]],
    is_alive: Callable[[int], bool],
) -> None:
    data_dir = postgres.log.parent
    postgres.stop()
    environ = {"VERITAS_PG_BIN": str(binaries)} if binaries else {}
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(data_dir), stdout=asyncio.subprocess.PIPE, env=os.environ | environ
    )
    assert parent.stdout is not None
    *pids, url = (await parent.stdout.readline()).decode().split()
    await ask(url, "CREATE TABLE survived AS SELECT 1 AS n")
    assert all(is_alive(int(pid)) for pid in pids)

    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    with run_servers(data_dir, environ) as servers:
        assert await ask(servers.owner_url, "SELECT n FROM survived") == 1
    await until(lambda: not any(is_alive(int(pid)) for pid in pids))


def test_a_data_directory_has_one_user_at_a_time(closed_home: Path) -> None:
    refused = pytest.raises(EmbeddedError, match=f"data is in use by another veritas, pid {os.getpid()}$")
    with lock_data_dir(closed_home / "data"), refused, prepare_servers(closed_home / "data", {}):
        pass
    with lock_data_dir(closed_home / "data"):
        pass


@pytest.mark.parametrize("is_old", [False, True])
def test_a_data_directory_can_be_listed_by_its_owner_only(closed_home: Path, *, is_old: bool) -> None:
    data = closed_home / "data"
    if is_old:
        data.mkdir(mode=0o755)
        (data / "lock").touch()
    with lock_data_dir(data):
        assert data.stat().st_mode & 0o066 == 0


def test_a_directory_with_other_files_keeps_its_mode(closed_home: Path) -> None:
    data = closed_home / "data"
    data.mkdir(mode=0o755)
    (data / "thesis.tex").touch()
    with lock_data_dir(data):
        assert data.stat().st_mode & 0o777 == 0o755


def test_sockets_lie_in_a_private_directory_of_each_data_directory(
    closed_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = closed_home / "runtime"
    runtime.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setattr(tempfile, "tempdir", str(closed_home))
    directory = socket_directory(closed_home / "data")
    assert directory.parent == (closed_home if IS_ROOT else runtime).resolve()
    assert directory.stat().st_mode & 0o777 == 0o700
    assert socket_directory(closed_home / "data") == directory
    assert socket_directory(closed_home / "other") != directory

    shutil.rmtree(directory)
    (closed_home / "trap").mkdir()
    directory.symlink_to(closed_home / "trap")
    with pytest.raises(EmbeddedError, match="another user"):
        socket_directory(closed_home / "data")


def test_a_temporary_directory_with_too_long_a_name_is_refused(
    closed_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(closed_home / ("d" * 100)))
    with pytest.raises(EmbeddedError, match="set XDG_RUNTIME_DIR or TMPDIR to a shorter directory"):
        socket_directory(closed_home / "data")
