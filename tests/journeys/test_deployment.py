"""A deployment of one process each, on servers named by two settings: unix sockets here, TCP with `--external`."""

import json
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from db.migrations.roles import HUB, READER, WORKER
from tests.journeys.stack import ROOT, environment, run, veritas
from tests.ports import free_port
from tests.roles import create_database, drop_database, url_of
from veritas.embedded.servers import Servers

pytestmark = [pytest.mark.timeout(180), pytest.mark.long]
PASSWORD = "a teacher's password"
STOP_S = 30


@contextmanager
def running(verb: str, environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """One process of the deployment, until SIGTERM; it must end well."""
    process = subprocess.Popen(veritas(verb), env=environ, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_S) == 0


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until a process answers here; from then on a signal ends it well."""
    while process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
            continue
        return
    raise AssertionError("the process ended")


async def test_a_simulation_runs_on_external_servers_that_two_settings_name(servers: Servers, tmp_path: Path) -> None:
    await create_database(servers, "veritas_deployment")
    port, report_file = free_port(), tmp_path / "report.json"
    environ = environment(tmp_path / "data", port) | {
        "VERITAS_DATABASE_URL": url_of(servers, "veritas_deployment", HUB),
        "VERITAS_REDIS_URL": servers.redis_url,
        "VERITAS_JWT_SECRET": "thirty-two bytes that are hard to guess",
        "VERITAS_DRAIN_MS": "200",
    }
    try:
        owner_url = {"VERITAS_OWNER_DATABASE_URL": url_of(servers, "veritas_deployment")}
        assert run(veritas("migrate"), environ | owner_url).returncode == 0
        (tmp_path / "password").write_text(PASSWORD)
        grace = ("grace", "--name", "Grace", "--password-file", str(tmp_path / "password"))
        created = run(veritas("admin", "create", *grace), environ)
        assert created.returncode == 0, created.stderr
        worker_url = {"VERITAS_DATABASE_URL": url_of(servers, "veritas_deployment", WORKER)}
        with running("serve", environ) as hub, running("work", environ | worker_url):
            hub_url = f"http://127.0.0.1:{port}"
            wait_for(f"{hub_url}/health/ready", hub)
            arguments = ("--username", "grace", "--students", "10", "--seconds", "6", "--json", str(report_file))
            ended = run(veritas("simulate", hub_url, *arguments), environ | {"VERITAS_PASSWORD": PASSWORD})
            assert ended.returncode == 0, ended.stdout + ended.stderr
        report = json.loads(report_file.read_text())
        assert report["sent"] == report["acked"] > 0
        assert report["failures"] == []
        reader_url = {"VERITAS_DATABASE_URL": url_of(servers, "veritas_deployment", READER)}
        verified = run(veritas("verify", "--reproduce"), environ | reader_url)
        assert verified.returncode == 0, verified.stdout + verified.stderr
    finally:
        await drop_database(servers, "veritas_deployment")
