"""Processes under test connect with their own role; rows for tests are made by the owner of the tables.

So a right that `db/migrations/roles.py` does not give fails a test.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import GUARDS, create_engine
from db.migrations.roles import OWNER, RESTRICTED
from db.settings import DatabaseSettings
from veritas.embedded.servers import Servers

NO_GUARDS = dict.fromkeys(GUARDS, "60s")
TESTS = str(Path(__file__).parent)
_passwords: dict[str, str] = {}


def remember_passwords(servers: Servers) -> None:
    """Remember the passwords of the roles of this run's servers."""
    for address in (servers.database_url, servers.worker_url, servers.owner_url, servers.reader_url):
        url = make_url(address)
        _passwords[str(url.username)] = str(url.password)


def password_of(role: str) -> str:
    return _passwords[role]


def url_as(role: str, address: str) -> str:
    """Return the address of the same database for another role."""
    return make_url(address).set(username=role, password=_passwords[role]).render_as_string(hide_password=False)


def as_role(role: str, database: DatabaseSettings) -> DatabaseSettings:
    """Return the settings of the same database for another role."""
    return msgspec.structs.replace(database, database_url=url_as(role, database.database_url))


def url_of(servers: Servers, name: str, role: str = OWNER) -> str:
    """Return the address of a database of this run's servers."""
    return make_url(url_as(role, servers.owner_url)).set(database=name).render_as_string(hide_password=False)


async def create_database(servers: Servers, name: str, template: str = "template1") -> None:
    """Create a database that belongs to the owner. A clone has the rights on tables, but not those on the database."""
    conn = await asyncpg.connect(servers.admin_url)
    try:
        await conn.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER}")
        await conn.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
        await conn.execute(f"GRANT CONNECT ON DATABASE {name} TO {', '.join(RESTRICTED)}")
    finally:
        await conn.close()


async def drop_database(servers: Servers, name: str) -> None:
    conn = await asyncpg.connect(servers.admin_url)
    try:
        await conn.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await conn.close()


class RoleEngine(AsyncEngine):
    """An engine of one role, except for transactions that test code opens itself: those are the owner's."""

    def __init__(self, of_role: AsyncEngine, of_owner: AsyncEngine) -> None:
        super().__init__(of_role.sync_engine)
        self._of_role = of_role
        self._of_owner = of_owner

    def connect(self) -> Any:
        return (self._of_owner if _is_test_code() else self._of_role).connect()

    def begin(self) -> Any:
        return (self._of_owner if _is_test_code() else self._of_role).begin()

    def execution_options(self, **options: Any) -> "RoleEngine":
        return RoleEngine(self._of_role.execution_options(**options), self._of_owner.execution_options(**options))

    async def dispose(self, close: bool = True) -> None:
        await self._of_role.dispose(close)
        await self._of_owner.dispose(close)


def create_role_engine(
    database: DatabaseSettings, owner: DatabaseSettings, *, guards: Mapping[str, str] = NO_GUARDS
) -> RoleEngine:
    def create(settings: DatabaseSettings) -> AsyncEngine:
        return create_engine(settings, guards=guards, command_s=60)

    return RoleEngine(create(database), create(owner))


def _is_test_code() -> bool:
    return sys._getframe(2).f_code.co_filename.startswith(TESTS)
