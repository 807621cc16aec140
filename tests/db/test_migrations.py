from datetime import UTC, datetime
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db import migrations
from db.models import Base
from db.partitions import DAYS_AHEAD, DEFAULT
from db.queries.events import partitions
from tests.conftest import BEGAN


def compare(connection: Connection) -> list[object]:
    def include(_object: object, name: str | None, type_: str, _reflected: object, _compare_to: object) -> bool:
        return not (type_ == "table" and name is not None and name.startswith("monitoring_events_"))

    options = {"include_object": include, "compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))


async def test_the_migrated_schema_is_the_models_schema(conn: AsyncConnection) -> None:
    assert await conn.run_sync(compare) == []


async def test_a_column_the_migrations_do_not_know_is_found(conn: AsyncConnection) -> None:
    await conn.execute(text("ALTER TABLE exams DROP COLUMN subject"))
    assert len(await conn.run_sync(compare)) == 1


async def test_migrating_makes_a_week_of_partitions_ahead(conn: AsyncConnection) -> None:
    days_ago = (datetime.now(UTC).date() - BEGAN).days
    assert await partitions.count_days_ahead(conn) == DAYS_AHEAD - days_ago
    assert await partitions.is_default_empty(conn)


async def test_existing_partitions_are_not_changed(conn: AsyncConnection) -> None:
    await partitions.create_partitions(conn)
    assert await partitions.create_partitions(conn) == []
    assert len(await partitions.create_partitions(conn, DAYS_AHEAD + 2)) == 2


def test_the_sql_of_all_revisions_can_be_printed() -> None:
    ddl = migrations.render_sql()
    assert f"CREATE TABLE {DEFAULT}" in ddl
    assert "CREATE TABLE analysis_cursors" in ddl


def test_every_revision_describes_itself() -> None:
    versions = Path(migrations.__file__).parent / "versions"
    for revision in versions.glob("[0-9]*.py"):
        assert revision.read_text().startswith('"""'), revision.name
