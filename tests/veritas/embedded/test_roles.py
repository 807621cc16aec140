from pathlib import Path

import asyncpg
import pytest

from db import migrations
from db.migrations.roles import HUB, OWNER, WORKER
from tests.veritas.embedded.sql import ask
from veritas.embedded.postgres import Postgres
from veritas.embedded.roles import LOGINS, SUPERUSER, draw_passwords, read_passwords, render_logins, write_passwords


def test_passwords_are_kept_for_their_owner_only(tmp_path: Path) -> None:
    path, passwords = tmp_path / "passwords.json", draw_passwords()
    write_passwords(path, passwords)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_passwords(path) == passwords
    assert len(set(passwords.values())) == len(LOGINS)


def test_passwords_of_fewer_roles_are_drawn_again(tmp_path: Path) -> None:
    path = tmp_path / "passwords.json"
    assert read_passwords(path) is None
    write_passwords(path, {HUB: "x"})
    assert read_passwords(path) is None


def test_each_statement_for_single_user_mode_ends_with_an_empty_line() -> None:
    statements = render_logins(draw_passwords()).split(";\n\n")
    assert statements.pop() == ""
    assert all("\n\n" not in statement for statement in statements)


async def test_data_of_a_version_with_one_role_get_an_owner_and_keep_their_rows(
    closed_home: Path, binaries: Path | None
) -> None:
    """Until now one superuser without a password ran everything and owned everything."""
    folders = closed_home / "data", closed_home / "run"
    postgres = Postgres.start(*folders, binaries=binaries)
    for role in (OWNER, HUB, WORKER, "veritas_reader"):
        for statement in (f"REASSIGN OWNED BY {role} TO {SUPERUSER}", f"DROP OWNED BY {role}", f"DROP ROLE {role}"):
            await ask(postgres.url_of(SUPERUSER), statement)
    await migrations.upgrade(postgres.url_of(SUPERUSER))
    await ask(postgres.url_of(SUPERUSER), "INSERT INTO users (id, username, full_name, role) "
              "VALUES (gen_random_uuid(), 'ada', 'Ada', 'student')")  # fmt: skip
    postgres.stop()
    postgres.password_file.unlink()

    postgres = Postgres.start(*folders, binaries=binaries)
    try:
        assert await migrations.upgrade(postgres.url_of(OWNER)) == []
        owners = "SELECT DISTINCT tableowner::text FROM pg_tables WHERE schemaname = 'public'"
        assert await ask(postgres.url_of(SUPERUSER), owners) == OWNER
        assert await ask(postgres.url_of(HUB), "SELECT username FROM users") == "ada"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await ask(postgres.url_of(HUB), "ALTER TABLE audit_logs DISABLE TRIGGER ALL")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(postgres.url_of(HUB).replace(f"{HUB}:", f"{SUPERUSER}:"), "SELECT 1")
    finally:
        postgres.stop()


async def test_a_start_with_other_sql_of_the_roles_runs_it_and_keeps_the_passwords(
    closed_home: Path, binaries: Path | None
) -> None:
    folders = closed_home / "data", closed_home / "run"
    postgres = Postgres.start(*folders, binaries=binaries)
    hub = postgres.url_of(HUB)
    await ask(postgres.url_of(SUPERUSER), "GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC")
    may_create = f"SELECT has_function_privilege('{HUB}', 'lo_create(oid)', 'EXECUTE')"
    assert await ask(hub, may_create) is True
    postgres.stop()
    (closed_home / "data" / "database-roles.sql").write_text("-- of an older version")
    again = Postgres.start(*folders, binaries=binaries)
    try:
        assert again.url_of(HUB) == hub
        assert await ask(hub, may_create) is False
    finally:
        again.stop()
