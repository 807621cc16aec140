"""The demo, word for word as the README has it: its own report is the judge."""

import json
import socket
from pathlib import Path

import pytest

from judgement.rules import RULES
from tests.journeys.stack import environment, free_port, run, veritas

pytestmark = pytest.mark.timeout(240)


def test_a_class_at_work_loses_nothing_and_raises_exactly_the_right_flags(tmp_path: Path) -> None:
    environ, report_file = environment(tmp_path / "data", free_port()), tmp_path / "demo.json"
    arguments = ("demo", "--students", "40", "--seconds", "40", "--headless", "--json", str(report_file))
    ended = run(veritas(*arguments), environ, timeout_s=200)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = json.loads(report_file.read_text())
    assert report["students"] == 40
    assert report["sent"] == report["acked"] == report["stored"] > 40 * 40
    assert report["flags_raised"] == report["flags_seen"] > 0
    assert report["expected_flags_missing"] == report["unexpected_flags"] == []
    assert set(report["flags_by_rule"]) == {rule.id for rule in RULES}
    verified = run(veritas("verify"), environ)
    assert verified.returncode == 0, verified.stdout + verified.stderr


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
