"""Environment of the commands: `.env`, the environment of the process, and the servers of the data directory.

An explicit setting always wins. Nothing is read at import. A generated secret never leaves its 0600 file, except in the
environment of our own child processes.
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from dotenv import dotenv_values

from db.settings import read_secret_files
from veritas.embedded.servers import DATABASE, OWNER_DATABASE, REDIS, WORKER_DATABASE, is_locked, run_servers
from veritas.private_file import keep

SECRET = "VERITAS_JWT_SECRET"  # noqa: S105 - the name of a setting
SECRETS = "VERITAS_JWT_SECRETS"
DATA_DIR = "VERITAS_DATA_DIR"

SECRET_FILE = "jwt-secret"  # noqa: S105 - the name of a file
ADDRESSES_FILE = "addresses.json"


class Addresses(msgspec.Struct, frozen=True):
    """Addresses of a running `veritas up`; written by it and removed when it ends.

    `database_url` is that of the hub's role, `worker_url` that of the worker's, `owner_url` that of the owner's.
    """

    database_url: str
    redis_url: str
    base_url: str
    worker_url: str = ""
    owner_url: str = ""


def read_environment(folder: Path | None = None) -> dict[str, str]:
    """Merge `.env` of the folder (default: the current one) with the environment, which wins, and read `*_FILE`.

    Raises SettingsError.
    """
    written = dotenv_values((folder or Path.cwd()) / ".env")
    return read_secret_files({name: value for name, value in written.items() if value is not None} | dict(os.environ))


def data_dir(environ: Mapping[str, str]) -> Path:
    """Return the data directory of embedded servers and generated secrets; `.veritas` by default."""
    return Path(environ.get(DATA_DIR) or ".veritas")


def with_secret(environ: Mapping[str, str]) -> dict[str, str]:
    """Add the signing secret of the data directory, unless one is set; generate it on first use."""
    if environ.get(SECRET) or environ.get(SECRETS):
        return dict(environ)
    path = data_dir(environ) / SECRET_FILE
    if not path.exists():
        keep(path, secrets.token_urlsafe(48).encode())
    return dict(environ) | {SECRET: path.read_text()}


@contextmanager
def with_servers(environ: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Add the addresses of PostgreSQL, for the roles of hub, worker and owner, and of Redis, for one command.

    These are the configured ones, else those of the `veritas up` that uses the data directory, else embedded servers
    that run while the block runs. Raises EmbeddedError.
    """
    running = read_addresses(environ)
    if environ.get(DATABASE) and environ.get(REDIS):
        yield dict(environ)
    elif running is not None:
        own = environ.get(DATABASE)  # a database of the caller's own has other roles than the running one
        yield {
            DATABASE: running.database_url,
            OWNER_DATABASE: own or running.owner_url,
            WORKER_DATABASE: own or running.worker_url,
            REDIS: running.redis_url,
        } | _set(environ)
    else:
        with run_servers(data_dir(environ), environ) as servers:
            yield dict(environ) | {
                DATABASE: servers.database_url,
                OWNER_DATABASE: servers.owner_url,
                WORKER_DATABASE: servers.worker_url,
                REDIS: servers.redis_url,
            }


@contextmanager
def publish_addresses(environ: Mapping[str, str], addresses: Addresses) -> Iterator[None]:
    """Publish the addresses for other commands that use this data directory."""
    path = data_dir(environ) / ADDRESSES_FILE
    keep(path, msgspec.json.encode(addresses))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def read_addresses(environ: Mapping[str, str]) -> Addresses | None:
    """Return the addresses of the process that has locked the data directory, if any."""
    if not is_locked(data_dir(environ)):
        return None
    try:
        return msgspec.json.decode((data_dir(environ) / ADDRESSES_FILE).read_bytes(), type=Addresses)
    except (OSError, msgspec.DecodeError):
        return None


def _set(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environ.items()
        if value or name not in (DATABASE, OWNER_DATABASE, WORKER_DATABASE, REDIS)
    }
