"""The script that creates the roles, in the database of an older version in which one superuser owned everything."""

import asyncio
import os
import subprocess

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from db import migrations
from db.migrations.roles import HUB, OWNER, WORKER, render_roles
from tests.journeys.stack import ROOT
from tests.roles import drop_database, password_of, url_of
from veritas.embedded.servers import Servers

NAME = "veritas_older"
SCRIPT = ROOT / "deploy" / "postgres" / "create-roles.sh"


def test_the_sql_of_the_script_is_that_of_the_command() -> None:
    """Renew it with: veritas migrate --roles-sql > deploy/postgres/roles.sql."""
    assert (ROOT / "deploy" / "postgres" / "roles.sql").read_text() == render_roles()


async def test_an_older_database_moves_to_roles(servers: Servers) -> None:
    superuser = make_url(servers.admin_url)
    admin = await asyncpg.connect(servers.admin_url)
    await admin.execute(f"CREATE DATABASE {NAME}")
    try:
        await migrations.upgrade(superuser.set(database=NAME).render_as_string(hide_password=False))
        environ = os.environ | {
            "PGHOST": str(superuser.host),
            "PGPORT": str(superuser.port),
            "PGPASSWORD": str(superuser.password),
            "POSTGRES_USER": str(superuser.username),
            "POSTGRES_DB": NAME,
            "VERITAS_ROLES_SQL": str(ROOT / "deploy" / "postgres" / "roles.sql"),
        }
        passwords = {f"VERITAS_{role.removeprefix('veritas_').upper()}_PASSWORD": password_of(role)
                     for role in (OWNER, HUB, WORKER)}  # fmt: skip
        for _ in range(2):
            await asyncio.to_thread(subprocess.run, ["sh", str(SCRIPT)], env=environ | passwords, check=True)
        assert await migrations.upgrade(url_of(servers, NAME)) == []
        hub = await asyncpg.connect(url_of(servers, NAME, HUB))
        assert await hub.fetch("SELECT id FROM users") == []
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await hub.execute("ALTER TABLE audit_logs DISABLE TRIGGER ALL")
        await hub.close()
    finally:
        await drop_database(servers, NAME)
        await admin.close()
