"""The sockets: which callers can connect, watch an exam, and send each command."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from protocol.flags import FlagStatus
from protocol.roles import Permission
from tests.hub.rest.access.rows import ADMIN, ANONYMOUS, CALLERS, CREATOR, SERVICE, STRANGER, STUDENTS
from tests.hub.rest.access.setup import AccessSetup

ROWS: list[Any] = []
"""Sockets are not routes with an answer."""

CLOSED: Mapping[str, Mapping[str, int | None]] = {
    "/ws/console": dict.fromkeys(CALLERS) | dict.fromkeys(STUDENTS, 4403) | {ANONYMOUS: 4401, SERVICE: 4401},
    "/ws/monitor": dict.fromkeys(CALLERS, 4403) | {CALLERS[2]: None, ANONYMOUS: 4401, SERVICE: 4401},
}
"""The close code for each caller; None is a welcome. The hello names the student's attempt."""

BOARD_VIEWERS = {CREATOR, ADMIN, Permission.VIEW, Permission.INVIGILATE, Permission.REVIEW}
"""Callers who can see the exam's board."""

WELCOME = [caller for caller, code in CLOSED["/ws/console"].items() if code is None]


@dataclass(frozen=True)
class CommandRow:
    """One command of a console, its permission and its arguments."""

    action: str
    permission: Permission
    arguments: Callable[[AccessSetup], Awaitable[dict[str, Any]]]

    def is_for(self, caller: str) -> bool:
        return caller in (CREATOR, ADMIN, self.permission) and caller != STRANGER


async def _message(setup: AccessSetup) -> dict[str, Any]:
    return {"to": [setup.attempt_id], "text": "Five minutes"}


async def _review(setup: AccessSetup) -> dict[str, Any]:
    decision = {"decision": FlagStatus.DISMISSED, "seen": FlagStatus.OPEN, "reason": "a notification"}
    return {"flag_id": await setup.flag(), **decision}


async def _end(setup: AccessSetup) -> dict[str, Any]:
    return {"to": [await setup.attempt()], "reason": "the exam room is cleared"}


async def _waive(setup: AccessSetup) -> dict[str, Any]:
    return {"to": [await setup.attempt()], "reason": "the network blocks sockets"}


COMMANDS = [
    CommandRow("message", Permission.INVIGILATE, _message),
    CommandRow("review", Permission.REVIEW, _review),
    CommandRow("end", Permission.INVIGILATE, _end),
    CommandRow("waive", Permission.INVIGILATE, _waive),
]
