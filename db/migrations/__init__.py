"""Schema migrations with Alembic; `veritas migrate` runs them.

Never run at import, and never by a hub or worker.
"""

import io
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, pool, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from db.migrations import roles
from db.queries.events import partitions

_LOCK_KEY = 0x7665726974617300
"""Advisory lock that allows one migration at a time ("veritas" in ASCII)."""


async def upgrade(database_url: str) -> list[str]:
    """Migrate a database to the newest revision, create the next partitions, and give the roles their rights.

    All of it is one transaction. Returns the roles that do not exist and that this user may not create.
    """
    url = make_url(database_url).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(url, poolclass=pool.NullPool)
    try:
        async with engine.begin() as conn:
            await conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
            await conn.run_sync(_upgrade)
            await partitions.create_partitions(conn)
            return await roles.apply_rights(conn)
    finally:
        await engine.dispose()


def render_sql() -> str:
    """Return the DDL of all revisions as SQL text."""
    out = io.StringIO()
    config = _config()
    config.output_buffer = out
    command.upgrade(config, "head", sql=True)
    return out.getvalue()


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config
