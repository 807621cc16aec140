"""The README's first session by hand, word for word: its own lines are what runs."""

import json
import re
import signal
import subprocess
from dataclasses import dataclass

import pytest

from tests.journeys.stack import ROOT, environment, run, up, veritas
from tests.ports import free_port

pytestmark = pytest.mark.timeout(240)


@dataclass(frozen=True)
class Walked:
    """The output of a newcomer's session, and the logs of the processes."""

    sat: str
    watched: list[str]
    admin: subprocess.CompletedProcess[str]
    verified: subprocess.CompletedProcess[str]
    logs: str
    secrets: dict[str, str]


def session() -> list[str]:
    section = (ROOT / "README.md").read_text().partition("## A first session by hand")[2].partition("\n## ")[0]
    return re.findall(r"```bash\n(.*?)```", section, re.DOTALL)


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    data_dir, port = tmp_path_factory.mktemp("veritas"), free_port()
    environ = environment(data_dir, port)
    setup, exam, take, watch = session()
    lines = setup.replace(":8000", f":{port}") + exam.replace(".veritas/", f"{data_dir}/") + take
    with up(environ) as printed:
        assert f"http://127.0.0.1:{port}" in printed
        sat = run(["bash", "-ec", lines + 'echo "$EXAM $TOKEN $CODE"'], environ)
        assert sat.returncode == 0, sat.stdout + sat.stderr
        exam_id, token, code = sat.stdout.splitlines()[-1].split()
        environ |= {"HUB": f"http://127.0.0.1:{port}", "EXAM": exam_id, "TOKEN": token}
        watched = follow(watch, environ)
        password_file = data_dir / "password"
        password_file.write_text("long enough 1\n")
        grace = ("grace", "--name", "Grace Hopper", "--password-file", str(password_file))
        admin = run(veritas("admin", "create", *grace), environ)
        verified = run(veritas("verify"), environ)
    login = json.loads((data_dir / "login.json").read_text())
    secrets = {"password": login["password"], "token": token, "code": code}
    logs = "".join(path.read_text() for path in (data_dir / "hub.log", data_dir / "worker.log"))
    return Walked(sat.stdout, watched, admin, verified, logs, secrets)


def follow(line: str, environ: dict[str, str]) -> list[str]:
    """Read the teacher's output until both flags are shown."""
    process = subprocess.Popen(["bash", "-c", f"exec {line}"], env=environ, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    shown: list[str] = []
    try:
        for text in process.stdout:
            shown.append(text.rstrip())
            if sum("left_" in line for line in shown) == 2:
                break
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    finally:
        process.kill()
    return shown


def test_the_candidates_events_are_acknowledged(walked: Walked) -> None:
    assert "8 of 8 events are acknowledged" in walked.sat


def test_the_teacher_sees_the_exam_and_both_flags(walked: Walked) -> None:
    assert walked.watched[0] == "Physics: 1 attempts"
    assert {line.split()[1] for line in walked.watched[1:]} == {"left_page:", "left_then_pasted:"}


def test_an_account_is_made_beside_the_running_stack(walked: Walked) -> None:
    assert walked.admin.returncode == 0, walked.admin.stderr
    assert "grace" in walked.admin.stdout


def test_the_record_keeps_its_laws(walked: Walked) -> None:
    assert walked.verified.returncode == 0, walked.verified.stdout


def test_logs_are_one_json_object_a_line(walked: Walked) -> None:
    lines = [json.loads(line) for line in walked.logs.splitlines()]
    assert {"hub", "worker"} == {line["process"] for line in lines}


@pytest.mark.parametrize("secret", ["password", "token", "code"])
def test_no_secret_is_in_any_log(walked: Walked, secret: str) -> None:
    assert walked.secrets[secret]
    assert walked.secrets[secret] not in walked.logs
