"""Login roles of the embedded PostgreSQL: a password for each, and the SQL that sets them.

The passwords are in one file that only its owner may read. The superuser is for administrators and tests: no process
of Veritas uses it. A password is never logged and never part of a command line.
"""

import secrets
from pathlib import Path
from typing import Final

import msgspec

from db.migrations.roles import HUB, OWNER, READER, RESTRICTED, WORKER, render_roles
from veritas.private_file import keep

SUPERUSER: Final = "veritas"
FILE: Final = "database-passwords.json"
APPLIED: Final = "database-roles.sql"
"""The SQL of the roles that the cluster has. Other SQL, of another version of Veritas, is run at the next start."""
LOGINS: Final = (SUPERUSER, OWNER, HUB, WORKER, READER)

# The only line: a process that can open the socket still needs the password of a role.
HBA: Final = "# Written by Veritas at every start.\nlocal all all scram-sha-256\n"


def draw_passwords() -> dict[str, str]:
    """Draw a password for each role."""
    return {login: secrets.token_urlsafe(24) for login in LOGINS}


def read_passwords(path: Path) -> dict[str, str] | None:
    """Read the passwords; None if there are none, or not for every role."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return found if set(LOGINS) <= set(found) else None


def write_passwords(path: Path, passwords: dict[str, str]) -> None:
    """Write the passwords for their owner only."""
    keep(path, msgspec.json.encode(passwords))


def render_logins(passwords: dict[str, str]) -> str:
    """Return the SQL for single-user mode (`postgres --single -j`): each statement ends with an empty line."""
    statements = [render_roles().strip().removesuffix(";")]
    statements += [f"ALTER ROLE {login} LOGIN PASSWORD '{password}'" for login, password in passwords.items()]
    statements += [f"ALTER ROLE {role} NOSUPERUSER NOCREATEDB NOCREATEROLE" for role in (OWNER, *RESTRICTED)]
    statements += [f"REVOKE ALL ON DATABASE {name} FROM PUBLIC" for name in ("postgres", "template1")]
    return "".join(f"{statement};\n\n" for statement in statements)
