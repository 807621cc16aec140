"""Commands from consoles and REST: messages to candidates, ends of attempts, waivers, and reviews of flags.

Each command is one transaction with its permission check, its audit rows and its recorded result, so that a repeated
command returns the same result and changes nothing. A command that is refused as a whole changes and records nothing.
Nothing here sends to a candidate: hubs pass on the instructions that a command stores.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from types import TracebackType
from typing import Final, Self
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import Conflict, Forbidden, IdReused, NotFound, RequestError, sqlstate_of
from db.idempotency import idempotent
from db.queries import access
from db.queries.attempts.end import EndedAttempt, Ending, end_attempts
from db.queries.attempts.waivers import waive_stream
from db.queries.console import instructions
from db.queries.console.board import WATCHING
from db.queries.events.system_events import ServerEvent
from db.unit import ChangeNotifier, Unit, change
from hub.auth.guards import Principal
from hub.commands.reviews import Decision, review
from hub.errors import Busy, interpret
from hub.tasks import DetachedTasks
from judgement import grading
from judgement.attempts import Action, transition_of
from protocol.codes import ErrorCode
from protocol.console import Command, Outcome, Result, Room, Row
from protocol.limits import TAIL_MS
from protocol.roles import Permission

log = structlog.get_logger(__name__)

TEXT_CHARS: Final = 2_000
"""The longest message or reason."""

TRIES: Final = 3
"""How often a command is tried whose transaction met the locks of another one."""

_LOCKED: Final = frozenset({"40001", "40P01", "55P03"})

REQUIRED: Final[Mapping[str, Permission]] = {
    "message": Permission.INVIGILATE,
    "end": Permission.INVIGILATE,
    "waive": Permission.INVIGILATE,
    "review": Permission.REVIEW,
}
"""The permission that each action requires. With another permission of the exam, a user may only watch."""


class _Refusal(Exception):
    """The command as a whole cannot be carried out; the transaction is rolled back."""

    def __init__(self, code: ErrorCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code


_Action = Callable[[Unit, Principal, Command], Awaitable[Result]]


class Commands:
    """Carries out commands. One that has begun is finished even if its console disconnects."""

    def __init__(self, engine: AsyncEngine, notifier: ChangeNotifier, *, tries: int = TRIES) -> None:
        self._engine = engine
        self._notifier = notifier
        self._tries = tries
        self._tasks = DetachedTasks()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tasks.__aexit__(kind, error, trace)

    async def carry_out(self, principal: Principal, command: Command) -> Result:
        """Carry out a command and return its result. Raises only unexpected errors."""
        return await self._tasks.run(self._carry_out(principal, command))

    async def _carry_out(self, principal: Principal, command: Command) -> Result:
        action = _ACTIONS.get(command.action)
        if action is None:
            detail = f"The action {command.action[:64]!r} is unknown."
            return Result(command.id, [], ErrorCode.BAD_COMMAND, detail)
        try:
            return await self._try(action, principal, command)
        except _Refusal as refusal:
            return Result(command.id, [], refusal.code, str(refusal))
        except IdReused as error:
            return Result(command.id, [], ErrorCode.BAD_COMMAND, str(error))
        except Exception as error:
            meant = interpret(error)
            if not isinstance(meant, Busy):
                raise
            log.warning("command not carried out", action=command.action, error=type(error).__name__)
            return Result(command.id, [], ErrorCode.BUSY, str(meant))

    async def _try(self, action: _Action, principal: Principal, command: Command) -> Result:
        for _ in range(self._tries - 1):
            try:
                return await self._transact(action, principal, command)
            except DBAPIError as error:
                if sqlstate_of(error) not in _LOCKED:
                    raise
        return await self._transact(action, principal, command)

    async def _transact(self, action: _Action, principal: Principal, command: Command) -> Result:
        async with change(self._engine, self._notifier, detach=self._tasks.start) as unit:
            await _check_permission(unit.conn, principal, command)
            return await idempotent(
                unit,
                command.id,
                principal.user_id,
                _digest(command),
                partial(action, unit, principal, command),
                exam_id=command.exam_id,
                action=command.action,
            )


async def _check_permission(conn: AsyncConnection, principal: Principal, command: Command) -> None:
    permitted = await access.list_permissions(conn, command.exam_id, principal.user_id)
    if not set(permitted) & set(WATCHING):
        detail = f"You may not watch exam {command.exam_id}. Ask its creator for access."
        raise _Refusal(ErrorCode.FORBIDDEN, detail)
    required = REQUIRED[command.action]
    if required not in permitted:
        detail = f"You need the permission {required} for this. Ask the creator of the exam."
        raise _Refusal(ErrorCode.FORBIDDEN, detail)


async def _message(unit: Unit, principal: Principal, command: Command) -> Result:
    """Send a text to the students who are taking the exam now: to all, or to the named ones."""
    text = _text(command.text, "message")
    named = _named(command.to)
    rows = await instructions.issue_instructions(
        unit.conn,
        command.exam_id,
        named,
        action=command.action,
        body={"text": text},
        actor_id=principal.user_id,
        command_id=command.id,
    )
    if rows:
        unit.audit(
            actor_id=principal.user_id,
            action="message",
            resource="exam",
            resource_id=command.exam_id,
            details={"command": str(command.id), "attempts": str(len(rows))},
            ip=principal.place,
            address=principal.address,
            user_agent=principal.agent,
        )
    reached = [row.attempt_id for row in rows]
    unit.feed(command.exam_id, rows)
    unit.notify_instructions(reached)
    return Result(command.id, _message_outcomes(named, reached))


def _message_outcomes(named: Sequence[UUID] | None, reached: Sequence[UUID]) -> list[Outcome]:
    if named is None:
        return [Outcome(attempt_id=attempt_id, ok=True) for attempt_id in reached]
    detail, are_reached = "This student is not taking the exam now.", set(reached)
    return [
        Outcome(attempt_id=attempt_id, ok=True)
        if attempt_id in are_reached
        else Outcome(attempt_id=attempt_id, ok=False, code=ErrorCode.NOT_FOUND, detail=detail)
        for attempt_id in named
    ]


async def _end(unit: Unit, principal: Principal, command: Command) -> Result:
    """End attempts for a reason, and instruct each client to show it."""
    reason = _text(command.reason, "reason")
    named = _named(command.to)
    if named is None:
        raise _Refusal(ErrorCode.BAD_COMMAND, "Name the attempts to end: all at once is not possible.")
    transition = transition_of(Action.END)
    event = ServerEvent("ended", {"reason": reason, "by": str(principal.user_id)})
    ending = Ending(sources=transition.sources, target=transition.target, event=event, exam_id=command.exam_id)
    outcomes: dict[UUID, Outcome] = {}
    results = await end_attempts(unit.conn, dict.fromkeys(sorted(named), ending), grading)
    for attempt_id in sorted(named):
        outcomes[attempt_id], row = _outcome_of_end(attempt_id, results[attempt_id])
        if row is not None:
            unit.feed(command.exam_id, [row])
            unit.audit(
                actor_id=principal.user_id,
                action="end",
                resource="attempt",
                resource_id=attempt_id,
                details={"command": str(command.id)},
                ip=principal.place,
                address=principal.address,
                user_agent=principal.agent,
            )
    ended = [attempt_id for attempt_id in named if outcomes[attempt_id].ok]
    rows = await instructions.issue_instructions(
        unit.conn,
        command.exam_id,
        ended,
        action=command.action,
        body={"reason": reason},
        actor_id=principal.user_id,
        command_id=command.id,
        valid_s=TAIL_MS / 1000,
        among=[transition.target],
    )
    unit.feed(command.exam_id, rows)
    unit.notify_instructions(ended)
    unit.notify_attempts(ended)
    return Result(command.id, [outcomes[attempt_id] for attempt_id in named])


def _outcome_of_end(attempt_id: UUID, ended: EndedAttempt | RequestError) -> tuple[Outcome, Row | None]:
    if isinstance(ended, NotFound):
        detail = "This attempt does not belong to the exam."
        return Outcome(attempt_id=attempt_id, ok=False, code=ErrorCode.NOT_FOUND, detail=detail), None
    if isinstance(ended, RequestError):
        return Outcome(attempt_id=attempt_id, ok=False, code=ErrorCode.CONFLICT, detail=str(ended)), None
    if not ended.changed:
        detail, at = f"The attempt has already ended: {ended.status}.", ended.receipt.submitted_at
        return Outcome(attempt_id=attempt_id, ok=False, code=ErrorCode.CONFLICT, detail=detail, at=at), None
    return Outcome(attempt_id=attempt_id, ok=True), ended.row


async def _waive(unit: Unit, principal: Principal, command: Command) -> Result:
    """Let students read the paper without a connection, for a reason."""
    reason = _text(command.reason, "reason")
    named = _named(command.to)
    if named is None:
        raise _Refusal(ErrorCode.BAD_COMMAND, "Name the attempts: a waiver for all at once is not possible.")
    outcomes: dict[UUID, Outcome] = {}
    for attempt_id in sorted(named):
        try:
            row = await waive_stream(unit.conn, attempt_id, command.exam_id, reason=reason, actor_id=principal.user_id)
        except (NotFound, Conflict) as error:
            code = ErrorCode.NOT_FOUND if isinstance(error, NotFound) else ErrorCode.CONFLICT
            outcomes[attempt_id] = Outcome(attempt_id=attempt_id, ok=False, code=code, detail=str(error))
            continue
        outcomes[attempt_id] = Outcome(attempt_id=attempt_id, ok=True)
        if row is not None:
            unit.feed(command.exam_id, [row])
            unit.audit(
                actor_id=principal.user_id,
                action="waive",
                resource="attempt",
                resource_id=attempt_id,
                details={"command": str(command.id)},
                ip=principal.place,
                address=principal.address,
                user_agent=principal.agent,
            )
    return Result(command.id, [outcomes[attempt_id] for attempt_id in named])


async def _review(unit: Unit, principal: Principal, command: Command) -> Result:
    """Decide about a flag, if its status is still the one that the reviewer saw."""
    if command.flag_id is None or command.decision is None or command.seen is None:
        raise _Refusal(ErrorCode.BAD_COMMAND, "A review needs flag_id, decision and seen.")
    decision = Decision(
        command_id=command.id,
        exam_id=command.exam_id,
        flag_id=command.flag_id,
        seen=command.seen,
        decision=command.decision,
        reason=_text(command.reason, "reason"),
    )
    try:
        outcome = await review(unit, principal, decision)
    except NotFound as error:
        raise _Refusal(ErrorCode.NOT_FOUND, str(error)) from error
    except Forbidden as error:
        raise _Refusal(ErrorCode.FORBIDDEN, str(error)) from error
    return Result(command.id, [outcome])


def _named(to: str | list[UUID] | Room) -> list[UUID] | None:
    """Return the attempts that a command names, each once; None for all."""
    if isinstance(to, list):
        return list(dict.fromkeys(to))
    if to != "all":
        raise _Refusal(ErrorCode.BAD_COMMAND, '`to` must be "all" or a list of attempts.')
    return None


def _text(text: str | None, name: str) -> str:
    """Check a text from a user: not blank, not too long, and without NUL, which PostgreSQL cannot store."""
    if text is None or not text.strip() or len(text) > TEXT_CHARS or "\0" in text:
        raise _Refusal(ErrorCode.BAD_COMMAND, f"Enter a {name} of 1 to {TEXT_CHARS:,} characters.")
    return text


def _digest(command: Command) -> str:
    """Identify the content of a command. Fields that are None do not count, so a later version may add some."""
    fields = {name: value for name, value in msgspec.structs.asdict(command).items() if value is not None}
    return sha256(msgspec.json.encode(fields, order="sorted")).hexdigest()


_ACTIONS: Final[Mapping[str, _Action]] = {"message": _message, "end": _end, "waive": _waive, "review": _review}
