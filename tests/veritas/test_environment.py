from pathlib import Path

import pytest

from veritas.embedded.servers import DATABASE, OWNER_DATABASE, REDIS, WORKER_DATABASE, lock_data_dir
from veritas.environment import (
    SECRET,
    Addresses,
    publish_addresses,
    read_addresses,
    read_environment,
    with_secret,
    with_servers,
)


def environ_of(folder: Path) -> dict[str, str]:
    return {"VERITAS_DATA_DIR": str(folder / "data")}


def test_a_dotenv_file_sets_only_variables_missing_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("VERITAS_PORT=1\nVERITAS_HOST=0.0.0.0\n")
    monkeypatch.setenv("VERITAS_PORT", "2")
    environ = read_environment(tmp_path)
    assert (environ["VERITAS_PORT"], environ["VERITAS_HOST"]) == ("2", "0.0.0.0")


def test_the_secret_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    first, again = (with_secret(environ_of(tmp_path))[SECRET] for _ in range(2))
    assert first == again
    assert len(first) >= 32
    assert (tmp_path / "data" / "jwt-secret").stat().st_mode & 0o777 == 0o600


def test_a_secret_that_is_set_wins_and_none_is_made(tmp_path: Path) -> None:
    assert with_secret(environ_of(tmp_path) | {SECRET: "mine"})[SECRET] == "mine"
    assert not (tmp_path / "data").exists()


def test_a_running_stack_is_found_until_it_ends(tmp_path: Path) -> None:
    environ = environ_of(tmp_path)
    addresses = Addresses("postgresql://x", "redis://x", "http://x", "postgresql://worker", "postgresql://owner")
    with lock_data_dir(tmp_path / "data"), publish_addresses(environ, addresses):
        assert read_addresses(environ) == addresses
        with with_servers(environ) as found:
            assert (found[DATABASE], found[REDIS]) == ("postgresql://x", "redis://x")
            assert (found[WORKER_DATABASE], found[OWNER_DATABASE]) == ("postgresql://worker", "postgresql://owner")
        with with_servers(environ | {DATABASE: "postgresql://mine"}) as found:
            assert (found[DATABASE], found[REDIS]) == ("postgresql://mine", "redis://x")
            assert found[OWNER_DATABASE] == found[WORKER_DATABASE] == "postgresql://mine", "not of another database"
    assert read_addresses(environ) is None


def test_the_addresses_of_a_killed_process_are_ignored(tmp_path: Path) -> None:
    environ = environ_of(tmp_path)
    with publish_addresses(environ, Addresses("postgresql://x", "redis://x", "http://x")):
        assert read_addresses(environ) is None


def test_addresses_that_are_set_are_used_as_they_are(tmp_path: Path) -> None:
    environ = environ_of(tmp_path) | {DATABASE: "postgresql://a", REDIS: "redis://b"}
    with with_servers(environ) as found:
        assert found == environ


def test_without_any_servers_run_for_the_length_of_the_block(tmp_path: Path) -> None:
    with with_servers(environ_of(tmp_path)) as found:
        assert found[DATABASE].startswith("postgresql://")
        assert (tmp_path / "data" / "postgres" / "postmaster.pid").exists()
    assert not (tmp_path / "data" / "postgres" / "postmaster.pid").exists()
