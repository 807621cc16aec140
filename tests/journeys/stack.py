"""Real processes for journeys: all of Veritas, started from its command line in a separate folder."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
UP_S = 60


def environment(data_dir: Path, port: int) -> dict[str, str]:
    """The caller's environment without its settings, with a separate data directory and port."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VERITAS_")}
    return inherited | {"VERITAS_DATA_DIR": str(data_dir), "VERITAS_PORT": str(port)}


def veritas(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "veritas.cli", *arguments]


def run(arguments: list[str], environ: Mapping[str, str], timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=timeout_s, check=False
    )


@contextmanager
def up(environ: Mapping[str, str]) -> Iterator[str]:
    """`veritas up`, from its first line of output that says it is up, to Ctrl-C; yields what it printed until then."""
    process = subprocess.Popen(
        veritas("up"), env=environ, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        printed = ""
        assert process.stdout is not None
        for line in process.stdout:
            printed += line
            if "Ctrl-C" in line:
                break
        else:
            assert process.stderr is not None
            raise AssertionError(f"veritas up ended: {printed}{process.stderr.read()}")
        yield printed
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=UP_S)
