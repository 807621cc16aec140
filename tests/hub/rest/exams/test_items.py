from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AuditLog
from hub.errors import Invalid
from hub.rest.exams.items import NewItem, read_items_of
from protocol.attempts import ItemKind
from protocol.events import Event, to_entries, to_entry
from protocol.roles import Role
from tests.hub.conftest import Caller, Users

CHOICE = {"item": "q1", "kind": "choice", "prompt": "Which?", "choices": ["a", "b"], "points": 2, "answer_key": "b"}
MULTIPLE = {"item": "q2", "kind": "multiple", "prompt": "Which?", "choices": ["a", "b", "c"], "answer_key": ["c", "a"]}
NUMBER = {"item": "q3", "kind": "number", "prompt": "How many?", "points": 4, "answer_key": {"value": 9.81}}
TEXT = {"item": "q4", "kind": "text", "prompt": "Why?", "points": 3.5}
ALL = [CHOICE, MULTIPLE, NUMBER, TEXT]


@pytest.fixture
async def teacher(users: Users) -> Caller:
    return await users.make(Role.TEACHER, "teacher")


@pytest.fixture
async def path(teacher: Caller) -> str:
    exam = (await teacher.post("/exams", {"title": "Physics", "duration_minutes": 90})).json()
    return f"/exams/{exam['exam_id']}/items"


async def test_items_are_replaced_by_a_version_and_the_maximum_score_follows(teacher: Caller, path: str) -> None:
    assert (await teacher.get(path)).json() == {"version": 0, "items": []}
    answer = await teacher.put(path, {"items": ALL})
    assert answer.status_code == 200, answer.text
    assert answer.json()["version"] == 1
    assert (await teacher.get(path)).json() == answer.json()
    keys = [item["answer_key"] for item in answer.json()["items"]]
    assert keys == ["b", ["a", "c"], {"value": 9.81, "tolerance": 0}, None]
    exam = (await teacher.get(path.removesuffix("/items"))).json()
    assert (exam["max_score"], exam["items_version"], exam["version"]) == (10.5, 1, 2)
    assert (await teacher.put(path, answer.json())).json()["version"] == 2
    assert (await teacher.put(path, answer.json())).status_code == 409


async def test_viewers_see_no_key_and_every_reading_of_keys_is_audited(
    users: Users, teacher: Caller, path: str, engine: AsyncEngine
) -> None:
    await teacher.put(path, {"items": ALL})
    other = await users.make(Role.TEACHER, "other")
    grants = path.replace("items", "permissions/other")
    await teacher.put(grants, {"can_view": True})
    items = (await other.get(path)).json()["items"]
    assert [item["item"] for item in items] == ["q1", "q2", "q3", "q4"]
    assert all("answer_key" not in item for item in items)
    await teacher.put(grants, {"can_review": True})
    assert (await other.get(path)).json()["items"][0]["answer_key"] == "b"
    assert (await other.put(path, {"items": []})).status_code == 403
    async with engine.connect() as conn:
        noted = await conn.execute(
            select(AuditLog.actor_id, AuditLog.details).where(AuditLog.action == "read_answer_keys")
        )
    assert [(str(row.actor_id), row.details) for row in noted] == [(other.tokens["user"]["id"], {"items_version": "1"})]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"item": ""}, "item"),
    ({"item": "a b"}, "item"),
    ({"kind": "essay"}, "kind"),
    ({"prompt": " \n"}, "prompt"),
    ({"prompt": "\0"}, "prompt"),
    ({"points": -1}, "points"),
    ({"choices": ["a"], "answer_key": "a"}, "choices"),
    ({"choices": ["a", "a"], "answer_key": "a"}, "choices"),
    ({"choices": ["a", ""]}, "choices[1]"),
    ({"answer_key": "c"}, "answer_key"),
    ({"answer_key": None}, "answer_key"),
    ({"answer_key": ["b"]}, "answer_key"),
    ({"kind": "multiple", "answer_key": "b"}, "answer_key"),
    ({"kind": "multiple", "answer_key": ["b", "c"]}, "answer_key"),
    ({"kind": "multiple", "answer_key": [["b"]]}, "answer_key"),
    ({"kind": "multiple", "answer_key": ["a", "b", "a"]}, "answer_key"),
    ({"kind": "number", "answer_key": {"value": 1}}, "choices"),
    ({"kind": "number", "choices": [], "answer_key": 1}, "answer_key"),
    ({"kind": "number", "choices": [], "answer_key": {"value": "1"}}, "answer_key"),
    ({"kind": "number", "choices": [], "answer_key": {"value": 1, "tolerance": -1}}, "answer_key"),
    ({"kind": "number", "choices": [], "answer_key": {"value": 1, "about": 1}}, "answer_key"),
    ({"kind": "text", "choices": [], "answer_key": "b"}, "answer_key"),
    ({"kind": "text", "answer_key": None}, "choices"),
]


