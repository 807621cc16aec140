"""The calls that are measured: each has a name, paths and a goal."""

import msgspec

from bench.queries.calls import Subjects, list_calls

SUBJECTS = Subjects(
    students=["s1"], big=["e1", "e2"], running=["e3"], middle=["e4"], attempts=["a1"], longest="a2", taught=["u1"]
)


def test_each_call_has_a_name_used_once_paths_and_a_goal() -> None:
    calls = list_calls(SUBJECTS)
    assert len({call.name for call in calls}) == len(calls)
    assert all(call.paths and call.goal_p95_ms > 0 for call in calls)


def test_calls_ask_for_the_chosen_exams_and_attempts() -> None:
    paths = {path.partition("?")[0] for call in list_calls(SUBJECTS) for path in call.paths}
    assert {f"/teacher/exams/{exam}/analytics" for exam in ("e1", "e2", "e3", "e4")} <= paths
    assert {"/teacher/attempts/a1/monitoring", "/teacher/attempts/a2/monitoring"} <= paths


def test_a_dataset_without_large_exams_has_no_calls_for_them() -> None:
    small = msgspec.structs.replace(SUBJECTS, big=[], running=[])
    names = {call.name for call in list_calls(small)}
    assert "analytics, 5,000 attempts" not in names
    assert "student dashboard" in names
