"""The largest legal body of every route that takes one, with the caller who may send it."""

import json
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import uuid4

from sqlalchemy import delete, insert, update

from db.models import Exam, ExamItem
from hub.rest.http.bodies import BODY_BYTES, LARGE_BYTES, SIGN_IN_BYTES
from protocol.attempts import ItemKind
from protocol.limits import EVENTS_PER_FRAME, FRAME_BYTES
from protocol.roles import Role
from tests.hub.rest.access.rows import ADMIN, ANONYMOUS, CREATOR, SERVICE, STUDENT
from tests.hub.rest.access.setup import AccessSetup

ITEMS = 500
JSON_TYPE, CSV_TYPE = "application/json", "text/csv; charset=utf-8"


class Sent(NamedTuple):
    """One request: its caller, its body, and the values of path parameters that are not those of the setup."""

    caller: str
    body: bytes
    content_type: str = JSON_TYPE
    params: Mapping[str, object] = MappingProxyType({})


Make = Callable[[AccessSetup], Awaitable[Sent]]


def encode(body: object, limit: int) -> bytes:
    """Encode without spaces, and check that the body is legal."""
    data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    assert len(data) <= limit, len(data)
    return data


def sent_by(caller: str, body: dict[str, Any], limit: int = BODY_BYTES) -> Make:
    """A fixed body, filled up to the limit with a field that nothing reads."""
    rest = limit - len(encode(body | {"filling": ""}, limit))

    async def make(setup: AccessSetup) -> Sent:
        del setup
        return Sent(caller, encode(body | {"filling": "x" * rest}, limit))

    return make


