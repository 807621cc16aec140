"""Call every documented operation as every caller, with requests that its schema allows and forbids.

No answer may be a server error, and each answer must match the schema.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from litestar import Litestar
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.auth.limits import Allowance, FailureLimits
from protocol.roles import Role
from tests.factories import make_user
from tests.hub.conftest import PASSWORD, Users
from tests.hub.rest.teacher.conftest import make_classroom

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 4
"""The number of requests for each operation, mode and caller."""

ACCOUNTS = {"student": Role.STUDENT, "teacher": Role.TEACHER, "root": Role.ADMIN}
ANONYMOUS, PROGRAM = "", "plagiarism-check"


class SchemaCallers:
    """One user of every role, a program with a key, and a caller who has not signed in."""

    def __init__(self, url: str, known: dict[str, list[str]], key: str) -> None:
        self.url = url
        self.known = known
        self.calls = 0
        self._tokens = {PROGRAM: key}
        self._http = requests.Session()
        self._http.trust_env = False

    def call(self, operation: Any, mode: GenerationMode) -> None:
        """Call one operation several times, mostly with ids that exist."""

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), about=st.integers(0, 3))
        def call_once(case: Case[Any], about: int) -> None:
            if about:
                for name in self.known.keys() & (case.path_parameters or {}).keys():
                    case.path_parameters[name] = self.known[name][about % len(self.known[name])]
            for username in (ANONYMOUS, PROGRAM, *ACCOUNTS):
                self._ask_as(username, case)

        call_once()

    def _ask_as(self, username: str, case: Case[Any]) -> None:
        self.calls += 1
        answer = case.call(base_url=self.url, session=self._http, headers=self._sign_in(username), timeout=30)
        case.validate_response(answer, checks=CHECKS)
        if username in ACCOUNTS and (answer.status_code == 401 or "/logout" in case.path):
            self._tokens.pop(username, None)

    def _sign_in(self, username: str) -> dict[str, str]:
        if username == ANONYMOUS:
            return {}
        if username not in self._tokens:
            body = {"username": username, "password": PASSWORD}
            answer = self._http.post(f"{self.url}/auth/login", json=body, timeout=30)
            self._tokens[username] = answer.json()["access_token"]
        return {"Authorization": f"Bearer {self._tokens[username]}"}


def find_failures(document: dict[str, Any], callers: SchemaCallers) -> Iterator[str]:
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        for mode in modes_of(operation):
            try:
                callers.call(operation, mode)
            except Exception as error:
                yield f"{operation.label}, {mode.value}: {type(error).__name__}: {error}"


def modes_of(operation: Any) -> Sequence[GenerationMode]:
    """An operation without parameters and body has no invalid requests."""
    takes_something = operation.body or any(True for _ in operation.iter_parameters())
    return (GenerationMode.POSITIVE, GenerationMode.NEGATIVE) if takes_something else (GenerationMode.POSITIVE,)


@pytest.fixture
def limits() -> FailureLimits:
    """Failed sign-ins must not lock out the callers of this test."""
    return FailureLimits(Allowance(10**6, 10**6))


@pytest.fixture
async def known(users: Users, engine: AsyncEngine) -> dict[str, list[str]]:
    """Return existing ids by the names of their path parameters, and a service key."""
    classroom = await make_classroom(engine, users)
    await users.make(Role.STUDENT, "student")
    admin = await users.make(Role.ADMIN, "root")
    keys = [(await admin.post("/admin/service-keys", {"name": PROGRAM, "scopes": ["analysis"]})).json() for _ in "ab"]
    attempt_id, ended = await classroom.start_attempt("Ada Example"), await classroom.start_attempt("Eve Example")
    stream_id = await classroom.record(attempt_id)
    flags = [str(await classroom.flag(attempt_id, (stream_id, 1))) for _ in range(3)]
    await classroom.end(ended, percentage=50.0, dropout_label="copy")
    async with engine.begin() as conn:
        spare = str(await make_user(conn))
    return {
        "exam_id": [str(classroom.exam_id)],
        "attempt_id": [str(attempt_id), str(ended)],
        "flag_id": flags,
        "student_id": [spare],
        "user_id": [spare],
        "username": ["teacher"],
        "key_id": [keys[0]["key_id"]],
        "key": [keys[1]["key"]],
    }


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_every_answer_matches_the_schema(app: Litestar, url: str, known: dict[str, list[str]]) -> None:
    document = app.openapi_schema.to_schema()
    callers = SchemaCallers(url, known, *known.pop("key"))
    found = await asyncio.to_thread(lambda: list(find_failures(document, callers)))
    assert found == [], "\n\n".join(found)
    assert callers.calls >= len(document["paths"]) * (2 + len(ACCOUNTS))
