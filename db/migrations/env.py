"""Alembic's environment: runs revisions on the connection from `db.migrations`, or prints their SQL.

Never opens a connection itself.
"""

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.schema import SchemaItem

from db.models import Base
from db.partitions import PARENT


def include_object(_object: SchemaItem, name: str | None, type_: str, _reflected: object, _compare_to: object) -> bool:
    """Leave out partitions: workers create them ahead and they are dropped by age, not by revisions."""
    return not (type_ == "table" and name is not None and name.startswith(f"{PARENT}_"))


def run_online(connection: Connection) -> None:
    """Run revisions inside the transaction of the given connection."""
    context.configure(connection=connection, target_metadata=Base.metadata, include_object=include_object)
    with context.begin_transaction():
        context.run_migrations()


def run_offline() -> None:
    """Print revisions as SQL."""
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    run_online(context.config.attributes["connection"])
