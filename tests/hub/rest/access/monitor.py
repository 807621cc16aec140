"""Monitoring over HTTP: only the student's own attempt and stream."""

from typing import Any
from uuid import uuid4

from tests.hub.rest.access.rows import STUDENT, Call, Row, own
from tests.hub.rest.access.setup import AccessSetup


def hello(setup: AccessSetup) -> dict[str, Any]:
    client = {"name": "test", "version": "1"}
    fields = {"attempt_id": str(setup.attempt_id), "boot": str(uuid4()), "client": client}
    return fields | {"acked": 0, "next_seq": 1, "mono": 1, "at": 1}


async def opening(setup: AccessSetup, caller: str) -> Call:
    del caller
    return Call(body=hello(setup))


async def delivering(setup: AccessSetup, caller: str) -> Call:
    """Deliver to a stream that the student has just opened."""
    del caller
    opened = await setup.callers[STUDENT].post("/monitor/streams", hello(setup))
    assert opened.is_success, opened.text
    event = {"type": "alive", "at": 1, "mono": 1}
    return Call(body={"stream": opened.json()["stream"], "first_seq": 1, "events": [event]})


ROWS = [
    Row("POST /monitor/streams", own(), opening, audited=False),
    Row("POST /monitor/events", own(), delivering, audited=False),
]
