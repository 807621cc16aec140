from typing import Any

import pytest

from judgement.policy import preset, write_policy
from judgement.rules import RULES
from protocol.roles import Role
from tests.hub.conftest import Caller, Users


@pytest.fixture
async def teacher(users: Users) -> Caller:
    return await users.make(Role.TEACHER, "teacher")


@pytest.fixture
async def path(teacher: Caller) -> str:
    exam = (await teacher.post("/exams", {"title": "Physics", "duration_minutes": 90})).json()
    return f"/exams/{exam['exam_id']}/policy"


async def test_a_policy_is_complete_and_describes_every_rule(teacher: Caller, path: str) -> None:
    view = (await teacher.get(path)).json()
    assert view["version"] == 1
    assert view["policy"] == write_policy(preset("browser"))
    assert [rule["rule"] for rule in view["rules"]] == [rule.id for rule in RULES]
    for rule in view["rules"]:
        assert rule["defaults"].keys() == rule["settings_schema"]["properties"].keys()
        assert rule["summary"]
        assert rule["false_alarms"]


async def test_a_new_version_takes_its_settings_and_the_others_from_the_preset(teacher: Caller, path: str) -> None:
    answer = await teacher.put(path, {"policy": {"rules": {"left_page": {"times": 7}}}, "version": 1})
    assert answer.status_code == 200, answer.text
    view = answer.json()
    assert (view["version"], view["policy"]["rules"]["left_page"]["times"]) == (2, 7)
    summaries = {rule["rule"]: rule["summary"] for rule in view["rules"]}
    assert "7 leaves within the window" in summaries["left_page"]
    assert (await teacher.get(path)).json() == view
    again = await teacher.put(path, {"policy": view["policy"]})
    assert again.json()["policy"] == view["policy"]
    assert (await teacher.put(path, {"policy": {}, "version": 2})).status_code == 409


async def test_an_invalid_value_is_rejected_by_its_path(teacher: Caller, path: str) -> None:
    cases: list[tuple[Any, str]] = [
        ({"rules": {"left_page": {"times": 1}}}, "$.policy.rules.left_page.times"),
        ({"rules": {"left_page": {"times": "3"}}}, "$.policy.rules.left_page.times"),
        ({"rules": {"left_page": {"time": 3}}}, "$.policy.rules.left_page.time"),
        ({"rules": {"left_pages": {}}}, "$.policy.rules.left_pages"),
        ({"rules": {"left_page": 3}}, "$.policy.rules.left_page"),
        ({"rules": []}, "$.policy.rules"),
        ({"preset": "strict"}, "$.policy.preset"),
        ({"rulebook": 999}, "$.policy.rulebook"),
        ({"rulebook": "1"}, "$.policy.rulebook"),
        ({"weights": {}}, "$.policy.weights"),
        ([], "$.policy"),
    ]
    for policy, fault in cases:
        answer = await teacher.put(path, {"policy": policy})
        assert answer.status_code == 400, policy
        assert answer.json()["code"] == "invalid"
        assert [error["path"] for error in answer.json()["errors"]] == [fault]
    assert (await teacher.get(path)).json()["version"] == 1
