"""Monitoring over HTTP: requests and errors. How events are stored: tests/hub/monitor/test_http_session.py."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from protocol.limits import EVENTS_PER_FRAME, FRAME_BYTES
from protocol.roles import Role
from tests.candidates import system_events
from tests.factories import make_attempt, make_exam, make_user
from tests.hub.conftest import Caller, Users


@pytest.fixture
async def ada(users: Users) -> Caller:
    return await users.make(Role.STUDENT, "ada")


@pytest.fixture
async def hello(engine: AsyncEngine, ada: Caller) -> dict[str, Any]:
    """Start an attempt of the student; return the request that opens its stream."""
    async with engine.begin() as conn:
        exam_id = await make_exam(conn, await make_user(conn, role=Role.TEACHER))
        attempt_id = await make_attempt(conn, exam_id, UUID(ada.tokens["user"]["id"]))
    return {
        "attempt_id": str(attempt_id),
        "boot": str(uuid4()),
        "acked": 0,
        "next_seq": 1,
        "client": {"name": "test", "version": "1"},
        "mono": 0,
        "at": 0,
    }


async def test_a_stream_is_opened_with_everything_a_client_needs(ada: Caller, hello: dict[str, Any]) -> None:
    answer = await ada.post("/monitor/streams", hello)
    assert answer.status_code == 200, answer.text
    opened = answer.json()
    assert (opened["committed"], opened["rejected"], opened["previous"]) == (0, [], None)
    assert (opened["instructions"], opened["attempt"]["status"]) == ([], "in_progress")
    assert opened["heartbeat_ms"] > 0
    assert opened["limits"]["events_per_frame"] == EVENTS_PER_FRAME


def answers(opened: dict[str, Any], first: int, last: int) -> dict[str, Any]:
    data = {"item": "a", "value": "x"}
    events = [{"type": "answered", "at": seq, "mono": seq, "data": data} for seq in range(first, last + 1)]
    return {"stream": opened["stream"], "first_seq": first, "events": events}


async def test_proofs_and_marks_work_over_http_as_on_the_socket(ada: Caller, hello: dict[str, Any]) -> None:
    opened = (await ada.post("/monitor/streams", hello)).json()
    taken = (await ada.post("/monitor/events", answers(opened, 1, 3))).json()
    assert taken["seq"] == 3
    resumed = {"stream": opened["stream"], "acked": 1, "next_seq": 5}
    again = (await ada.post("/monitor/streams", hello | resumed)).json()
    assert (again["stream"], again["committed"], again["mac"]) == (opened["stream"], 3, taken["mac"])
    assert again["last"] == {"seq": 3, "at": 3, "mono": 3}
    marks = [{"seq": 2, "at": 2, "mono": 20}]
    other = (await ada.post("/monitor/streams", hello | resumed | {"pending": marks})).json()
    assert other["previous"] == {"stream": opened["stream"], "committed": 1}


async def test_answers_of_a_second_place_are_recorded_by_their_place(
    ada: Caller, hello: dict[str, Any], engine: AsyncEngine
) -> None:
    opened = (await ada.post("/monitor/streams", hello)).json()
    upload = {"Authorization": f"Bearer {opened['upload_token']}"}
    for agent in (ada.http.headers["User-Agent"], "another browser"):
        seq = 1 if agent != "another browser" else 2
        headers = upload | {"User-Agent": agent}
        assert (await ada.http.post("/monitor/events", json=answers(opened, seq, seq), headers=headers)).is_success
    async with engine.connect() as conn:
        events = await system_events(conn, UUID(hello["attempt_id"]))
    places = [data["place"] for kind, data in events if kind == "connection_opened"]
    assert [data["was"] for kind, data in events if kind == "second_place"] == places


async def test_an_unknown_attempt_is_not_found(ada: Caller, hello: dict[str, Any]) -> None:
    answer = await ada.post("/monitor/streams", hello | {"attempt_id": str(uuid4())})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(("change", "status"), [({"acked": -1}, 400), ({"boot": "x"}, 400), ({"next_seq": None}, 400)])
async def test_an_invalid_hello_is_rejected(
    ada: Caller, hello: dict[str, Any], change: dict[str, Any], status: int
) -> None:
    assert (await ada.post("/monitor/streams", hello | change)).status_code == status


async def test_a_delivery_that_is_not_json_is_a_bad_request(ada: Caller) -> None:
    answer = await ada.http.post("/monitor/events", content=b"{", headers=bearer(ada))
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


async def test_a_delivery_that_is_too_large_says_so(ada: Caller) -> None:
    body = b'{"stream": "' + b" " * FRAME_BYTES + b'"}'
    answer = await ada.http.post("/monitor/events", content=body, headers=bearer(ada))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_the_document_describes_the_body_of_a_delivery(app: Litestar) -> None:
    operation = app.openapi_schema.to_schema()["paths"]["/monitor/events"]["post"]
    body = operation["requestBody"]
    assert body["required"]
    schema = body["content"]["application/json"]["schema"]
    assert schema["required"] == ["stream"]
    assert schema["properties"]["events"]["maxItems"] == EVENTS_PER_FRAME


def bearer(caller: Caller) -> dict[str, str]:
    return {"Authorization": f"Bearer {caller.tokens['access_token']}", "Content-Type": "application/json"}