@pytest.mark.parametrize(("change", "below"), BAD, ids=lambda case: str(case)[:40])
async def test_an_invalid_item_is_named_by_its_path(
    teacher: Caller, path: str, change: dict[str, Any], below: str
) -> None:
    answer = await teacher.put(path, {"items": [TEXT, CHOICE | change]})
    assert answer.status_code == 400
    assert [fault["path"] for fault in answer.json()["errors"]] == [f"$.items[1].{below}"]


async def test_all_invalid_items_are_listed_at_once(teacher: Caller, path: str) -> None:
    answer = await teacher.put(path, {"items": [CHOICE, CHOICE | {"answer_key": "c"}, NUMBER | {"answer_key": 1}]})
    assert [fault["path"] for fault in answer.json()["errors"]] == [
        "$.items[1].item",
        "$.items[1].answer_key",
        "$.items[2].answer_key",
    ]
    assert (await teacher.get(path)).json()["version"] == 0


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.sampled_from("ab"),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(["value", "tolerance", "x"]), below, max_size=3)
    ),
    max_leaves=6,
)
new_items = st.builds(
    NewItem,
    item=st.sampled_from(["q1", "q2", "q3"]),
    kind=st.sampled_from(ItemKind),
    prompt=st.sampled_from(["Which?", " "]),
    choices=st.lists(st.sampled_from("abc"), max_size=4),
    points=st.floats(0, 100),
    answer_key=values,
)


def check_paths(paths: list[str]) -> None:
    assert paths
    assert all(path.startswith("$.items[") for path in paths)


@given(st.lists(new_items, max_size=4))
def test_items_are_rejected_by_path_or_stored_unchanged(requested: list[NewItem]) -> None:
    try:
        read = read_items_of(requested)
    except Invalid as error:
        paths = [fault.path for fault in error.faults]
        check_paths(paths)
        return
    assert [item.item for item in read] == [item.item for item in requested]
    again = [NewItem(**msgspec.structs.asdict(item)) for item in read]
    assert read_items_of(again) == read


CHOICES = st.lists(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=1_000),
    min_size=2,
    max_size=100,
    unique=True,
)


@given(kind=st.sampled_from([ItemKind.CHOICE, ItemKind.MULTIPLE]), choices=CHOICES, long=st.booleans())
def test_the_largest_answer_to_an_item_that_is_accepted_is_accepted(
    kind: ItemKind, choices: list[str], long: bool
) -> None:
    if long:
        choices = [f"{number}{choice * 1_000}"[:1_000] for number, choice in enumerate(choices)]
    key: Any = choices[0] if kind is ItemKind.CHOICE else choices
    try:
        read_items_of([NewItem(item="q" * 64, kind=kind, prompt="Which?", choices=choices, answer_key=key)])
    except Invalid:
        assert kind is ItemKind.MULTIPLE
        return
    for value in choices if kind is ItemKind.CHOICE else [choices]:
        event = Event("answered", 0, 0, {"item": "q" * 64, "value": value, "ms": 10**9})
        assert to_entries([event], 1) == [to_entry(event, 1)]
        assert to_entry(event, 1).reject is None


def test_a_multiple_choice_whose_choices_fit_no_answer_is_refused() -> None:
    choices = [f"{number}" + "\N{CJK UNIFIED IDEOGRAPH-5B57}" * 998 for number in range(12)]
    with pytest.raises(Invalid, match="too long together"):
        read_items_of([NewItem(item="q", kind=ItemKind.MULTIPLE, prompt="Which?", choices=choices, answer_key=choices)])
    fewer = choices[:10]
    read_items_of([NewItem(item="q", kind=ItemKind.MULTIPLE, prompt="Which?", choices=fewer, answer_key=fewer)])
