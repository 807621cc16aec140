import pytest
from structlog.testing import capture_logs

from hub.auth.pseudonyms import make_pseudonym
from hub.server.security_log import SecurityLog, kind_of
from hub.settings import HubSettings
from protocol.roles import Role
from tests.hub.conftest import Users

KEY = "a key that only these tests know, and nothing else"


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_one_address_causes_one_line_a_minute_for_each_kind() -> None:
    clock = Clock()
    security = SecurityLog(KEY, clock)
    with capture_logs() as logged:
        for _ in range(100):
            security.note("forbidden", "192.0.2.1", route="/exams")
        security.note("forbidden", "192.0.2.2")
        clock.now_s = 60.0
        security.note("forbidden", "192.0.2.1")
    place = make_pseudonym(KEY, "audit", "192.0.2.1")
    assert [line["count"] for line in logged if line["place"] == place] == [1, 100]
    assert len(logged) == 3


def test_a_thousand_names_from_one_address_cause_at_most_16_lines_a_minute() -> None:
    security = SecurityLog(KEY, Clock())
    with capture_logs() as logged:
        for number in range(1_000):
            security.note("sign_in_failed", "192.0.2.1", name=f"user{number}")
    assert len(logged) == 16


def test_a_line_has_keyed_hashes_in_place_of_name_and_address() -> None:
    with capture_logs() as logged:
        SecurityLog(KEY).note("sign_in_failed", "192.0.2.1", name=" Grace ")
    (line,) = logged
    assert line["name"] == make_pseudonym(KEY, "name", "grace")
    assert "grace" not in str(logged).lower()
    assert "192.0.2.1" not in str(logged)


@pytest.mark.parametrize(
    ("status", "code", "route", "kind"),
    [
        (429, "too_many", "/auth/login", "limited"),
        (403, "forbidden", "/admin/users", "admin_denied"),
        (403, "forbidden", "/exams", "forbidden"),
        (401, "unauthenticated", "/auth/login", "sign_in_failed"),
        (401, "unauthenticated", "/exams", "unauthenticated"),
        (401, "expired", "/exams", "expired"),
    ],
)
def test_a_refusal_has_a_kind(status: int, code: str, route: str, kind: str) -> None:
    assert kind_of(status, code, route) == kind


async def test_refused_requests_are_logged_with_ids_and_hashes_only(users: Users, settings: HubSettings) -> None:
    teacher = await users.make(Role.TEACHER, "grace")
    with capture_logs() as logged:
        await users.anonymous.post("/auth/login", {"username": "Grace", "password": "not hers 9"})
        await users.anonymous.get("/exams")
        await teacher.get("/admin/users", q="grace")
        token = {"refresh_token": teacher.tokens["refresh_token"]}
        renewed = (await users.anonymous.post("/auth/refresh", token)).json()
        await users.anonymous.post("/auth/refresh", {"refresh_token": renewed["refresh_token"]})
        await users.anonymous.post("/auth/refresh", token)
    lines = [line for line in logged if line["event"] == "refused"]
    assert [(line["kind"], line["route"], line["status"]) for line in lines] == [
        ("sign_in_failed", "/auth/login", "401"),
        ("unauthenticated", "/exams", "401"),
        ("admin_denied", "/admin/users", "403"),
        ("refresh_reused", "/auth/refresh", "401"),
    ]
    assert lines[0]["name"] == make_pseudonym(settings.jwt_secret, "name", "grace")
    assert lines[2]["user_id"] == lines[3]["user_id"] == teacher.tokens["user"]["id"]
    assert not {"grace", "127.0.0.1", "not hers 9"} & set(str(lines).lower().replace("'", " ").split())
