"""A teacher's and two students' whole day, over HTTP and sockets, at the real processes: from an exam to its export."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from protocol.attempts import AttemptStatus
from protocol.console import Command, Delta, Snapshot
from protocol.monitor import Attempt, Instruct
from tests.journeys.processes import until
from tests.journeys.stack import environment, run, up, veritas
from tests.ports import free_port
from veritas.client import USER_AGENT, Candidate, Console
from veritas.rest import socket_url

pytestmark = pytest.mark.timeout(240)

ITEMS = [
    {
        "item": "q1",
        "kind": "choice",
        "prompt": "What is force?",
        "choices": ["m·a", "m/a"],
        "answer_key": "m·a",
        "points": 2,
    },
    {
        "item": "q2",
        "kind": "number",
        "prompt": "g in m/s²?",
        "answer_key": {"value": 9.81, "tolerance": 0.05},
        "points": 3,
    },
    {"item": "q3", "kind": "text", "prompt": "Why do things fall?", "points": 5},
]
ROSTER = "username,name\nada,Ada Example\nmax,Max Muster\n"
ESSAY = "Because mass bends what is around it, and everything follows the bend."


class Principal:
    """A user who is signed in over HTTP."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}"}
        self.token = token

    async def ask(self, method: str, path: str, body: Any = None, *, status: int | None = None, **more: Any) -> Any:
        """Ask; anything but what was expected ends the day."""
        answer = await self.request(method, path, body, **more)
        assert answer.status_code == status if status else answer.is_success, (method, path, answer.text)
        return answer.json() if "json" in answer.headers.get("content-type", "") else answer.text

    async def request(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        headers = self._headers | more.pop("headers", {})
        return await self._http.request(method, path, json=body, headers=headers, **more)

    async def ticket(self, purpose: str) -> str:
        return str((await self.ask("POST", "/auth/ws-ticket", {"purpose": purpose}))["ticket"])


class Day:
    """The results of every step, for the tests."""

    def __init__(self) -> None:
        self.exam: dict[str, Any] = {}
        self.codes: dict[str, str] = {}
        self.paper: dict[str, Any] = {}
        self.flags: list[dict[str, Any]] = []
        self.message: str | None = None
        self.receipts: list[dict[str, Any]] = []
        self.early: dict[str, Any] = {}
        self.graded: dict[str, Any] = {}
        self.reviewed: list[dict[str, Any]] = []
        self.scores: list[float | None] = []
        self.monitoring: dict[str, Any] = {}
        self.analytics: dict[str, Any] = {}
        self.record: dict[str, Any] = {}
        self.dashboards: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, str]] = []
        self.exported: list[dict[str, str]] = []
        self.audit: list[dict[str, Any]] = []
        self.refused: dict[str, int | str] = {}
        self.ended: Attempt | None = None
        self.verified: str = ""


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    data_dir, port = tmp_path_factory.mktemp("veritas"), free_port()
    environ = environment(data_dir, port)
    made = Day()
    with up(environ):
        asyncio.run(live(made, data_dir, port))
        verified = run(veritas("verify", "--reproduce"), environ)
        made.verified = verified.stdout if verified.returncode == 0 else f"✗ {verified.stdout}{verified.stderr}"
    return made


async def live(day: Day, data_dir: Path, port: int) -> None:
    agent = {"User-Agent": USER_AGENT}
    address = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=address, headers=agent, trust_env=False, timeout=30) as http:
        teacher = await sign_in(http, "/auth/login", json.loads((data_dir / "login.json").read_text()))
        await prepare(day, teacher)
        ada = await sign_in(http, "/auth/code", {"code": day.codes["ada"]})
        max_ = await sign_in(http, "/auth/code", {"code": day.codes["max"]})
        await take_exam(day, teacher, ada, max_)
        await conclude(day, teacher, ada)
        await look_back(day, teacher, ada, max_)


async def sign_in(http: httpx.AsyncClient, path: str, body: object) -> Principal:
    answer = await http.post(path, json=body)
    assert answer.is_success, answer.text
    return Principal(http, answer.json()["access_token"])


