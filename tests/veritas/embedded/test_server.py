import os
from pathlib import Path

import pytest

from veritas.embedded.server import bare_environ, exchange, find_package
from veritas.embedded.servers import Postgres, Redis
from veritas.errors import EmbeddedError

IS_ROOT = os.geteuid() == 0


def test_a_server_that_does_not_come_up_is_quoted(closed_home: Path) -> None:
    postgres = Postgres.prepare(closed_home / "data", closed_home / "run")
    (postgres.cluster / "postgresql.auto.conf").write_text("nonsense = 1\n")
    with pytest.raises(EmbeddedError) as refused:
        postgres.run()
    assert str(postgres.log) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "errors" in str(refused.value)


def test_the_environment_of_a_server_has_no_setting_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "elsewhere")
    assert set(bare_environ()) == {"PATH", "LC_ALL"}


def test_a_missing_package_is_named() -> None:
    with pytest.raises(EmbeddedError, match="the package no-such-wheel is missing"):
        find_package("no_such_module", "no-such-wheel")


def test_a_socket_without_a_listener_gives_no_answer(closed_home: Path) -> None:
    assert exchange(closed_home / "missing.sock", b"PING") is None


def test_a_server_that_was_not_started_has_no_process(closed_home: Path) -> None:
    redis = Redis.prepare(closed_home / "data", closed_home / "run")
    with pytest.raises(EmbeddedError, match="has not been started"):
        _ = redis.pid


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
