from protocol.flags import Severity
from protocol.roles import Permission, Role
from tests.hub.rest.teacher.conftest import Classroom


async def test_a_dashboard_counts_what_goes_on_and_what_is_open(classroom: Classroom) -> None:
    running, ended = await classroom.sit("Ada Example"), await classroom.sit("Eve Example")
    await classroom.end(ended)
    flags = [await classroom.flag(ended), await classroom.flag(ended, severity=Severity.CRITICAL)]
    await classroom.flag(running, severity=Severity.NORMAL)
    seen = (await classroom.teacher.get("/teacher/dashboard")).json()
    (exam,) = seen["exams"]
    assert exam == {
        "exam_id": str(classroom.exam_id),
        "title": "Physics",
        "subject": "",
        "is_published": True,
        "opens_at": None,
        "closes_at": None,
        "roster_size": 2,
        "attempts": 2,
        "running": 1,
        "awaiting_review": 1,
        "awaiting_grade": 1,
        "open_flags": 2,
        "permissions": [one.value for one in Permission],
    }
    assert seen["summary"] == {"exams": 1, "running_attempts": 1, "open_flags": 2, "awaiting_grade": 1}
    assert [flag["flag_id"] for flag in seen["recent_flags"]] == [str(flag_id) for flag_id in flags[::-1]]
    assert seen["recent_flags"][0]["rule_name"] == "left the page"


async def test_a_dashboard_shows_the_exams_one_may_do_anything_with_the_newest_first(classroom: Classroom) -> None:
    helper = await classroom.permitted(Permission.INVIGILATE)
    own = str(await classroom.make_exam(helper))
    await classroom.flag(await classroom.sit())
    seen = (await helper.get("/teacher/dashboard")).json()
    assert [exam["exam_id"] for exam in seen["exams"]] == [own, str(classroom.exam_id)]
    assert seen["exams"][1]["permissions"] == ["can_invigilate"]
    # Whoever only invigilates is told how many flags are open, and not what they say.
    assert seen["recent_flags"] == []
    stranger = await classroom.permitted(name="stranger")
    assert (await stranger.get("/teacher/dashboard")).json()["exams"] == []
    admin = await classroom.people.make(Role.ADMIN, "root")
    assert (await admin.get("/teacher/dashboard")).json()["summary"]["exams"] == 2


async def test_a_dashboard_is_for_teachers(classroom: Classroom) -> None:
    student = await classroom.people.make(Role.STUDENT, "ada")
    assert (await student.get("/teacher/dashboard")).status_code == 403
    assert (await classroom.people.anonymous.get("/teacher/dashboard")).status_code == 401