async def prepare(day: Day, teacher: Principal) -> None:
    """Morning: an exam with items and a policy, a roster from a spreadsheet, published."""
    made = await teacher.ask(
        "POST",
        "/exams",
        {"title": "Physics", "subject": "Physics", "duration_minutes": 60, "passing_score": 5},
        status=201,
    )
    exam = made["exam_id"]
    await teacher.ask("PUT", f"/exams/{exam}/items", {"items": ITEMS})
    policy = (await teacher.ask("GET", f"/exams/{exam}/policy"))["policy"]
    policy["rules"]["left_page"]["times"] = 2
    bad = await teacher.request("PUT", f"/exams/{exam}/policy", {"policy": {"rules": {"left_page": {"times": 0}}}})
    day.refused["policy"] = bad.json()["errors"][0]["path"]
    await teacher.ask("PUT", f"/exams/{exam}/policy", {"policy": policy})
    csv_headers = {"content-type": "text/csv"}
    roster = await teacher.ask("POST", f"/exams/{exam}/roster", headers=csv_headers, content=ROSTER)
    day.codes = {student["username"]: student["code"] for student in roster}
    await teacher.ask("POST", f"/exams/{exam}/publish")
    day.exam = await teacher.ask("GET", f"/exams/{exam}")
    day.refused["unpublish"] = 0


@asynccontextmanager
async def console(teacher: Principal, port_url: str, exam: UUID, day: Day) -> AsyncIterator[Console]:
    """The teacher's console, every row of the feed noted down."""
    async with Console(socket_url(port_url, "/ws/console"), lambda: teacher.ticket("console"), proxy=None) as room:
        await room.watch(exam)

        async def follow() -> None:
            async for frame in room:
                if isinstance(frame, Delta) and frame.kind == "flag":
                    day.flags.append(json.loads(bytes(frame.body)))
                if isinstance(frame, Delta) and frame.kind == "score":
                    day.scores.append(json.loads(bytes(frame.body))["integrity"])
                if isinstance(frame, Snapshot):
                    watching.set()

        watching = asyncio.Event()
        following = asyncio.create_task(follow())
        await asyncio.wait_for(watching.wait(), 10)
        try:
            yield room
        finally:
            following.cancel()


async def take_exam(day: Day, teacher: Principal, ada: Principal, max_: Principal) -> None:
    """Noon: two candidates take the exam. One leaves, pastes and submits, the other is ended by the teacher."""
    base_url, exam = str(teacher._http.base_url), UUID(day.exam["exam_id"])
    (listed,) = (await ada.ask("GET", "/student/exams"))["items"]
    read = {"notice": listed["notice"]["version"]}
    started = await ada.ask("POST", f"/student/exams/{exam}/start", read)
    again = await ada.ask("POST", f"/student/exams/{exam}/start", {})
    assert again["attempt_id"] == started["attempt_id"]
    attempt = UUID(started["attempt_id"])
    other = UUID((await max_.ask("POST", f"/student/exams/{exam}/start", read))["attempt_id"])
    day.refused["unpublish"] = (await teacher.request("POST", f"/exams/{exam}/unpublish")).status_code
    for each, path in ((ada, attempt), (max_, other)):
        withheld = await each.ask("GET", f"/student/exams/{path}")
        assert (withheld["paper"], withheld["items"]) == ("stream_required", []), "read without a connection"
    waiver = {"id": str(uuid4()), "reason": "The network of the room blocks sockets."}
    assert (await teacher.request("POST", f"/teacher/attempts/{other}/waiver", waiver)).status_code == 204
    assert len((await max_.ask("GET", f"/student/exams/{other}"))["items"]) == 3
    url = socket_url(base_url, "/ws/monitor")

    async def listen(instruct: Instruct) -> None:
        day.message = instruct.body["text"]

    async with console(teacher, base_url, exam, day) as room:
        async with Candidate(
            url,
            attempt,
            lambda: ada.ticket("monitor"),
            on_instruction=listen,
            alive_ms=500,
            proxy=None,
        ) as client:
            client.record("answered", {"item": "q1", "value": "m/a"})
            client.record("answered", {"item": "q1", "value": "m·a"})
            client.record("answered", {"item": "q2", "value": 9.8})
            client.record("draft_saved", {"item": "q3", "text": ESSAY[:30]})
            for _ in range(2):
                client.record("window_blur")
                await asyncio.sleep(0.8)  # longer than flicker
                client.record("window_focus")
            client.record("paste", {"chars": 200, "item": "q3"})
            client.record("draft_saved", {"item": "q3", "text": ESSAY})
            await client.drained(10)
            await until(lambda: {flag["rule"] for flag in day.flags} >= {"left_page", "left_then_pasted"})
            await room.message(exam, "Five more minutes.", to=[attempt])
            await until(lambda: day.message)
            day.paper = await ada.ask("GET", f"/student/exams/{attempt}")
            receipt = {"stream": str(client.stream), "last_seq": client.acked}
            day.receipts.append(await ada.ask("POST", f"/student/exams/{attempt}/submit", receipt))
        day.receipts.append(await ada.ask("POST", f"/student/exams/{attempt}/submit", {}))

        async with Candidate(url, other, lambda: max_.ticket("monitor"), proxy=None) as late:
            late.record("answered", {"item": "q1", "value": "m/a"})
            await late.drained(10)
            reason = "Left the room with the paper."
            result = await room.command(Command(id=uuid4(), exam_id=exam, action="end", to=[other], reason=reason))
            assert result.outcomes[0].ok, result
            await asyncio.wait_for(late.finished(), 10)
            day.ended = late.attempt


