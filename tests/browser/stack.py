"""Veritas as real processes for the browser tests: hub, worker, PostgreSQL and Valkey under their supervisor."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.journeys.processes import kill_child, until
from tests.journeys.stack import ROOT, UP_S, environment, veritas
from tests.ports import free_port

ITEMS: list[dict[str, Any]] = [
    {
        "item": "q1",
        "kind": "choice",
        "prompt": "Which of these is a vector?",
        "choices": ["mass", "velocity", "energy"],
        "points": 2,
        "answer_key": "velocity",
    },
    {
        "item": "q2",
        "kind": "multiple",
        "prompt": "Which units belong to the SI?",
        "choices": ["metre", "mile", "second", "pound"],
        "points": 2,
        "answer_key": ["metre", "second"],
    },
    {
        "item": "q3",
        "kind": "number",
        "prompt": "How far does a train at 20 m/s go in a minute, in metres?",
        "choices": [],
        "points": 3,
        "answer_key": {"value": 1200, "tolerance": 1},
    },
    {
        "item": "q4",
        "kind": "text",
        "prompt": "Explain why astronauts in orbit float.",
        "choices": [],
        "points": 5,
        "answer_key": None,
    },
]
"""One item of each kind."""


@dataclass
class Stack:
    """A running `veritas up`. `login` belongs to its teacher."""

    base_url: str
    pid: int
    environ: dict[str, str]
    login: dict[str, str]

    async def kill_hub(self) -> None:
        """Kill the hub with SIGKILL and wait until its successor responds."""
        await kill_child(self.pid, "veritas.cli serve")
        async with httpx.AsyncClient(base_url=self.base_url, trust_env=False) as http:

            async def is_ready() -> bool:
                try:
                    return (await http.get("/health/ready")).is_success
                except httpx.TransportError:
                    return False

            while not await is_ready():
                await until(lambda: True)

    @contextmanager
    def teacher(self) -> Iterator["TeacherApi"]:
        """Return the teacher's REST client, for the steps that a test does not do in the browser."""
        with httpx.Client(base_url=self.base_url, trust_env=False, timeout=30) as http:
            teacher_api = TeacherApi(http)
            teacher_api.sign_in(self.login)
            yield teacher_api


@dataclass
class TeacherApi:
    """REST calls of one teacher. Each returns the response, or fails the test."""

    http: httpx.Client

    def sign_in(self, login: dict[str, str]) -> None:
        token = self.post("/auth/login", login)["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **params: Any) -> Any:
        return self._read(self.http.get(path, params=params))

    def post(self, path: str, body: Any = None) -> Any:
        return self._read(self.http.post(path, json=body))

    def put(self, path: str, body: Any) -> Any:
        return self._read(self.http.put(path, json=body))

    def create_exam(self, title: str, students: dict[str, str], minutes: int = 60) -> tuple[str, dict[str, str]]:
        """Publish an exam with one item of each kind. Returns its id, and the students' codes by username."""
        exam_id = self.post("/exams", {"title": title, "duration_minutes": minutes, "preset": "browser"})["exam_id"]
        self.put(f"/exams/{exam_id}/items", {"items": ITEMS})
        entrants = [{"username": username, "name": name} for username, name in students.items()]
        codes = self.post(f"/exams/{exam_id}/roster", {"students": entrants})
        self.post(f"/exams/{exam_id}/publish")
        return exam_id, {entrant["username"]: entrant["code"] for entrant in codes}

    def set_rule(self, exam_id: str, rule: str, **settings: Any) -> None:
        """Change the settings of one rule in an exam's policy."""
        policy = self.get(f"/exams/{exam_id}/policy")["policy"]
        policy["rules"].setdefault(rule, {}).update(settings)
        self.put(f"/exams/{exam_id}/policy", {"policy": policy})

    def attempt_of(self, exam_id: str, name: str) -> str:
        attempts = self.get(f"/teacher/exams/{exam_id}/attempts")["items"]
        (attempt_id,) = [attempt["attempt_id"] for attempt in attempts if attempt["name"] == name]
        return str(attempt_id)

    def events_of(self, exam_id: str, name: str) -> list[str]:
        """Return the types of a student's first events."""
        attempt_id = self.attempt_of(exam_id, name)
        events = self.get(f"/teacher/attempts/{attempt_id}/monitoring", limit=100)["events_timeline"]
        return [event["event_type"] for event in events]

    def answers_of(self, exam_id: str, name: str) -> dict[str, Any]:
        """Return a student's answers by item, without unanswered items."""
        items = self.get(f"/teacher/attempts/{self.attempt_of(exam_id, name)}/answers")["items"]
        return {item["item"]: item["answer"]["value"] for item in items if item["answer"] is not None}

    @staticmethod
    def _read(answer: httpx.Response) -> Any:
        assert answer.is_success, f"{answer.request.method} {answer.request.url.path}: {answer.text}"
        return answer.json() if answer.content else None


@contextmanager
def run_stack(data_dir: Path, **settings: str) -> Iterator[Stack]:
    """Run `veritas up` in a separate folder with these settings, and end it with SIGINT."""
    port = free_port()
    environ = environment(data_dir, port) | settings
    process = subprocess.Popen(veritas("up"), env=environ, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "Ctrl-C" in line:
                break
        else:
            raise AssertionError(f"veritas up ended with {process.wait(UP_S)}: its output is above")
        login = json.loads((data_dir / "login.json").read_text())
        yield Stack(f"http://127.0.0.1:{port}", process.pid, environ, login)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=UP_S)
