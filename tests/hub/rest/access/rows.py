"""A row of the access matrix: one route, and what it answers to each kind of caller.

A table is a list `ROWS` in a module of this folder; a new route needs a row in one of them, or the law in
tests/hub/rest/test_access.py fails.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from protocol.roles import Permission
from tests.hub.rest.access.stage import Stage

NOBODY, SERVICE = "nobody", "a program with a key"
STUDENT, OTHER_STUDENT = "the student", "a student of another exam"
STRANGER, MAKER, ADMIN = "a teacher of another exam", "the maker", "an administrator"
GRANTEES = [permission.value for permission in Permission]
"""Teachers who were permitted this one thing with the exam."""

CALLERS = [NOBODY, SERVICE, STUDENT, OTHER_STUDENT, STRANGER, *GRANTEES, MAKER, ADMIN]
"""Those who are refused come before those who change something."""


@dataclass(frozen=True)
class Call:
    """What one call fills a route with: path parameters other than the stage's own, and a body."""

    params: Mapping[str, object] = field(default_factory=dict)
    body: Any = None
    query: Mapping[str, Any] = field(default_factory=dict)


Filling = Callable[[Stage, str], Awaitable[Call]]
"""Makes what a call is about, anew for each caller."""


@dataclass(frozen=True)
class Row:
    """What a route, spelt as the app has it, answers to each caller."""

    route: str
    expect: Mapping[str, int]
    fill: Filling | None = None
    signed_in_anew: bool = False
    """For what ends the session it is called with."""

    noted: bool | None = None
    """Whether it leaves an audit row; None: every write does, and no reading."""

    @property
    def method(self) -> str:
        return self.route.partition(" ")[0]

    @property
    def is_noted(self) -> bool:
        done = any(status < 300 for status in self.expect.values())
        return done and (self.method != "GET" if self.noted is None else self.noted)

    @property
    def path(self) -> str:
        return self.route.partition(" ")[2]


def permitted(*any_of: Permission, ok: int = 200, otherwise: int = 403) -> dict[str, int]:
    """The exam's maker, administrators, and whom one of these was permitted; no others hear that it is there."""
    answers = {NOBODY: 401, SERVICE: 401, STUDENT: 403, OTHER_STUDENT: 403, STRANGER: 404, MAKER: ok, ADMIN: ok}
    return answers | {name: ok if name in any_of else otherwise for name in GRANTEES}


def own(*, ok: int = 200) -> dict[str, int]:
    """The student whose it is, and no other student."""
    answers = dict.fromkeys(CALLERS, 403)
    return answers | {NOBODY: 401, SERVICE: 401, STUDENT: ok, OTHER_STUDENT: 404}


def for_roles(*callers: str, ok: int = 200) -> dict[str, int]:
    """These callers, whatever the exam; programs and strangers to the hub are unknown here."""
    return dict.fromkeys(CALLERS, 403) | {NOBODY: 401, SERVICE: 401} | dict.fromkeys(callers, ok)


def for_everybody(ok: int = 200) -> dict[str, int]:
    """Whoever asks, signed in or not."""
    return dict.fromkeys(CALLERS, ok)


def for_programs(ok: int = 200) -> dict[str, int]:
    """Programs with a key of the scope; a person's token is no key."""
    return dict.fromkeys(CALLERS, 401) | {SERVICE: ok}


TEACHERS = [STRANGER, *GRANTEES, MAKER]
STUDENTS = [STUDENT, OTHER_STUDENT]


def filled(body: Any = None, **params: object) -> Filling:
    """The same for every caller."""

    async def fill(stage: Stage, caller: str) -> Call:
        del stage, caller
        return Call(params, body)

    return fill
