"""The examples of deploy/proxies with their own programs, in front of a real hub."""

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs
from websockets.asyncio.client import connect

from db.settings import DatabaseSettings, Secret
from hub.app import create_app
from hub.auth.passwords import Passwords
from hub.auth.pseudonyms import make_pseudonym
from hub.settings import HubSettings
from protocol.roles import Role
from tests.hub.conftest import PASSWORD, Users
from tests.hub.serving import serve
from tests.journeys.stack import ROOT
from tests.ports import free_port

PROXIES = ROOT / "deploy" / "proxies"
NAME = "exam.example.org"
PUBLIC = f"https://{NAME}"
CLIENT = "127.0.0.5"
"""An address of the client that is not the proxy's."""

FILES = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg", "caddy": "Caddyfile"}


def need(program: str) -> str:
    found = shutil.which(program, path="/usr/sbin:/usr/bin:/usr/local/bin")
    assert found is not None, f"make test-external needs Debian's package {program}"
    return found


def make_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    chain = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "fullchain.pem").write_bytes(chain)
    (folder / "key.pem").write_bytes(secret)
    (folder / "bundle.pem").write_bytes(chain + secret)


def write_config(program: str, folder: Path, hub: str, ports: tuple[int, int]) -> Path:
    """Copy an example with the hub, the ports and the certificate of this test."""
    text = (PROXIES / FILES[program]).read_text().replace("127.0.0.1:8000", hub).replace("maxconn 32768", "maxconn 500")
    text = text.replace("/etc/veritas/tls", str(folder))
    if program == "nginx":
        text = text.replace("listen 80;", f"listen 127.0.0.1:{ports[0]};")
        text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{ports[1]} ssl")
    else:
        text = text.replace("bind :80", f"bind 127.0.0.1:{ports[0]}").replace("bind :443", f"bind 127.0.0.1:{ports[1]}")
    path = folder / FILES[program]
    path.write_text(text)
    return path


def command(program: str, config: Path, folder: Path) -> list[str]:
    if program == "nginx":
        extra = f"daemon off; pid {folder}/pid; error_log stderr;"
        return [need("nginx"), "-p", str(folder), "-c", str(config), "-g", extra]
    return [need("haproxy"), "-db", "-f", str(config)]


@asynccontextmanager
async def run_proxy(program: str, folder: Path, hub: str) -> AsyncIterator[int]:
    """Run an example until the context ends; yields the port with TLS."""
    ports = (free_port(), free_port())
    make_certificate(folder)
    config = write_config(program, folder, hub, ports)
    process = await asyncio.create_subprocess_exec(*command(program, config, folder))
    try:
        async with asyncio.timeout(30):
            while True:
                assert process.returncode is None, "the proxy has ended"
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", ports[1])
                    break
                except ConnectionRefusedError:
                    await asyncio.sleep(0.05)
        writer.close()
        yield ports[1]
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest.fixture
def settings(database: DatabaseSettings) -> HubSettings:
    return HubSettings(
        database_url=database.database_url,
        redis_url=database.redis_url,
        jwt_secret=Secret("a secret that only this test suite knows"),
        bcrypt_cost=4,
        public_url=PUBLIC,
    )


@pytest.mark.parametrize("program", ["nginx", "haproxy"])
async def test_a_browser_behind_the_proxy_is_known_by_its_own_address(
    program: str, settings: HubSettings, tmp_path: Path, engine: AsyncEngine
) -> None:
    passwords = Passwords(settings.bcrypt_cost)
    async with (
        serve(create_app(settings, passwords=passwords)) as hub,
        run_proxy(program, tmp_path, hub) as port,
    ):
        tls = ssl.create_default_context(cafile=str(tmp_path / "fullchain.pem"))
        transport = httpx.AsyncHTTPTransport(verify=tls, local_address=CLIENT)
        headers = {"Host": NAME, "X-Forwarded-For": "6.6.6.6", "X-Forwarded-Host": "evil.example"}
        async with httpx.AsyncClient(
            transport=transport, base_url=f"https://127.0.0.1:{port}", headers=headers
        ) as http:
            http.event_hooks["request"].append(_name_host)
            await check_sign_in(http, engine, passwords)
            await check_address(http, settings)
            assert (await http.get("/metrics")).status_code == 404
        await check_socket(port, tls)


async def _name_host(request: httpx.Request) -> None:
    request.extensions["sni_hostname"] = NAME


async def check_sign_in(http: httpx.AsyncClient, engine: AsyncEngine, passwords: Passwords) -> None:
    await Users(http, engine, passwords).make(Role.TEACHER, "grace")
    page = {"X-Veritas-Page": "console", "Origin": PUBLIC}
    answer = await http.post("/auth/login", json={"username": "grace", "password": PASSWORD}, headers=page)
    cookie = answer.headers.get_list("set-cookie")[0]
    assert cookie.startswith("__Host-veritas_console=")
    assert "; Secure" in cookie
    assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


async def check_address(http: httpx.AsyncClient, settings: HubSettings) -> None:
    with capture_logs() as lines:
        await http.post("/auth/login", json={"username": "grace", "password": "wrong"})
    places = [line["place"] for line in lines if line["event"] == "refused"]
    assert places == [make_pseudonym(settings.keys.data, "audit", CLIENT)]


async def check_socket(port: int, tls: ssl.SSLContext) -> None:
    """A handshake from the public origin is accepted, and frames pass in both directions."""
    address = {"host": "127.0.0.1", "port": port, "ssl": tls, "proxy": None}
    async with connect(f"wss://{NAME}/ws/console", origin=PUBLIC, **address) as client:  # type: ignore[arg-type]
        await client.send("no frame")
        async with asyncio.timeout(20):
            await client.wait_closed()
        assert client.close_code not in (None, 1006)


async def test_the_syntax_of_the_caddyfile_is_right() -> None:
    process = await asyncio.create_subprocess_exec(
        *(need("caddy"), "adapt", "--adapter", "caddyfile", "--config", str(PROXIES / "Caddyfile")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()


@pytest.mark.parametrize("program", list(FILES))
def test_no_example_keeps_idle_connections_longer_than_the_hub(program: str) -> None:
    line = {"nginx": "keepalive_timeout 60s;", "haproxy": "timeout http-keep-alive 60s", "caddy": "keepalive 60s"}
    assert line[program] in (PROXIES / FILES[program]).read_text()