async def conclude(day: Day, teacher: Principal, ada: Principal) -> None:
    """Afternoon: the teacher grades, reads the evidence, decides, and releases."""
    attempt, exam = day.receipts[0]["attempt_id"], day.exam["exam_id"]
    monitoring = f"/teacher/attempts/{attempt}/monitoring"
    day.early = await record_of(ada, attempt)
    day.refused["student sees keys"] = (await ada.request("GET", f"/teacher/attempts/{attempt}/answers")).status_code
    grades = [{"item": "q3", "points": 4, "comment": "well explained"}]
    day.graded = await teacher.ask("POST", f"/teacher/attempts/{attempt}/grade", {"grades": grades, "final": True})
    for flag in await flags_of(teacher, exam):
        decision = "confirmed" if flag["rule"] == "left_then_pasted" else "dismissed"
        body = {"id": str(uuid4()), "decision": decision, "seen": "open", "reason": "read the timeline"}
        day.reviewed.append(await teacher.ask("POST", f"/teacher/flags/{flag['flag_id']}/review", body))
        assert (await teacher.ask("POST", f"/teacher/flags/{flag['flag_id']}/review", body))["status"] == decision

    async def analyzed() -> dict[str, Any] | None:
        found = await teacher.ask("GET", monitoring, params={"limit": 200})
        analysis = found["behavior_analysis"]
        return found if analysis and analysis["state"] == "done" and analysis["revision"] > 1 else None

    async with asyncio.timeout(30):
        while (found := await analyzed()) is None:  # noqa: ASYNC110 - it is another process's
            await asyncio.sleep(0.2)
    day.monitoring = found
    await teacher.ask("POST", f"/exams/{exam}/release")


async def record_of(student: Principal, attempt: str) -> dict[str, Any]:
    """The record that a student reads, when the analysis is done."""
    async with asyncio.timeout(30):
        while (found := await student.ask("GET", f"/student/exams/{attempt}"))["record"] is None:  # noqa: ASYNC110 - a worker's
            await asyncio.sleep(0.2)
    return dict(found)


async def flags_of(teacher: Principal, exam: str) -> list[dict[str, Any]]:
    flags: list[dict[str, Any]] = (await teacher.ask("GET", f"/teacher/exams/{exam}/flags"))["items"]
    return flags


async def look_back(day: Day, teacher: Principal, ada: Principal, max_: Principal) -> None:
    """Evening: analytics, records, exports, the trail."""
    attempt, exam = day.receipts[0]["attempt_id"], day.exam["exam_id"]
    day.analytics = await teacher.ask("GET", f"/teacher/exams/{exam}/analytics")
    day.record = await ada.ask("GET", f"/student/exams/{attempt}")
    day.dashboards = {
        "student": await ada.ask("GET", "/student/dashboard"),
        "teacher": await teacher.ask("GET", "/teacher/dashboard"),
    }
    day.refused["neighbour"] = (await max_.request("GET", f"/student/exams/{attempt}")).status_code
    day.events = rows(await teacher.ask("GET", f"/teacher/attempts/{attempt}/events.csv"))
    day.exported = rows(await teacher.ask("GET", f"/teacher/exams/{exam}/flags.csv"))
    day.refused["audit"] = (await teacher.request("GET", "/admin/audit")).status_code


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_an_exam_is_published_with_items_worth_points(day: Day) -> None:
    assert (day.exam["is_published"], day.exam["max_score"], day.exam["items_version"]) == (True, 10, 1)


