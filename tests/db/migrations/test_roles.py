from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from db.migrations.roles import FUNCTIONS, RESTRICTED, TABLES, render_rights, render_roles
from db.models import Base
from db.partitions import DAYS_AHEAD, partition_of
from db.queries.events import partitions

APPEND_ONLY = ("audit_logs", "audit_chain", "audit_anchors", "monitoring_events", "rejected_events")


async def list_names(conn: AsyncConnection, query: str) -> set[str]:
    return set((await conn.execute(text(query))).scalars())


async def test_every_table_and_view_has_its_rights(conn: AsyncConnection) -> None:
    """A table that is missing here cannot be used by a hub or worker: add it to `db.migrations.roles.TABLES`."""
    stored = await list_names(
        conn,
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'm', 'v') "
        "AND (NOT relispartition OR relname = 'monitoring_events_default')",
    )
    assert stored == set(TABLES)
    assert set(Base.metadata.tables) < set(TABLES)


async def test_every_function_with_the_rights_of_the_owner_is_listed_and_has_a_fixed_search_path(
    conn: AsyncConnection,
) -> None:
    """A function that is missing here cannot be called: add it to `db.migrations.roles.FUNCTIONS`."""
    definers = "FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
    assert await list_names(conn, f"SELECT oid::regprocedure::text {definers}") == set(FUNCTIONS)
    paths = await list_names(conn, f"SELECT array_to_string(proconfig, '') {definers}")
    assert paths == {"search_path=pg_catalog, public, pg_temp"}


async def test_no_role_may_call_a_function_of_the_owner_without_a_grant(conn: AsyncConnection) -> None:
    for function, callers in FUNCTIONS.items():
        for role in (*RESTRICTED, "public"):
            found = await conn.execute(text(f"SELECT has_function_privilege('{role}', '{function}', 'EXECUTE')"))
            assert found.scalar_one() is (role in callers), (function, role)


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("role", RESTRICTED)
async def test_no_role_may_change_the_record(conn: AsyncConnection, role: str, table: str) -> None:
    for privilege in ("UPDATE", "DELETE", "TRUNCATE", "TRIGGER", "REFERENCES"):
        found = await conn.execute(text(f"SELECT has_table_privilege('{role}', '{table}', '{privilege}')"))
        assert found.scalar_one() is False, privilege


async def test_a_right_that_is_not_listed_is_taken_away_by_the_next_migration(conn: AsyncConnection) -> None:
    held = text("SELECT has_table_privilege('veritas_hub', 'audit_logs', 'DELETE')")
    await conn.execute(text("GRANT DELETE ON audit_logs TO veritas_hub"))
    assert (await conn.execute(held)).scalar_one() is True
    await conn.execute(text(render_rights(RESTRICTED)))
    assert (await conn.execute(held)).scalar_one() is False


def test_rights_can_be_given_where_the_roles_do_not_exist() -> None:
    assert not any(role in render_rights([]) for role in RESTRICTED)


def test_the_sql_for_administrators_names_each_role() -> None:
    assert all(f"CREATE ROLE {role} LOGIN" in render_roles() for role in ("veritas_owner", *RESTRICTED))


async def test_the_database_computes_the_same_partitions_as_the_code(conn: AsyncConnection) -> None:
    created = await partitions.create_partitions(conn, 31)
    today = datetime.now(UTC).date()
    wanted = [partition_of(today + timedelta(days=offset)) for offset in range(-1, 32)]
    assert set(created) <= {partition.name for partition in wanted}
    assert len(created) >= 31 - DAYS_AHEAD
    bounds = await conn.execute(
        text("SELECT relname, pg_get_expr(relpartbound, oid) FROM pg_class WHERE relispartition")
    )
    stored = {name: bound for name, bound in bounds if bound is not None}
    for partition in wanted:
        assert stored[partition.name] == f"FOR VALUES FROM ('{partition.lower}') TO ('{partition.upper}')"


@pytest.mark.parametrize("days", [-1, 32])
async def test_the_database_refuses_more_partitions_than_a_month(conn: AsyncConnection, days: int) -> None:
    with pytest.raises(DBAPIError, match="between 0 and 31"):
        await partitions.create_partitions(conn, days)
