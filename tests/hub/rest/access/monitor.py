"""Monitoring by requests: a student's own attempt, and nobody else's stream."""

from typing import Any
from uuid import uuid4

from tests.hub.rest.access.rows import STUDENT, Call, Row, own
from tests.hub.rest.access.stage import Stage


def hello(stage: Stage) -> dict[str, Any]:
    client = {"name": "test", "version": "1"}
    said = {"attempt_id": str(stage.attempt_id), "boot": str(uuid4()), "client": client}
    return said | {"acked": 0, "next_seq": 1, "mono": 1, "at": 1}


async def opening(stage: Stage, caller: str) -> Call:
    del caller
    return Call(body=hello(stage))


async def delivering(stage: Stage, caller: str) -> Call:
    """Into the stream the student has just opened."""
    del caller
    opened = await stage.callers[STUDENT].post("/monitor/streams", hello(stage))
    assert opened.is_success, opened.text
    event = {"type": "alive", "at": 1, "mono": 1}
    return Call(body={"stream": opened.json()["stream"], "first_seq": 1, "events": [event]})


ROWS = [
    Row("POST /monitor/streams", own(), opening, noted=False),
    Row("POST /monitor/events", own(), delivering, noted=False),
]
