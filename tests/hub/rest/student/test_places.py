"""A monitored attempt shows its paper only beside a connection, and records from where it is read and submitted."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import Exam, User
from hub.auth.passwords import Passwords
from hub.settings import HubSettings
from protocol.roles import Role
from tests.candidates import Candidate, connect, disconnect, system_events
from tests.hub.conftest import PASSWORD, Caller, Users
from tests.seeded_attempts import SeededAttempt, answer, seed_attempt

HUB = uuid4()


@pytest.fixture
async def seeded(engine: AsyncEngine, passwords: Passwords) -> SeededAttempt:
    """Create a running attempt of the student ada."""
    async with engine.begin() as conn:
        made = await seed_attempt(conn)
        await answer(conn, made, "a", "x", 1_000)
        await conn.execute(
            update(User)
            .where(User.id == made.student_id)
            .values(username="ada", password_hash=await passwords.hash(PASSWORD))
        )
    return made


@pytest.fixture
async def ada(users: Users, seeded: SeededAttempt) -> Caller:
    assert seeded
    return await users.sign_in("ada")


class Room:
    """The attempt in the database."""

    def __init__(self, engine: AsyncEngine, seeded: SeededAttempt) -> None:
        self.engine = engine
        self.path = f"/student/exams/{seeded.attempt_id}"
        self.exam_id = seeded.exam_id
        self.candidate = Candidate(seeded.exam_id, seeded.attempt_id, seeded.student_id)

    async def open(self, place: str | None = None) -> int:
        """Open a connection from a place."""
        async with self.engine.begin() as conn:
            return (await connect(conn, self.candidate, HUB, place=place)).generation

    async def close(self, generation: int) -> None:
        async with self.engine.begin() as conn:
            await disconnect(conn, self.candidate, generation)

    async def events(self, *kinds: str) -> list[dict[str, Any]]:
        async with self.engine.connect() as conn:
            found = await system_events(conn, self.candidate.attempt_id)
        return [data for kind, data in found if kind in kinds]


@pytest.fixture
def room(engine: AsyncEngine, seeded: SeededAttempt) -> Room:
    return Room(engine, seeded)


async def test_the_paper_is_shown_only_while_a_client_is_connected(ada: Caller, room: Room) -> None:
    withheld = (await ada.get(room.path)).json()
    assert (withheld["paper"], withheld["items"], withheld["answers"]) == ("stream_required", [], {})
    assert (withheld["status"], withheld["exam"]["title"]) == ("in_progress", "Physics")
    generation = await room.open()
    shown = (await ada.get(room.path)).json()
    assert (shown["paper"], len(shown["items"]), set(shown["answers"])) == ("shown", 3, {"a"})
    await room.close(generation)
    assert (await ada.get(room.path)).json()["paper"] == "stream_required"


async def test_the_paper_of_an_exam_without_monitoring_needs_no_connection_and_records_nothing(
    ada: Caller, room: Room, engine: AsyncEngine
) -> None:
    async with engine.begin() as conn:
        await conn.execute(update(Exam).where(Exam.id == room.exam_id).values(enable_monitoring=False))
    await room.open("there")
    shown = (await ada.get(room.path)).json()
    assert (shown["paper"], len(shown["items"])) == ("shown", 3)
    assert (await ada.post(f"{room.path}/submit")).is_success
    assert await room.events("paper_read", "second_place") == []
    recorded = await room.events("connection_opened", "submitted")
    assert all("place" not in data and "unobserved" not in data for data in recorded)


async def test_an_invigilator_can_waive_the_connection(
    ada: Caller, users: Users, room: Room, engine: AsyncEngine, seeded: SeededAttempt
) -> None:
    await users.make(Role.ADMIN, "root")
    root = await users.sign_in("root")
    path = f"/teacher/attempts/{seeded.attempt_id}/waiver"
    body = {"id": str(uuid4()), "reason": "The network blocks sockets."}
    assert [(await root.post(path, body)).status_code for _ in range(2)] == [204, 204]
    assert (await ada.get(room.path)).json()["paper"] == "shown"
    assert (await ada.post(f"{room.path}/submit")).is_success
    assert [data["reason"] for data in await room.events("stream_waived")] == ["The network blocks sockets."]
    (submitted,) = await room.events("submitted")
    assert "unobserved" not in submitted
    refused = await root.post(path, {**body, "id": str(uuid4())})
    assert refused.status_code == 409


async def test_a_read_is_recorded_once_a_minute_and_place(ada: Caller, room: Room) -> None:
    await room.open()
    for _ in range(3):
        await ada.get(room.path)
    assert len(await room.events("paper_read")) == 1
    ada.http.headers["User-Agent"] = "another browser"
    for _ in range(2):
        await ada.get(room.path)
    first, second = await room.events("paper_read")
    assert first["place"] != second["place"]


async def test_a_reader_in_another_place_than_the_connection_is_visible(ada: Caller, room: Room) -> None:
    await ada.get(room.path)
    await room.open("there")
    await ada.get(room.path)
    (read,) = await room.events("paper_read")
    assert await room.events("second_place") == [{"place": read["place"], "was": "there"}]
    await room.open(read["place"])
    assert (await ada.post(f"{room.path}/submit")).is_success
    assert len(await room.events("second_place")) == 1


async def test_a_submission_records_its_place_and_a_second_one(ada: Caller, room: Room) -> None:
    await room.open("there")
    assert (await ada.post(f"{room.path}/submit")).is_success
    (submitted,) = await room.events("submitted")
    assert submitted["by"] == "student"
    assert "unobserved" not in submitted
    assert await room.events("second_place") == [{"place": submitted["place"], "was": "there"}]


async def test_answers_of_a_student_who_could_never_connect_are_kept_and_named_unobserved(
    ada: Caller, room: Room
) -> None:
    receipt = await ada.post(f"{room.path}/submit", {"answers": [{"item": "a", "value": "y"}]})
    assert (receipt.status_code, receipt.json()["answers"]) == (200, 1)
    (submitted,) = await room.events("submitted")
    assert submitted["unobserved"] is True


async def test_a_sign_in_during_the_attempt_is_recorded(
    ada: Caller, users: Users, room: Room, engine: AsyncEngine, settings: HubSettings
) -> None:
    (first,) = await room.events("signed_in")
    assert first["by"] == "password"
    assert (await ada.post(f"{room.path}/submit")).is_success
    await users.sign_in("ada")
    assert len(await room.events("signed_in")) == 1


async def test_a_new_attempt_records_its_place(users: Users, engine: AsyncEngine) -> None:
    teacher = await users.make(Role.TEACHER, "teacher")
    exam = {"title": "Latin", "duration_minutes": 90, "is_published": True, "enable_monitoring": True}
    exam_id = UUID((await teacher.post("/exams", exam)).json()["exam_id"])
    student = {"students": [{"username": "new-student", "name": "New"}]}
    (created,) = (await teacher.post(f"/exams/{exam_id}/roster", student)).json()
    by_code = await users.sign_in_by_code(created["code"])
    started = (await by_code.start(exam_id)).json()
    again = await users.sign_in_by_code(created["code"])
    assert again.tokens["exam_id"] == str(exam_id)
    async with engine.connect() as conn:
        events = dict(await system_events(conn, UUID(started["attempt_id"])))
    assert events["attempt_started"]["place"] == events["signed_in"]["place"]
    assert events["signed_in"]["by"] == "code"
