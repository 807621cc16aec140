"""Monitoring over HTTP: requests and errors. How events are stored: tests/hub/monitor/test_http_session.py."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from protocol.limits import EVENTS_PER_FRAME, FRAME_BYTES
from protocol.roles import Role
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