def in_many_pieces(caller: str, limit: int = BODY_BYTES) -> Make:
    """Tens of thousands of keys, none of which the route knows."""

    async def make(setup: AccessSetup) -> Sent:
        del setup
        return Sent(caller, b"{" + b",".join(b'"k%d":[]' % number for number in range(limit // 13)) + b"}")

    return make


def in_slow_numbers(caller: str, limit: int = BODY_BYTES) -> Make:
    """Numbers that take the decoder 500 times as long as others."""

    async def make(setup: AccessSetup) -> Sent:
        del setup
        return Sent(caller, b'{"x":[' + b",".join([b"1e308"] * (limit // 6 - 3)) + b"]}")

    return make


def in_long_numbers(caller: str, limit: int = BODY_BYTES) -> Make:
    """Integers of the most digits that the decoder accepts."""

    async def make(setup: AccessSetup) -> Sent:
        del setup
        return Sent(caller, b'{"x":[' + b",".join([b"1" * 4_299] * (limit // 4_300 - 1)) + b"]}")

    return make


def in_many_levels(caller: str, limit: int = BODY_BYTES) -> Make:
    """Lists in lists in lists."""

    async def make(setup: AccessSetup) -> Sent:
        del setup
        return Sent(caller, b'{"x":' + b"[" * (limit // 2 - 5) + b"]" * (limit // 2 - 5) + b"}")

    return make


async def add_items(setup: AccessSetup, count: int = ITEMS) -> None:
    """Give the exam this many items, in the version that its attempts have."""
    async with setup.engine.begin() as conn:
        await conn.execute(delete(ExamItem).where(ExamItem.exam_id == setup.exam_id))
        item = {"exam_id": setup.exam_id, "version": 1, "kind": ItemKind.TEXT, "prompt": "Why?", "points": 1}
        rows = [item | {"item": f"q{number}", "position": number} for number in range(1, count + 1)]
        await conn.execute(insert(ExamItem), rows)
        await conn.execute(update(Exam).where(Exam.id == setup.exam_id).values(max_score=count))


def items_of(choices: int, keys: int, chars: int) -> Make:
    async def make(setup: AccessSetup) -> Sent:
        del setup
        texts = [f"{number:0{chars}}" for number in range(choices)]
        item = {"kind": "multiple", "prompt": "Which?", "choices": texts, "answer_key": texts[::-1][:keys]}
        items = []
        size = 0
        for number in range(ITEMS):
            items.append(item | {"item": f"q{number}"})
            size += len(encode(items[-1], LARGE_BYTES)) + 1
            if size > LARGE_BYTES - 2_000:
                items.pop()
                break
        return Sent(CREATOR, encode({"items": items}, LARGE_BYTES))

    return make


async def many_prompts(setup: AccessSetup) -> Sent:
    del setup
    items = [{"item": f"q{number}", "kind": "text", "prompt": "x" * 2_000} for number in range(ITEMS)]
    return Sent(CREATOR, encode({"items": items}, LARGE_BYTES))


async def wrong_items(setup: AccessSetup) -> Sent:
    del setup
    item = {"item": "q", "kind": "choice", "prompt": " ", "choices": ["a", "a"], "answer_key": ["x"] * 400}
    return Sent(CREATOR, encode({"items": [item] * ITEMS}, LARGE_BYTES))


def students(count: int, chars: int) -> list[dict[str, str]]:
    return [
        {
            "username": f"student.{number}",
            "name": f"Student {number} ".ljust(chars, "n"),
            "email": f"student.{number}@school.example",
            "enrollment_id": f"{number}".ljust(chars, "e"),
            "cohort": "c" * chars,
        }
        for number in range(count)
    ]


async def roster(setup: AccessSetup) -> Sent:
    del setup
    return Sent(CREATOR, encode({"students": students(2_000, 115)}, LARGE_BYTES))


async def roster_sheet(setup: AccessSetup) -> Sent:
    del setup
    rows = [",".join(student.values()) for student in students(2_000, 130)]
    body = "\n".join(["username,name,email,enrollment_id,cohort", *rows]).encode()
    assert len(body) <= LARGE_BYTES
    return Sent(CREATOR, body, CSV_TYPE)


async def wrong_sheet(setup: AccessSetup) -> Sent:
    del setup
    rows = [f"!,,{'@' * 90},{'x' * 201},{'y' * 201},z" for _ in range(2_000)]
    body = "\n".join(["username,name,email,enrollment_id,cohort", *rows]).encode()
    assert len(body) <= LARGE_BYTES
    return Sent(CREATOR, body, CSV_TYPE)


async def empty_sheet(setup: AccessSetup) -> Sent:
    del setup
    return Sent(CREATOR, b"username,name\n" + b",\n" * (LARGE_BYTES // 2 - 10), CSV_TYPE)


async def wide_sheet(setup: AccessSetup) -> Sent:
    del setup
    return Sent(CREATOR, b"," * LARGE_BYTES, CSV_TYPE)


async def grades(setup: AccessSetup) -> Sent:
    await add_items(setup)
    await setup.end(setup.attempt_id)
    given = [{"item": f"q{number}", "points": 1, "comment": "c" * 2_000} for number in range(1, ITEMS + 1)]
    return Sent(CREATOR, encode({"grades": given, "final": True}, LARGE_BYTES))


async def answers(setup: AccessSetup) -> Sent:
    await add_items(setup)
    given = [{"item": f"q{number}", "value": "w" * 2_000} for number in range(1, ITEMS + 1)]
    return Sent(STUDENT, encode({"answers": given}, LARGE_BYTES))


async def deep_answers(setup: AccessSetup) -> Sent:
    await add_items(setup)
    value: list[Any] = [[[[[[[[[number]]]]]]]] for number in range(5)]
    given = [{"item": f"q{number}", "value": value} for number in range(1, ITEMS + 1)]
    return Sent(STUDENT, encode({"answers": given}, LARGE_BYTES))


async def report(setup: AccessSetup) -> Sent:
    cited = [{"stream_id": str(uuid4()), "seq": seq} for seq in range(1, 201)]
    flag = {"summary": "s" * 2_000, "severity": "warning", "confidence": 0.5, "cited": cited}
    body = {"id": str(uuid4()), "attempt_id": str(setup.attempt_id), "flags": [flag] * 20}
    return Sent(SERVICE, encode(body, LARGE_BYTES))


async def valid_report(setup: AccessSetup) -> Sent:
    cited = [{"stream_id": str(setup.ids["stream_id"]), "seq": 1}]
    flag = {"summary": "s" * 2_000, "severity": "warning", "confidence": 0.5, "cited": cited * 200}
    body = {"id": str(uuid4()), "attempt_id": str(setup.attempt_id), "flags": [flag] * 20}
    return Sent(SERVICE, encode(body, LARGE_BYTES))


async def grants(setup: AccessSetup) -> Sent:
    _, username = await setup.account(Role.TEACHER)
    sent = await sent_by(CREATOR, {"can_view": True})(setup)
    return sent._replace(params={"username": username})


async def edit(setup: AccessSetup) -> Sent:
    body = {"version": await setup.version(), "description": "d" * 10_000}
    return await sent_by(CREATOR, body)(setup)


async def publish(setup: AccessSetup) -> Sent:
    await setup.hide()
    return Sent(CREATOR, b"")


async def stream(setup: AccessSetup) -> Sent:
    return await sent_by(STUDENT, _hello(setup))(setup)


def _hello(setup: AccessSetup) -> dict[str, Any]:
    return {
        "attempt_id": str(setup.attempt_id),
        "boot": str(uuid4()),
        "acked": 0,
        "next_seq": 1,
        "client": {"name": "test", "version": "1"},
        "mono": 0,
        "at": 0,
    }


def delivery(name: str, event: bytes, count: int = EVENTS_PER_FRAME) -> Make:
    """A delivery of this event, as often as it fits."""

    async def make(setup: AccessSetup) -> Sent:
        opened = await setup.callers[STUDENT].post("/monitor/streams", _hello(setup))
        assert opened.is_success, opened.text
        head = b'{"stream":"%s","first_seq":1,"events":[' % opened.json()["stream"].encode()
        fits = min(count, (FRAME_BYTES - len(head) - 2) // (len(event) + 1))
        return Sent(STUDENT, head + b",".join([event] * fits) + b"]}")

    make.__name__ = name
    return make


def event(data: bytes, kind: bytes = b"copy") -> bytes:
    return b'{"type":"%s","at":1,"mono":1,"data":%s}' % (kind, data)


NESTED = b'{"a":' * 15 + b"{}" + b"}" * 15
TOO_DEEP = b'{"a":' * 30 + b"{}" + b"}" * 30
KEYS = b"{" + b",".join(b'"k%d":%d' % (key, key) for key in range(7)) + b"}"
MANY_KEYS = b"{" + b",".join(b'"k%d":0' % key for key in range(800)) + b"}"
LARGE_TEXT = b'{"item":"q1","text":"' + b"w" * 30_000 + b'"}'
ESCAPES = b'{"x":"' + b"\\u0041" * 1_300 + b'"}'
NUMBERS = b'{"x":[' + b",".join([b"1e308"] * 1_300) + b"]}"

EVENTS = {
    "plain": event(b"{}"),
    "keys": event(KEYS),
    "nested": event(NESTED[:-1] + b"}"),
    "too deep": event(TOO_DEEP),
    "many keys": event(MANY_KEYS),
    "drafts": event(LARGE_TEXT, b"draft_saved"),
    "escapes": event(ESCAPES),
    "numbers": event(NUMBERS),
    "not an event": b"0",
    "bad type": event(KEYS, b"Bad Type"),
    "lone surrogate": event(b'{"x":"\\ud800"}'),
    "not a number": event(b'{"x":NaN,"y":[[[[[1]]]]]}'),
    "too large a number": event(b'{"x":1e999}'),
    "NUL": event(b'{"x":"\\u0000"}'),
}
"""Events of every costly kind; many of them are rejected one by one."""

LARGEST: dict[str, list[Make]] = {
    "POST /auth/register": [
        sent_by(ANONYMOUS, {"username": "new", "name": "N" * 200, "password": "p" * 72}, SIGN_IN_BYTES)
    ],
    "POST /auth/login": [sent_by(ANONYMOUS, {"username": "u" * 64, "password": "p" * 72}, SIGN_IN_BYTES)],
    "POST /auth/code": [sent_by(ANONYMOUS, {"code": "c" * 64}, SIGN_IN_BYTES)],
    "POST /auth/refresh": [sent_by(ANONYMOUS, {"refresh_token": "r" * 128}, SIGN_IN_BYTES)],
    "POST /auth/logout": [sent_by(STUDENT, {}, SIGN_IN_BYTES)],
    "POST /auth/ws-ticket": [sent_by(STUDENT, {"purpose": "monitor"}, SIGN_IN_BYTES)],
    "POST /auth/sessions/end-others": [sent_by(STUDENT, {}, SIGN_IN_BYTES)],
    "POST /auth/password": [sent_by(STUDENT, {"old_password": "o" * 72, "new_password": "n" * 72}, SIGN_IN_BYTES)],
    "POST /auth/totp": [sent_by(CREATOR, {"password": "p" * 72}, SIGN_IN_BYTES)],
    "POST /auth/totp/confirm": [sent_by(CREATOR, {"code": "123456"}, SIGN_IN_BYTES)],
    "POST /auth/totp/remove": [sent_by(CREATOR, {"password": "p" * 72, "code": "123456"}, SIGN_IN_BYTES)],
    "POST /exams": [
        sent_by(CREATOR, {"title": "t" * 200, "duration_minutes": 90, "description": "d" * 10_000}),
        in_many_pieces(CREATOR),
        in_many_levels(CREATOR),
        in_slow_numbers(CREATOR),
    ],
    "PATCH /exams/{exam_id:uuid}": [edit],
    "POST /exams/{exam_id:uuid}/publish": [publish],
    "POST /exams/{exam_id:uuid}/unpublish": [sent_by(CREATOR, {})],
    "POST /exams/{exam_id:uuid}/release": [sent_by(CREATOR, {})],
    "PUT /exams/{exam_id:uuid}/items": [
        items_of(100, 100, 3),
        items_of(100, 100, 40),
        items_of(2, 2, 900),
        many_prompts,
        wrong_items,
        in_many_pieces(CREATOR, LARGE_BYTES),
        in_many_levels(CREATOR, LARGE_BYTES),
        in_slow_numbers(CREATOR, LARGE_BYTES),
        in_long_numbers(CREATOR, LARGE_BYTES),
    ],
    "PUT /exams/{exam_id:uuid}/policy": [
        sent_by(CREATOR, {"policy": {}}),
        sent_by(CREATOR, {"policy": {"rules": {f"rule_{number}": {} for number in range(3_000)}}}),
        in_many_levels(CREATOR),
    ],
    "POST /exams/{exam_id:uuid}/roster": [
        roster,
        roster_sheet,
        wrong_sheet,
        empty_sheet,
        wide_sheet,
        in_many_pieces(CREATOR, LARGE_BYTES),
    ],
    "POST /exams/{exam_id:uuid}/roster/preview": [roster_sheet, wrong_sheet, empty_sheet, wide_sheet],
    "POST /exams/{exam_id:uuid}/roster/codes": [
        sent_by(CREATOR, {"students": [f"student.{number}" for number in range(2_000)]}, LARGE_BYTES)
    ],
    "PUT /exams/{exam_id:uuid}/permissions/{username:str}": [grants],
    "POST /student/exams/{exam_id:uuid}/start": [sent_by(STUDENT, {"notice": 1})],
    "POST /student/exams/{attempt_id:uuid}/submit": [answers, deep_answers, in_many_pieces(STUDENT, LARGE_BYTES)],
    "POST /monitor/streams": [stream],
    "POST /monitor/events": [delivery(name, event) for name, event in EVENTS.items()]
    + [in_many_pieces(STUDENT, FRAME_BYTES)],
    "POST /teacher/flags/{flag_id:uuid}/review": [
        sent_by(CREATOR, {"id": str(uuid4()), "decision": "confirmed", "seen": "open", "reason": "r" * 1_000})
    ],
    "POST /teacher/attempts/{attempt_id:uuid}/waiver": [sent_by(CREATOR, {"id": str(uuid4()), "reason": "r" * 1_000})],
    "POST /teacher/attempts/{attempt_id:uuid}/grade": [grades, in_many_pieces(CREATOR, LARGE_BYTES)],
    "POST /analysis/behavior": [report, valid_report, in_many_pieces(SERVICE, LARGE_BYTES)],
    "POST /admin/users/{user_id:uuid}/erase": [sent_by(ADMIN, {"reason": "requested", "force": True})],
    "POST /admin/holds": [sent_by(ADMIN, {"attempt_id": str(uuid4()), "reason": "x" * 1000, "until": 1})],
    "POST /admin/users": [sent_by(ADMIN, {"username": "made", "name": "N" * 200, "role": "teacher"})],
    "PATCH /admin/users/{user_id:uuid}": [sent_by(ADMIN, {"name": "N" * 200})],
    "POST /admin/service-keys": [sent_by(ADMIN, {"name": "k" * 50, "scopes": ["analysis"]})],
}
"""Bodies of each route. The law in test_loop_time.py fails for a route without a row."""
