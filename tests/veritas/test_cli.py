"""The command line: its texts, its exit codes, and that errors are one line."""

import pytest
from click.testing import CliRunner

from veritas import cli
from veritas.errors import VeritasError


def test_every_command_says_what_it_does() -> None:
    result = CliRunner().invoke(cli.cli, ["--help"])
    assert result.exit_code == 0
    for command in ("up", "demo", "serve", "work", "migrate", "admin", "simulate", "verify"):
        assert command in result.output


@pytest.mark.parametrize("command", ["create", "set-password", "reset-totp", "activate", "deactivate"])
def test_admin_has_a_command_for_each_change_of_a_user(command: str) -> None:
    assert CliRunner().invoke(cli.cli, ["admin", command, "--help"]).exit_code == 0


def test_migrate_prints_the_whole_schema_as_sql() -> None:
    result = CliRunner().invoke(cli.cli, ["migrate", "--sql"])
    assert result.exit_code == 0
    assert "CREATE TABLE monitoring_events" in result.output


def test_a_headless_demo_needs_a_length() -> None:
    result = CliRunner().invoke(cli.cli, ["demo", "--headless"])
    assert isinstance(result.exception, VeritasError)
    assert str(result.exception) == "--headless needs --seconds"


def test_an_error_that_the_user_can_fix_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["veritas", "demo", "--headless"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == cli.FAULT == 2
    assert capsys.readouterr().err == "veritas: --headless needs --seconds\n"


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("VERITAS_DATABASE_URL", "VERITAS_REDIS_URL", "VERITAS_JWT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.argv", ["veritas", "serve"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "VERITAS_DATABASE_URL" in capsys.readouterr().err