def test_a_bad_policy_is_refused_with_its_path(day: Day) -> None:
    assert day.refused["policy"] == "$.policy.rules.left_page.times"


def test_an_exam_with_a_running_attempt_cannot_be_unpublished(day: Day) -> None:
    assert day.refused["unpublish"] == 409


def test_stored_answers_are_restored_on_another_device_without_keys(day: Day) -> None:
    answers = {item: saved["value"] for item, saved in day.paper["answers"].items()}
    assert answers == {"q1": "m·a", "q2": 9.8, "q3": ESSAY}
    assert [item["item"] for item in day.paper["items"]] == ["q1", "q2", "q3"]
    assert "answer_key" not in json.dumps(day.paper)


def test_the_message_arrived(day: Day) -> None:
    assert day.message == "Five more minutes."


def test_handing_in_twice_gives_the_same_receipt(day: Day) -> None:
    first, second = day.receipts
    assert first == second
    assert (first["status"], first["answers"]) == ("completed", 3)


def test_nothing_is_final_before_a_review(day: Day) -> None:
    assert day.early["record"]["flags"] == []
    assert day.early["record"]["grade_final"] is False


def test_the_key_and_a_grader_grade_together(day: Day) -> None:
    given = {item["item"]: item["given"]["points"] for item in day.graded["items"]}
    assert given == {"q1": 2, "q2": 3, "q3": 4}
    assert (day.graded["score"], day.graded["percentage"], day.graded["passed"]) == (9, 90, True)
    assert day.graded["grade_final"] is True


def test_a_review_moves_the_score_on_the_board(day: Day) -> None:
    assert {flag["status"] for flag in day.reviewed} == {"confirmed", "dismissed"}
    assert day.monitoring["behavior_analysis"]["integrity_score"] > min(
        score for score in day.scores if score is not None
    )


def test_the_analysis_after_the_end_names_its_source(day: Day) -> None:
    analysis = day.monitoring["behavior_analysis"]
    assert (analysis["llm_model_version"], analysis["model_state"]) == ("rules", "off")
    assert analysis["llm_summary"]
    assert day.monitoring["anomaly_events"] > 0


def test_a_teacher_ended_an_attempt_and_its_client_received_it(day: Day) -> None:
    assert day.ended is not None
    assert day.ended.status is AttemptStatus.ENDED


def test_the_analytics_count_both_attempts(day: Day) -> None:
    assert day.analytics["analytics"]["total_attempts"] == 2
    assert {student["name"] for student in day.analytics["students"]} == {"Ada Example", "Max Muster"}


def test_the_student_reads_what_was_recorded_and_concluded(day: Day) -> None:
    record = day.record["record"]
    assert (record["score"], record["passed"], record["released"]) == (9, True, True)
    assert {flag["status"] for flag in record["flags"]} == {"confirmed", "dismissed"}
    assert {"paste", "window_blur", "answered"} <= {event["event_type"] for event in record["recorded"]}
    assert "label" not in json.dumps(record)


def test_the_dashboards_have_the_references_keys(day: Day) -> None:
    assert {"profile", "exam_history", "integrity", "dropout_risk", "summary"} <= day.dashboards["student"].keys()
    assert day.dashboards["student"]["summary"]["total_exams"] == 1
    assert day.dashboards["teacher"]["exams"]


def test_the_attempt_of_another_student_is_not_found(day: Day) -> None:
    assert day.refused["neighbour"] == 404
    assert day.refused["student sees keys"] == 403
    assert day.refused["audit"] == 403


def test_events_and_flags_are_exported(day: Day) -> None:
    assert len(day.events) == day.monitoring["total_events"]
    assert {row["rule"] for row in day.exported} >= {"left_page", "left_then_pasted"}


def test_the_record_keeps_its_laws_and_folds_again(day: Day) -> None:
    assert "every coverage of an analyzed attempt follows from what was observed" in day.verified
    assert "✗" not in day.verified
