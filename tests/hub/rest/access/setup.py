"""Two exams with everything that a route needs, and one signed-in caller of each kind."""

from uuid import UUID, uuid4

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import Exam, ExamItem, TeacherExamPermission, User
from db.queries.attempts.end import end_attempt
from db.queries.exams import rosters
from db.queries.exams.rosters import RosterLine
from judgement import grading
from judgement.policy import preset, write_policy
from protocol.attempts import ItemKind
from protocol.roles import Permission, Role
from tests.factories import make_attempt, make_exam, make_flag, make_stream, make_user, store_events
from tests.hub.conftest import Caller, Users
from tests.seeded_attempts import ending


class AccessSetup:
    """`ids` has the values of path parameters; `other_exam` has those of the other exam."""

    def __init__(self, users: Users, engine: AsyncEngine) -> None:
        self.users = users
        self.engine = engine
        self.callers: dict[str, Caller] = {"anonymous": users.anonymous}
        self.usernames: dict[str, str] = {}
        self.ids: dict[str, object] = {}
        self.other_exam: dict[str, object] = {}

    async def open(self) -> "AccessSetup":
        for name, role in _ROLES.items():
            username = name.replace(" ", "-")
            self.callers[name] = await self.users.make(role, username)
            self.usernames[name] = username
        self.ids = await self._create_exam("the creator", "the student")
        self.other_exam = await self._create_exam("a teacher of another exam", "a student of another exam")
        async with self.engine.begin() as conn:
            for permission in Permission:
                row = {"exam_id": self.ids["exam_id"], "teacher_id": self.user_id(permission), permission: True}
                await conn.execute(insert(TeacherExamPermission).values(row))
        key = {"name": "checker", "scopes": ["analysis"]}
        given = (await self.callers["an administrator"].post("/admin/service-keys", key)).json()
        self.ids["key_id"] = given["key_id"]
        program = self.callers["a program with a key"] = Caller(self.users.anonymous.http)
        program.tokens = {"access_token": given["key"]}
        return self

    def user_id(self, caller: str) -> UUID:
        return UUID(self.callers[caller].tokens["user"]["id"])

    @property
    def exam_id(self) -> UUID:
        return _uuid(self.ids["exam_id"])

    @property
    def attempt_id(self) -> UUID:
        return _uuid(self.ids["attempt_id"])

    async def new_session(self, caller: str) -> Caller:
        """Sign the same user in again."""
        return await self.users.sign_in(self.usernames[caller]) if caller in self.usernames else self.callers[caller]

    async def version(self) -> int:
        async with self.engine.connect() as conn:
            found = await conn.execute(select(Exam.version).where(Exam.id == self.exam_id))
            return int(found.scalar_one())

    async def attempt(self) -> UUID:
        """Start an attempt of another student."""
        async with self.engine.begin() as conn:
            return await make_attempt(conn, self.exam_id, await make_user(conn))

    async def hide(self) -> None:
        """Make the exam a draft again."""
        async with self.engine.begin() as conn:
            await conn.execute(update(Exam).where(Exam.id == self.exam_id).values(is_published=False))

    async def flag(self) -> UUID:
        """Raise a flag without a decision."""
        async with self.engine.begin() as conn:
            return await make_flag(conn, self.attempt_id, episode=str(uuid4()))

    async def student_on_roster(self) -> UUID:
        async with self.engine.begin() as conn:
            student = await make_user(conn)
            await rosters.enroll(conn, self.exam_id, [RosterLine(student)])
        return student

    async def account(self, role: Role) -> tuple[UUID, str]:
        """Create an account; return its id and username."""
        async with self.engine.begin() as conn:
            user_id = await make_user(conn, role=role)
            username = (await conn.execute(select(User.username).where(User.id == user_id))).scalar_one()
        return user_id, str(username)

    async def seeded(self, student: str = "the student") -> UUID:
        """Create another exam with an attempt of the student; return the attempt."""
        return _uuid((await self._create_exam("the creator", student))["attempt_id"])

    async def end(self, attempt_id: UUID) -> None:
        """End the attempt without answers."""
        async with self.engine.begin() as conn:
            await end_attempt(conn, attempt_id, ending(), grading)

    async def _create_exam(self, maker: str, student: str) -> dict[str, object]:
        async with self.engine.begin() as conn:
            policy = write_policy(preset("browser"))
            exam_id = await make_exam(conn, self.user_id(maker), policy=policy)
            item = {"exam_id": exam_id, "version": 1, "item": "q1", "position": 1, "kind": ItemKind.TEXT}
            await conn.execute(insert(ExamItem).values(item | {"prompt": "Why?", "points": 1}))
            await conn.execute(update(Exam).where(Exam.id == exam_id).values(items_version=1, max_score=1))
            student_id = self.user_id(student)
            attempt_id = await make_attempt(conn, exam_id, student_id)
            stream_id = await make_stream(conn, attempt_id)
            await store_events(conn, stream_id, [("paste", {"chars": 3}, 1)])
            flag_id = await make_flag(conn, attempt_id)
        return {
            "exam_id": exam_id,
            "attempt_id": attempt_id,
            "student_id": student_id,
            "stream_id": stream_id,
            "flag_id": flag_id,
            "user_id": student_id,
            "username": "can_view",
        }


_ROLES = {
    "the student": Role.STUDENT,
    "a student of another exam": Role.STUDENT,
    "a teacher of another exam": Role.TEACHER,
    **{permission.value: Role.TEACHER for permission in Permission},
    "the creator": Role.TEACHER,
    "an administrator": Role.ADMIN,
}


def _uuid(value: object) -> UUID:
    assert isinstance(value, UUID)
    return value
