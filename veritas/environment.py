"""What the commands run with: `.env`, the process's environment, and the servers of the data directory.

An explicit setting always wins. Nothing here is read at import, and a secret made here never leaves its 0600 file
but in the environment of our own children.
"""

import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from dotenv import dotenv_values

from veritas.embedded.servers import is_locked, run_servers

DATABASE = "VERITAS_DATABASE_URL"
REDIS = "VERITAS_REDIS_URL"
SECRET = "VERITAS_JWT_SECRET"  # noqa: S105 - the name of a setting
DATA_DIR = "VERITAS_DATA_DIR"

SECRET_FILE = "jwt-secret"  # noqa: S105 - the name of a file
ADDRESSES_FILE = "addresses.json"


class Addresses(msgspec.Struct, frozen=True):
    """Where a running `veritas up` is to be reached; written by it, removed when it ends."""

    database_url: str
    redis_url: str
    base_url: str


def read_environment(folder: Path | None = None) -> dict[str, str]:
    """Merge `.env` of the folder (default: the current one) under the process's own environment."""
    written = dotenv_values((folder or Path.cwd()) / ".env")
    return {name: value for name, value in written.items() if value is not None} | dict(os.environ)


def data_dir(environ: Mapping[str, str]) -> Path:
    """Where embedded servers keep their data and `veritas up` its secret; `.veritas` unless set."""
    return Path(environ.get(DATA_DIR) or ".veritas")


def with_secret(environ: Mapping[str, str]) -> dict[str, str]:
    """Add the signing secret of the data directory, made on first use, unless one is set."""
    if environ.get(SECRET):
        return dict(environ)
    path = data_dir(environ) / SECRET_FILE
    if not path.exists():
        keep(path, secrets.token_urlsafe(48).encode())
    return dict(environ) | {SECRET: path.read_text()}


def keep(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    Path(name).replace(path)


@contextmanager
def with_servers(environ: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Add the addresses of PostgreSQL and Redis for one command.

    Those that are set; else those of the `veritas up` that runs on the data directory; else embedded ones, run for the
    length of the block. Raises EmbeddedError.
    """
    running = read_addresses(environ)
    if environ.get(DATABASE) and environ.get(REDIS):
        yield dict(environ)
    elif running is not None:
        yield {DATABASE: running.database_url, REDIS: running.redis_url} | _set(environ)
    else:
        with run_servers(data_dir(environ), environ) as servers:
            yield dict(environ) | {DATABASE: servers.database_url, REDIS: servers.redis_url}


@contextmanager
def publish_addresses(environ: Mapping[str, str], addresses: Addresses) -> Iterator[None]:
    """Let other commands on this data directory find what runs here."""
    path = data_dir(environ) / ADDRESSES_FILE
    keep(path, msgspec.json.encode(addresses))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def read_addresses(environ: Mapping[str, str]) -> Addresses | None:
    """What runs on the data directory, if anything does: whoever runs there holds its lock."""
    if not is_locked(data_dir(environ)):
        return None
    try:
        return msgspec.json.decode((data_dir(environ) / ADDRESSES_FILE).read_bytes(), type=Addresses)
    except (OSError, msgspec.DecodeError):
        return None


def _set(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if value or name not in (DATABASE, REDIS)}
