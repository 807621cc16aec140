from protocol.flags import Severity
from protocol.roles import Permission, Role
from tests.hub.rest.teacher.conftest import Classroom


async def test_a_dashboard_counts_running_and_open_work(classroom: Classroom) -> None:
    running, ended = await classroom.start_attempt("Ada Example"), await classroom.start_attempt("Eve Example")
    await classroom.end(ended)
    flags = [await classroom.flag(ended), await classroom.flag(ended, severity=Severity.CRITICAL)]
    await classroom.flag(running, severity=Severity.NORMAL)
    seen = (await classroom.teacher.get("/teacher/dashboard")).json()
    (exam,) = seen["exams"]
    assert exam == {
        "exam_id": str(classroom.exam_id),
        "title": "Physics",
        "subject": "",
        "kind": "real",
        "is_published": True,
        "opens_at": None,
        "closes_at": None,
        "roster_size": 2,
        "attempts": 2,
        "running": 1,
        "awaiting_review": 1,
        "awaiting_grade": 1,
        "open_flags": 2,
        "permissions": [permission.value for permission in Permission],
    }
    assert seen["summary"] == {"exams": 1, "running_attempts": 1, "open_flags": 2, "awaiting_grade": 1}
    assert [flag["flag_id"] for flag in seen["recent_flags"]] == [str(flag_id) for flag_id in flags[::-1]]
    assert seen["recent_flags"][0]["rule_name"] == "left the page"


async def test_a_dashboard_shows_exams_with_a_permission_newest_first(classroom: Classroom) -> None:
    helper = await classroom.teacher_with(Permission.INVIGILATE)
    own = str(await classroom.make_exam(helper))
    await classroom.flag(await classroom.start_attempt())
    seen = (await helper.get("/teacher/dashboard")).json()
    assert [exam["exam_id"] for exam in seen["exams"]] == [own, str(classroom.exam_id)]
    assert seen["exams"][1]["permissions"] == ["can_invigilate"]
    # An invigilator sees the number of open flags, and not the flags.
    assert seen["recent_flags"] == []
    stranger = await classroom.teacher_with(name="stranger")
    assert (await stranger.get("/teacher/dashboard")).json()["exams"] == []
    admin = await classroom.users.make(Role.ADMIN, "root")
    assert (await admin.get("/teacher/dashboard")).json()["summary"]["exams"] == 2


async def test_a_dashboard_is_for_teachers(classroom: Classroom) -> None:
    student = await classroom.users.make(Role.STUDENT, "ada")
    assert (await student.get("/teacher/dashboard")).status_code == 403
    assert (await classroom.users.anonymous.get("/teacher/dashboard")).status_code == 401
