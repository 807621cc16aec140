"""Errors that stop a start, in one line each. `test_kills.py` runs a class while processes are killed."""

import socket
from pathlib import Path

import pytest

from tests.journeys.stack import environment, run, veritas
from tests.ports import free_port


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"VERITAS_PORT": "eighty"}, "VERITAS_PORT"),
        ({"VERITAS_JWT_SECRET": "short"}, "VERITAS_JWT_SECRET must have at least 32 bytes"),
        ({"VERITAS_DATABASE_URL": "mysql://x", "VERITAS_REDIS_URL": "redis://x"}, "VERITAS_DATABASE_URL must start"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line_that_names_it(
    tmp_path: Path, changes: dict[str, str], line: str
) -> None:
    environ = environment(tmp_path / "data", free_port()) | changes
    ended = run(veritas("up"), environ)
    assert ended.returncode == 2
    assert line in ended.stderr
    assert len([text for text in ended.stderr.splitlines() if not text.startswith("{")]) == 1


def test_a_port_in_use_stops_the_start_with_one_line_that_names_it(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run(veritas("up"), environment(tmp_path / "data", port))
    assert ended.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr
