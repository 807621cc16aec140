"""All of Veritas on one machine: PostgreSQL, Redis, a hub and its workers, supervised, and a first login.

Only starts and supervises: each process is the same `veritas serve` or `veritas work` as in a real deployment.
"""

import socket
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from db import migrations
from db.engine import create_engine
from db.settings import DatabaseSettings, read_settings
from hub.settings import HubSettings
from veritas.accounts import PasswordLogin, first_login
from veritas.embedded.processes import ChildCommand
from veritas.embedded.servers import DATABASE, OWNER_DATABASE, REDIS, WORKER_DATABASE, prepare_servers
from veritas.embedded.supervisor import Child, Supervisor
from veritas.environment import Addresses, data_dir, publish_addresses, with_secret
from veritas.errors import VeritasError

HUB = "hub"
WORKER = "worker"
MODEL = "model"
MODEL_URL = "VERITAS_LLM_BASE_URL"
MODEL_KEY = "VERITAS_LLM_API_KEY"
METRICS_PORT = "VERITAS_METRICS_PORT"
"""The worker's; the hub serves its metrics with everything else."""

DRAIN_MS = "VERITAS_DRAIN_MS"
SHORT_DRAIN_MS = "500"
"""Ctrl-C ends the only hub, so its clients have no other hub to move to."""


class Stack(msgspec.Struct, frozen=True):
    """A running stack: its addresses, the first teacher's login, and the supervisor."""

    addresses: Addresses
    login: PasswordLogin
    supervisor: Supervisor


@asynccontextmanager
async def run_stack(environ: Mapping[str, str]) -> AsyncIterator[Stack]:
    """Run everything while the block runs; every process that dies is restarted.

    Must run in the loop of the main thread. Raises VeritasError (EmbeddedError, ChildError) or SettingsError.
    """
    with prepare_servers(data_dir(environ), environ) as servers:
        environ = _without_other_roles(with_secret(environ)) | {
            DATABASE: servers.database_url,
            REDIS: servers.redis_url,
        }
        settings = read_settings(HubSettings, environ)
        _check_port(settings)
        base_url = f"http://{settings.host}:{settings.port}"
        async with Supervisor() as supervisor:
            for server in servers.embedded:
                await supervisor.start(Child(server.name, server.command, server.is_ready))
            await migrations.upgrade(servers.owner_url)
            login = await _first_login(settings, environ)
            keyless = {name: value for name, value in environ.items() if name != MODEL_KEY}
            of_hub = {name: value for name, value in keyless.items() if name != METRICS_PORT}
            await supervisor.start(_child(HUB, ["serve"], of_hub, f"{base_url}/health/ready"))
            await supervisor.start(_child(WORKER, ["work"], keyless | {DATABASE: servers.worker_url}))
            if environ.get(MODEL_URL):
                # The port of the metrics is the worker's: this process takes a free one and logs it.
                of_model = environ | {DATABASE: servers.worker_url, METRICS_PORT: "0"}
                await supervisor.start(_child(MODEL, ["work", "--only", "model"], of_model))
            addresses = Addresses(
                servers.database_url, servers.redis_url, base_url, servers.worker_url, servers.owner_url
            )
            with publish_addresses(environ, addresses):
                yield Stack(addresses, login, supervisor)


def _check_port(settings: HubSettings) -> None:
    """Refuse a port that is in use, before waiting for a hub that cannot start."""
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise VeritasError(
                f"cannot listen on {settings.host}:{settings.port}: {error}; set VERITAS_PORT"
            ) from error


def _without_other_roles(environ: Mapping[str, str]) -> dict[str, str]:
    """Leave out the addresses of the database for other roles: a hub or worker has only its own."""
    return {name: value for name, value in environ.items() if name not in (OWNER_DATABASE, WORKER_DATABASE)}


async def _first_login(settings: DatabaseSettings, environ: Mapping[str, str]) -> PasswordLogin:
    engine = create_engine(settings)
    try:
        return await first_login(engine, environ)
    finally:
        await engine.dispose()


def _child(name: str, words: Sequence[str], environ: Mapping[str, str], ready_url: str | None = None) -> Child:
    log: Path = data_dir(environ) / f"{name}.log"
    environ = {DRAIN_MS: SHORT_DRAIN_MS} | dict(environ)
    command = ChildCommand(argv=(sys.executable, "-m", "veritas.cli", *words), environ=environ, log=log)

    def is_ready(_pid: int) -> bool:
        return ready_url is None or _answers(ready_url)

    return Child(name, lambda: command, is_ready)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - our own address
            return True
    except (urllib.error.URLError, OSError):
        return False
