"""The sockets: who is welcome, who may watch an exam, and who may give which order in it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from protocol.flags import FlagStatus
from protocol.roles import Permission
from tests.hub.rest.access.rows import ADMIN, CALLERS, MAKER, NOBODY, SERVICE, STRANGER, STUDENTS
from tests.hub.rest.access.stage import Stage

ROWS: list[Any] = []
"""Sockets are no routes that answer a request."""

CLOSED: Mapping[str, Mapping[str, int | None]] = {
    "/ws/console": dict.fromkeys(CALLERS) | dict.fromkeys(STUDENTS, 4403) | {NOBODY: 4401, SERVICE: 4401},
    "/ws/monitor": dict.fromkeys(CALLERS, 4403) | {CALLERS[2]: None, NOBODY: 4401, SERVICE: 4401},
}
"""With which code a hello is refused; None is a welcome. A monitor's hello names the student's attempt."""

WATCHERS = {MAKER, ADMIN, Permission.VIEW, Permission.INVIGILATE, Permission.REVIEW}
"""Whom the exam's board is shown."""

ASKING = [caller for caller, code in CLOSED["/ws/console"].items() if code is None]


@dataclass(frozen=True)
class Order:
    """One command of a console, who may give it, and what it says."""

    action: str
    permission: Permission
    says: Callable[[Stage], Awaitable[dict[str, Any]]]

    def is_for(self, caller: str) -> bool:
        return caller in (MAKER, ADMIN, self.permission) and caller != STRANGER


async def _message(stage: Stage) -> dict[str, Any]:
    return {"to": [stage.attempt_id], "text": "Five minutes"}


async def _review(stage: Stage) -> dict[str, Any]:
    decision = {"decision": FlagStatus.DISMISSED, "seen": FlagStatus.OPEN, "reason": "a notification"}
    return {"flag_id": await stage.flag(), **decision}


async def _end(stage: Stage) -> dict[str, Any]:
    return {"to": [await stage.attempt()], "reason": "the room is cleared"}


ORDERS = [
    Order("message", Permission.INVIGILATE, _message),
    Order("review", Permission.REVIEW, _review),
    Order("end", Permission.INVIGILATE, _end),
]
