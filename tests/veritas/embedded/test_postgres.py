import asyncio
import os
from pathlib import Path

import pytest

from db.migrations.roles import OWNER
from tests.veritas.embedded.sql import ask
from veritas.embedded.processes import ChildCommand, SystemAccount, launch
from veritas.embedded.roles import SUPERUSER
from veritas.embedded.run_as import MAPPED, has_name, may_enter, owner_of, unprivileged_account
from veritas.embedded.servers import Postgres
from veritas.errors import EmbeddedError

IS_ROOT = os.geteuid() == 0


async def test_a_cold_start_ends_with_a_role_for_the_hub_and_a_database(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    assert await ask(postgres.url, "SELECT current_user || ' in ' || current_database()") == "veritas_hub in veritas"
    assert await ask(postgres.url, "SELECT 'é' > 'z' AND 'Z' < 'a'"), "text sorts by code point"


async def test_durability_is_not_weakened_and_no_port_is_open(postgres: Postgres) -> None:
    for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
        assert await ask(postgres.url, f"SHOW {name}") == "on"
    assert await ask(postgres.url, "SHOW listen_addresses") == ""
    assert await ask(postgres.url_of(SUPERUSER), "SELECT count(*) FROM pg_file_settings WHERE error IS NOT NULL") == 0
    assert postgres.socket.parent.stat().st_mode & 0o777 == 0o700


def test_the_account_is_one_that_may_enter_and_then_the_datas_owner(
    postgres: Postgres, home: Path, binaries: Path | None
) -> None:
    closed = home.stat().st_mode & 0o777 == 0o700
    # The account must also reach the binaries, which fails if the whole clone is in a closed directory.
    uid_and_gid = owner_of(unprivileged_account())
    barred = closed or not all(may_enter(folder, *uid_and_gid) for folder in postgres.binaries.parents)
    ours = SystemAccount() if has_name(os.geteuid()) else MAPPED
    assert postgres.account == ((MAPPED if barred else unprivileged_account()) if IS_ROOT else ours)
    home.chmod(0o755)
    again = Postgres.prepare(postgres.log.parent, postgres.socket.parent, binaries=binaries)
    assert again.account == postgres.account
    home.chmod(0o700 if closed else 0o755)


async def test_data_outlive_a_stop_and_a_kill(postgres: Postgres, home: Path, binaries: Path | None) -> None:
    await ask(postgres.url_of(OWNER), "CREATE TABLE kept AS SELECT 1 AS n")
    postgres.stop()
    postgres.run()
    await ask(postgres.url_of(OWNER), "INSERT INTO kept VALUES (2)")
    postgres.kill()
    assert (postgres.cluster / "postmaster.pid").exists(), "the kill left its lock behind"

    another = Postgres.start(postgres.log.parent, postgres.socket.parent, binaries=binaries)
    assert await ask(another.url_of(OWNER), "SELECT array_agg(n ORDER BY n) FROM kept") == [1, 2]
    another.stop()


async def test_another_process_with_the_pid_of_a_killed_server_is_ignored(postgres: Postgres) -> None:
    postgres.kill()
    stranger = launch(ChildCommand(argv=("sleep", "60"), account=postgres.account))
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


def test_an_incomplete_cluster_is_created_again(closed_home: Path) -> None:
    (closed_home / "data" / "postgres.new" / "base").mkdir(parents=True)
    postgres = Postgres.start(closed_home / "data", closed_home / "run")
    postgres.stop()
    assert not (closed_home / "data" / "postgres.new").exists()


def test_data_of_another_version_are_refused(closed_home: Path) -> None:
    postgres = Postgres.prepare(closed_home / "data", closed_home / "run")
    (postgres.cluster / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedError, match=r"written by PostgreSQL 9 .* set VERITAS_PG_BIN"):
        Postgres.prepare(closed_home / "data", closed_home / "run")
