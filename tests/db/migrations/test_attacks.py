"""What a hub or a worker cannot do, even if an attacker may run any SQL in it: tried, on both kinds of servers."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from db.migrations.roles import HUB, OWNER, READER, WORKER
from db.settings import DatabaseSettings
from tests.roles import as_role, url_as
from veritas.embedded.servers import Servers

RECORD = ("audit_logs", "audit_chain", "audit_anchors", "monitoring_events", "rejected_events")
CHANGES = ("DELETE FROM {0}", "TRUNCATE {0} CASCADE", "DROP TABLE {0} CASCADE", "ALTER TABLE {0} DISABLE TRIGGER ALL")

ATTACKS = [
    *(change.format(table) for table in RECORD for change in CHANGES),
    "UPDATE audit_logs SET action = 'nothing'",
    "UPDATE audit_chain SET hash = ''",
    "UPDATE audit_anchors SET n = 0",
    "UPDATE monitoring_events SET data_payload = '{}'",
    "UPDATE rejected_events SET raw = ''",
    "DELETE FROM monitoring_events_default",
    "ALTER TABLE audit_logs DISABLE TRIGGER audit_logs_append_only",
    "ALTER TABLE audit_logs OWNER TO CURRENT_USER",
    "DO 'BEGIN LOCK TABLE audit_logs IN ACCESS EXCLUSIVE MODE; END'",
    "CREATE TRIGGER t BEFORE INSERT ON audit_logs FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "CREATE RULE r AS ON INSERT TO audit_logs DO INSTEAD NOTHING",
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "COPY audit_logs FROM PROGRAM 'id'",
    "COPY (SELECT 1) TO '/tmp/veritas-attack'",
    "SELECT pg_read_file('PG_VERSION')",
    "SELECT pg_ls_dir('.')",
    "SELECT lo_import('/etc/passwd')",
    "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
    "ALTER FUNCTION refresh_summary_views() RESET ALL",
    "ALTER EXTENSION plpgsql UPDATE",
    "CREATE TABLE public.t (n int)",
    "CREATE TEMPORARY TABLE t (n int)",
    "CREATE SCHEMA s",
    "CREATE DATABASE veritas_attack",
    "CREATE ROLE attacker",
    "CREATE SERVER s FOREIGN DATA WRAPPER w",
    "SET ROLE veritas_owner",
    "SET SESSION AUTHORIZATION veritas_owner",
    "SET session_replication_role = replica",
    "GRANT veritas_owner TO CURRENT_USER",
    "GRANT pg_execute_server_program TO CURRENT_USER",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE CURRENT_USER CREATEROLE",
    "ALTER ROLE veritas_owner PASSWORD 'mine'",
    "ALTER ROLE veritas_reader LOGIN PASSWORD 'mine'",
    "ALTER SYSTEM SET fsync = off",
    "ALTER DATABASE postgres SET search_path = 'mine'",
    "SELECT rolpassword FROM pg_authid",
]

LARGE_OBJECTS = [
    "SELECT lo_create(0)",
    "SELECT lo_creat(-1)",
    "SELECT lo_from_bytea(0, repeat('x', 1000000)::bytea)",
    "SELECT lo_put(1, 0, 'x')",
    "SELECT lowrite(0, 'x')",
    "SELECT lo_truncate(0, 1000000)",
    "SELECT lo_truncate64(0, 1000000)",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_import('/etc/passwd', 1)",
]

# PostgreSQL finds no wrapper before it checks the right to use one.
REFUSALS = {"CREATE SERVER s FOREIGN DATA WRAPPER w": asyncpg.UndefinedObjectError}


@pytest.fixture(params=[HUB, WORKER, READER])
async def attacker(
    request: pytest.FixtureRequest, owner_database: DatabaseSettings
) -> AsyncIterator[asyncpg.Connection]:
    conn = await asyncpg.connect(as_role(request.param, owner_database).database_url)
    yield conn
    await conn.close()


async def test_a_role_of_a_process_can_do_none_of_it(attacker: asyncpg.Connection) -> None:
    done = []
    available = await attacker.fetch("SELECT name FROM pg_available_extensions WHERE installed_version IS NULL")
    for attack in [*ATTACKS, *(f'CREATE EXTENSION "{row["name"]}" CASCADE' for row in available)]:
        try:
            await attacker.execute(attack)
        except asyncpg.PostgresError as error:
            if not isinstance(error, REFUSALS.get(attack, asyncpg.InsufficientPrivilegeError)):
                done.append((attack, str(error)))
        else:
            done.append((attack, "it worked"))
    assert done == []


async def test_a_role_of_a_process_is_no_superuser_and_belongs_to_no_other(attacker: asyncpg.Connection) -> None:
    rights = await attacker.fetchrow(
        "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles "
        "WHERE rolname = current_user"
    )
    assert rights is not None
    assert not any(rights.values())
    belongs = "SELECT count(*) FROM pg_auth_members JOIN pg_roles ON pg_roles.oid = member WHERE rolname = current_user"
    assert await attacker.fetchval(belongs) == 0


async def test_only_the_hub_reads_secrets_of_sign_in(attacker: asyncpg.Connection) -> None:
    is_hub = await attacker.fetchval("SELECT current_user") == HUB
    for query in (
        "SELECT password_hash FROM users",
        "SELECT hash FROM refresh_tokens",
        "SELECT hash FROM ws_tickets",
        "SELECT hash FROM candidate_codes",
        "SELECT hash FROM service_keys",
    ):
        if is_hub:
            assert await attacker.fetch(query) == []
        else:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await attacker.fetch(query)


@pytest.mark.parametrize("role", [HUB, WORKER, READER, OWNER])
async def test_no_role_can_store_large_objects_which_no_retention_deletes(servers: Servers, role: str) -> None:
    """In the database for which an administrator ran the SQL of the roles: only a superuser can take this right."""
    conn = await asyncpg.connect(url_as(role, servers.database_url))
    try:
        for attack in LARGE_OBJECTS:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for function"):
                await conn.execute(attack)
    finally:
        await conn.close()


async def test_without_its_password_no_role_can_sign_in(owner_database: DatabaseSettings, servers: Servers) -> None:
    hub_password = as_role(HUB, owner_database).database_url.split(":")[2].split("@")[0]
    for address in (servers.owner_url, servers.admin_url, servers.worker_url):
        login = address.split("@")[0]
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(address.replace(login, f"{login.rsplit(':', 1)[0]}:{hub_password}"))
