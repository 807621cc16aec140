"""The calls of dashboards, who makes them, and the p95 that each should keep."""

from collections.abc import Sequence
from typing import Final

import msgspec

from bench.environment import Environment, fetch

OWNER: Final = "t0"
OTHER: Final = "t17"
ADMIN: Final = "a0"
STUDENTS: Final = "students"
"""A call of each of these students in turn."""


class Call(msgspec.Struct, frozen=True):
    """One kind of request: its user, its paths in turn, and its goal."""

    name: str
    user: str
    paths: Sequence[str]
    goal_p95_ms: float


class Subjects(msgspec.Struct, frozen=True):
    """Ids of what the calls are about."""

    students: Sequence[str]
    big: Sequence[str]
    running: Sequence[str]
    middle: Sequence[str]
    attempts: Sequence[str]
    longest: str
    taught: Sequence[str]


async def choose_subjects(environment: Environment) -> Subjects:
    """Choose exams, attempts and students of the dataset, the same every time."""

    async def ids(query: str) -> list[str]:
        return [str(row[0]) for row in await fetch(environment, query)]

    owned = "FROM exams JOIN users ON users.id = creator_id WHERE username = 't0'"
    return Subjects(
        students=[row[0] for row in await fetch(environment, _STUDENTS)],
        big=await ids(f"SELECT exams.id {owned} AND closes_at < now() ORDER BY exams.id LIMIT 19"),
        running=await ids(f"SELECT exams.id {owned} AND closes_at > now() ORDER BY exams.id LIMIT 1"),
        middle=await ids(
            "SELECT exam_id FROM exam_counts GROUP BY exam_id ORDER BY abs(sum(roster) - 600), exam_id LIMIT 20"
        ),
        attempts=await ids("SELECT attempt_id FROM flags ORDER BY id LIMIT 100"),
        longest=(await ids("SELECT attempt_id FROM analysis_cursors ORDER BY analysis_cursors.facts DESC LIMIT 1"))[0],
        taught=await ids(
            f"SELECT student_id FROM exam_enrollments WHERE exam_id = (SELECT exams.id {owned} "  # noqa: S608
            "ORDER BY exams.id LIMIT 1) ORDER BY student_id LIMIT 50"
        ),
    )


_STUDENTS: Final = "SELECT username FROM users WHERE role = 'student' ORDER BY hashtext(username) LIMIT 10"


def list_calls(about: Subjects) -> list[Call]:
    """List all calls; a small dataset has no large exams, and none of their calls."""
    calls = [*_of_students(), *_of_teachers(about), *_of_attempts(about), *_of_admins()]
    return [call for call in calls if call.paths]


def _of_students() -> list[Call]:
    return [
        Call("student dashboard", STUDENTS, ["/student/dashboard"], 15),
        Call("student's exams", STUDENTS, ["/student/exams"], 15),
    ]


def _of_teachers(about: Subjects) -> list[Call]:
    flags = [f"/teacher/exams/{exam_id}/flags" for exam_id in (*about.big, *about.running)]
    return [
        Call("analytics, 5,000 attempts", OWNER, [f"/teacher/exams/{exam}/analytics" for exam in about.big], 60),
        Call("analytics, running", OWNER, [f"/teacher/exams/{exam}/analytics" for exam in about.running], 60),
        Call("analytics, 600 attempts", ADMIN, [f"/teacher/exams/{exam}/analytics" for exam in about.middle], 60),
        Call("flags of an exam", OWNER, flags, 30),
        Call("flags, open and critical", OWNER, [f"{path}?status=open&severity=critical" for path in flags], 30),
        Call("flags of one rule", OWNER, [f"{path}?rule=devtools&limit=200" for path in flags], 30),
        Call("flags of no rule", OWNER, [f"{path}?rule=no_such" for path in flags], 30),
        Call(
            "flagged students, one exam", OWNER, [f"/teacher/flagged-students?exam_id={exam}" for exam in about.big], 30
        ),
        Call("flagged students, 20 big exams", OWNER, ["/teacher/flagged-students"], 30),
        Call("flagged students, a few exams", OTHER, ["/teacher/flagged-students"], 30),
        Call("flagged students, all", ADMIN, ["/teacher/flagged-students"], 30),
        Call("dashboard, 20 big exams", OWNER, ["/teacher/dashboard"], 60),
        Call("dashboard, a few exams", OTHER, ["/teacher/dashboard"], 60),
        Call("dashboard, all exams", ADMIN, ["/teacher/dashboard"], 60),
        Call("exams, 20 big ones", OWNER, ["/exams"], 30),
        Call("exams, all", ADMIN, ["/exams"], 30),
        Call("roster", OWNER, [f"/exams/{exam}/roster" for exam in about.big], 30),
        Call("a student", OWNER, [f"/teacher/students/{student}" for student in about.taught], 30),
    ]


def _of_attempts(about: Subjects) -> list[Call]:
    timelines = [f"/teacher/attempts/{attempt}/monitoring" for attempt in about.attempts]
    longest = f"/teacher/attempts/{about.longest}/monitoring"
    return [
        Call("timeline", ADMIN, timelines, 30),
        Call("timeline, 20,000 events", ADMIN, [longest], 30),
        Call("timeline, one type", ADMIN, [f"{longest}?type=paste"], 30),
        Call("timeline, no such type", ADMIN, [f"{longest}?type=no_such"], 30),
        Call("timeline, critical", ADMIN, [f"{longest}?severity=critical"], 30),
    ]


def _of_admins() -> list[Call]:
    return [
        Call("audit log", ADMIN, ["/admin/audit"], 30),
        Call("audit log of a user", ADMIN, ["/admin/audit?actor=t5"], 30),
        Call("audit log, frequent action", ADMIN, ["/admin/audit?action=sign_in"], 30),
        Call("audit log, rare action", ADMIN, ["/admin/audit?action=deactivate"], 30),
        Call("audit log, no such action", ADMIN, ["/admin/audit?action=no_such"], 30),
        Call("users", ADMIN, ["/admin/users"], 30),
        Call("users, frequent part", ADMIN, ["/admin/users?q=lang"], 30),
        Call("users, rare part", ADMIN, ["/admin/users?q=s09999", "/admin/users?q=number%2077777"], 30),
        Call("users, no such part", ADMIN, ["/admin/users?q=nosuchname"], 30),
        Call("users, teachers", ADMIN, ["/admin/users?role=teacher&q=number"], 30),
    ]
