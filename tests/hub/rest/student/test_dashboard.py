from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import Exam, StudentProfile, User
from hub.auth.passwords import Passwords
from protocol.roles import Role
from tests.hub.conftest import PASSWORD, Caller, Users
from tests.seeded_attempts import answer, end, seed_attempt


async def test_a_students_dashboard_has_the_attempts_and_never_a_risk(
    users: Users, engine: AsyncEngine, passwords: Passwords
) -> None:
    async with engine.begin() as conn:
        seeded = await seed_attempt(conn, passing=1)
        await answer(conn, seeded, "a", "x", 1_000)
        await end(conn, seeded)
        await conn.execute(
            update(User)
            .where(User.id == seeded.student_id)
            .values(username="ada", password_hash=await passwords.hash(PASSWORD))
        )
        await conn.execute(update(Exam).values(results_released_at=func.now()))
    ada = await users.sign_in("ada")
    page = (await ada.get("/student/dashboard")).json()
    assert page["profile"]["username"] == "ada"
    assert [(attempt["attempt_id"], attempt["score"]) for attempt in page["exam_history"]] == [
        (str(seeded.attempt_id), 2)
    ]
    assert page["integrity"] == {"score": None, "status": "unknown"}
    assert page["dropout_risk"] == {"label": None, "flagged": False}
    assert page["summary"] == {"total_exams": 1, "passed": 1, "average_score": 20}


async def test_a_dashboard_without_exams_exists_for_students_only(users: Users, engine: AsyncEngine) -> None:
    eve = await users.make(Role.STUDENT, "eve")
    async with engine.begin() as conn:
        await conn.execute(
            update(StudentProfile).values(
                cumulative_integrity_score=0.75, current_dropout_risk="copy", flagged_for_review=True
            )
        )
    page = (await eve.get("/student/dashboard")).json()
    assert page["exam_history"] == []
    assert page["integrity"] == {"score": 0.75, "status": "good"}
    assert page["dropout_risk"] == {"label": None, "flagged": False}
    assert page["summary"] == {"total_exams": 0, "passed": 0, "average_score": None}
    teacher: Caller = await users.make(Role.TEACHER, "teacher")
    assert (await teacher.get("/student/dashboard")).status_code == 403
    assert (await users.anonymous.get("/student/dashboard")).status_code == 401
