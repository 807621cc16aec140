"""A row of the access matrix: one route, and its status for each kind of caller.

A table is a list `ROWS` in a module of this folder; a new route needs a row in one of them, or the law in
tests/hub/rest/test_access.py fails.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from protocol.roles import Permission
from tests.hub.rest.access.setup import AccessSetup

ANONYMOUS, SERVICE = "anonymous", "a program with a key"
STUDENT, OTHER_STUDENT = "the student", "a student of another exam"
STRANGER, CREATOR, ADMIN = "a teacher of another exam", "the creator", "an administrator"
GRANTEES = [permission.value for permission in Permission]
"""Teachers who have only this permission for the exam."""

CALLERS = [ANONYMOUS, SERVICE, STUDENT, OTHER_STUDENT, STRANGER, *GRANTEES, CREATOR, ADMIN]
"""Callers who are rejected come before callers who change something."""


@dataclass(frozen=True)
class Call:
    """The path parameters, body and query of one call; other path parameters are those of the setup."""

    params: Mapping[str, object] = field(default_factory=dict)
    body: Any = None
    query: Mapping[str, Any] = field(default_factory=dict)


Filling = Callable[[AccessSetup, str], Awaitable[Call]]
"""Creates what a call needs, once for each caller."""


@dataclass(frozen=True)
class Row:
    """The status of a route, written as in the app, for each caller."""

    route: str
    expect: Mapping[str, int]
    fill: Filling | None = None
    in_new_session: bool = False
    """For a route that ends the session with which it is called."""

    audited: bool | None = None
    """Whether it stores an audit row. None: writes do, reads do not."""

    @property
    def method(self) -> str:
        return self.route.partition(" ")[0]

    @property
    def is_audited(self) -> bool:
        done = any(status < 300 for status in self.expect.values())
        return done and (self.method != "GET" if self.audited is None else self.audited)

    @property
    def path(self) -> str:
        return self.route.partition(" ")[2]


def permitted(*any_of: Permission, ok: int = 200, otherwise: int = 403) -> dict[str, int]:
    """The creator, administrators, and teachers with one of these permissions. For others the exam does not exist."""
    answers = {ANONYMOUS: 401, SERVICE: 401, STUDENT: 403, OTHER_STUDENT: 403, STRANGER: 404, CREATOR: ok, ADMIN: ok}
    return answers | {name: ok if name in any_of else otherwise for name in GRANTEES}


def own(*, ok: int = 200) -> dict[str, int]:
    """Only the student to whom it belongs."""
    answers = dict.fromkeys(CALLERS, 403)
    return answers | {ANONYMOUS: 401, SERVICE: 401, STUDENT: ok, OTHER_STUDENT: 404}


def for_roles(*callers: str, ok: int = 200) -> dict[str, int]:
    """Only these callers, for all exams."""
    return dict.fromkeys(CALLERS, 403) | {ANONYMOUS: 401, SERVICE: 401} | dict.fromkeys(callers, ok)


def for_all(ok: int = 200) -> dict[str, int]:
    """All callers, signed in or not."""
    return dict.fromkeys(CALLERS, ok)


def for_programs(ok: int = 200) -> dict[str, int]:
    """Programs with a key that has the scope; an access token is not a key."""
    return dict.fromkeys(CALLERS, 401) | {SERVICE: ok}


TEACHERS = [STRANGER, *GRANTEES, CREATOR]
STUDENTS = [STUDENT, OTHER_STUDENT]


def filled(body: Any = None, **params: object) -> Filling:
    """Return a filling that is the same for all callers."""

    async def fill(setup: AccessSetup, caller: str) -> Call:
        del setup, caller
        return Call(params, body)

    return fill
