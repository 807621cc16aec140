"""Data for the tests of all views: an exam with running, submitted and missing attempts, flags, decisions and grades.

Created through REST and with real clients.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from tests.browser.stack import Stack, TeacherApi
from tests.journeys.processes import until
from veritas.client import Candidate
from veritas.rest import Rest, UserSession
from veritas.simulation.students import make_roster

AWAY_S: Final = 0.6
"""A little longer than the absences that rules ignore."""

DRAFTS: Final = (
    "Astronauts float because",
    "Astronauts float because they fall around the Earth",
    "Astronauts float because they fall around the Earth with their ship, so nothing presses them to its floor.",
)


@dataclass
class Scene:
    """Ids of the created exam, its attempts and students, and the codes of the students."""

    exam_id: str
    draft_id: str
    attempts: dict[str, str] = field(default_factory=dict)
    students: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Behavior:
    """The behavior of one student: how often they leave the page and paste, and whether they submit."""

    leaves: int = 0
    pastes: int = 0
    submits: bool = False


BEHAVIORS: Final = (
    Behavior(submits=True),
    Behavior(leaves=1, pastes=1, submits=True),
    Behavior(leaves=3, submits=True),
    Behavior(),
    Behavior(leaves=1, pastes=1),
    Behavior(leaves=3, pastes=1),
    Behavior(),
)
"""Behaviors of the first students of the roster. The others have not started."""


@asynccontextmanager
async def create_scene(stack: Stack, size: int = 9, pace: float = 1.0) -> AsyncIterator[Scene]:
    """Create the scene. Running attempts stay connected during the block; a higher `pace` makes them slower."""
    roster = make_roster(size)
    with stack.teacher() as teacher_api:
        names = {student["username"]: student["name"] for student in roster}
        exam_id, codes = teacher_api.create_exam("Mechanics, final exam", names)
        draft_id = teacher_api.post("/exams", {"title": "Optics, draft", "duration_minutes": 45})["exam_id"]
        scene = Scene(exam_id, draft_id)
        scene.codes = {names[username]: code for username, code in codes.items()}
        async with AsyncExitStack() as clients, Rest(stack.base_url) as rest:
            players = [
                _play(clients, rest, exam_id, codes[student["username"]], part, pace)
                for student, part in zip(roster, BEHAVIORS, strict=False)
            ]
            await asyncio.gather(*players)
            await _decide(teacher_api, scene)
            yield scene


async def _play(clients: AsyncExitStack, rest: Rest, exam_id: str, code: str, part: Behavior, pace: float) -> None:
    session = await rest.sign_in_by_code(code)
    attempt_id = await session.start(UUID(exam_id))
    client = Candidate(
        rest.socket_urls("/ws/monitor"),
        attempt_id,
        lambda: session.ticket("monitor"),
        get_token=session.access,
        proxy=None,
    )
    await clients.enter_async_context(client)
    client.record("fullscreen_enter")
    client.record("answered", {"item": "q1", "value": "velocity" if part.leaves < 3 else "mass", "ms": 9_000})
    client.record("answered", {"item": "q3", "value": 1200, "ms": 30_000})
    for draft in DRAFTS:
        await asyncio.sleep(pace - 1.0)
        client.record("typing", {"item": "q4", "chars": len(draft) // 3, "ms": 8_000})
        client.record("draft_saved", {"item": "q4", "text": draft})
    for number in range(part.leaves):
        client.record("tab_hidden")
        await asyncio.sleep(AWAY_S * pace)
        client.record("tab_visible")
        if number < part.pastes:
            await asyncio.sleep(0.2 * pace)
            client.record("paste", {"item": "q4", "chars": 340})
    await client.drained(30)
    if part.submits:
        await _submit(rest, session, attempt_id)


async def _submit(rest: Rest, session: UserSession, attempt_id: UUID) -> None:
    token = (await session.access()).token
    await rest.post(f"/student/exams/{attempt_id}/submit", {}, dict, token)


async def _decide(teacher_api: TeacherApi, scene: Scene) -> None:
    """Wait for all flags, then decide about two of them and grade one attempt."""

    def rows() -> list[dict[str, Any]]:
        return list(teacher_api.get(f"/teacher/exams/{scene.exam_id}/attempts")["items"])

    def flags() -> list[dict[str, Any]]:
        return list(teacher_api.get(f"/teacher/exams/{scene.exam_id}/flags")["items"])

    expected = sum(part.pastes for part in BEHAVIORS) + sum(part.leaves >= 3 for part in BEHAVIORS)
    found = await until(lambda: flags() if len(flags()) >= expected else None, 60)
    for row in rows():
        scene.attempts[row["name"]] = row["attempt_id"]
        scene.students[row["name"]] = row["student_id"]
    for flag, decision in zip(found, ("confirmed", "dismissed"), strict=False):
        body = {"id": str(uuid.uuid4()), "decision": decision, "seen": "open", "reason": "I checked the timeline."}
        teacher_api.post(f"/teacher/flags/{flag['flag_id']}/review", body)
    ended = next(row for row in rows() if row["completed_at"] is not None)
    grades = {"grades": [{"item": "q4", "points": 4, "comment": "Well put."}], "final": True}
    teacher_api.post(f"/teacher/attempts/{ended['attempt_id']}/grade", grades)
