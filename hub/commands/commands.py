"""Commands of the people who watch: messages to candidates, ends, and reviews of flags, each in one transaction.

A person decides: every command names who gave it, is checked anew against what they may see, and leaves an audit row.
What one came to is recorded with it: a repeated command gives the same result and does nothing twice. One that is
refused as a whole has done nothing and leaves nothing. Nothing here talks to a candidate.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import sha256
from types import TracebackType
from typing import Any, Final, Protocol, Self
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import Conflict, Forbidden, NotFound, sqlstate_of
from db.queries import access, audit, feed
from db.queries.attempts.end import Ending, end_attempt
from db.queries.console import commands, instructions
from db.queries.console.board import WATCHING
from db.queries.events.system_events import ServerEvent
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
"""How long a message or a reason may be."""

TRIES: Final = 3
"""How often a command is tried whose transaction met another's locks."""

_LOCKED: Final = frozenset({"40001", "40P01", "55P03"})


WANTED: Final[Mapping[str, Permission]] = {
    "message": Permission.INVIGILATE,
    "end": Permission.INVIGILATE,
    "review": Permission.REVIEW,
}
"""Which permission a command wants; who holds only others of an exam may watch what comes of it."""


class Announcer(Protocol):
    """Notifies other processes: `db.notify.Notifier`."""

    async def notify(self, channel: Any, key: UUID) -> None:
        """Give a hint; never raises, never waits long."""


class _Done(msgspec.Struct, frozen=True):
    """What a command came to: its result, the feed rows it wrote, whose clients have something to do, and who ended."""

    result: Result
    rows: Sequence[Row] = ()
    instructed: Sequence[UUID] = ()
    ended: Sequence[UUID] = ()


class _Refused(Exception):
    """The command as a whole cannot be carried out; the transaction is rolled back."""

    def __init__(self, code: ErrorCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code


_Action = Callable[[AsyncConnection, Principal, Command], Awaitable[_Done]]


class Commands:
    """Carries commands out. One once begun is finished, whether or not its console is still there."""

    def __init__(self, engine: AsyncEngine, notifier: Announcer) -> None:
        self._engine = engine
        self._notifier = notifier
        self._tasks = DetachedTasks()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tasks.__aexit__(kind, error, trace)

    async def carry_out(self, principal: Principal, command: Command) -> Result:
        """Carry a command out and say what came of it; nothing is raised but what nobody foresaw."""
        return await self._tasks.run(self._carry_out(principal, command))

    async def _carry_out(self, principal: Principal, command: Command) -> Result:
        action = _ACTIONS.get(command.action)
        if action is None:
            return Result(command.id, [], ErrorCode.BAD_COMMAND, f"no such action: {command.action[:64]!r}")
        try:
            done = await self._try(action, principal, command)
        except _Refused as refused:
            return Result(command.id, [], refused.code, str(refused))
        except Exception as error:
            meant = interpret(error)
            if not isinstance(meant, Busy):
                raise
            log.warning("command not carried out", action=command.action, error=type(error).__name__)
            return Result(command.id, [], ErrorCode.BUSY, str(meant))
        self._tasks.start(self._notify_all(command.exam_id, done))
        return done.result

    async def _try(self, action: _Action, principal: Principal, command: Command) -> _Done:
        for _ in range(TRIES - 1):
            try:
                return await self._transact(action, principal, command)
            except DBAPIError as error:
                if sqlstate_of(error) not in _LOCKED:
                    raise
        return await self._transact(action, principal, command)

    async def _transact(self, action: _Action, principal: Principal, command: Command) -> _Done:
        async with self._engine.begin() as conn:
            await _check_permission(conn, principal, command)
            past, digest = await commands.lock_command(conn, command.id), _digest(command)
            if past is not None:
                if (past.actor_id, past.digest) != (principal.user_id, digest):
                    raise _Refused(ErrorCode.BAD_COMMAND, "this id was another command's")
                return _Done(past.result)
            done = await action(conn, principal, command)
            past = commands.StoredCommand(command.exam_id, principal.user_id, command.action, digest, done.result)
            await commands.store_command(conn, command.id, past)
            if done.rows:
                await feed.append(conn, command.exam_id, done.rows)
            return done

    async def _notify_all(self, exam_id: UUID, done: _Done) -> None:
        if done.rows:
            await self._notifier.notify("feed", exam_id)
        for attempt_id in done.instructed:
            await self._notifier.notify("instructions", attempt_id)
        for attempt_id in done.ended:
            await self._notifier.notify("attempt", attempt_id)


async def _check_permission(conn: AsyncConnection, principal: Principal, command: Command) -> None:
    permitted = await access.list_permissions(conn, command.exam_id, principal.user_id)
    if not set(permitted) & set(WATCHING):
        raise _Refused(ErrorCode.FORBIDDEN, f"no exam {command.exam_id} that you may watch")
    wanted = WANTED[command.action]
    if wanted not in permitted:
        raise _Refused(ErrorCode.FORBIDDEN, f"{command.action} wants the permission {wanted}")


async def _message(conn: AsyncConnection, principal: Principal, command: Command) -> _Done:
    """Show a text to the candidates who are sitting the exam now: all, or those named."""
    text = _text(command.text, "text")
    named = _named(command.to)
    rows = await instructions.issue_instructions(
        conn,
        command.exam_id,
        named,
        action=command.action,
        body={"text": text},
        actor_id=principal.user_id,
        command_id=command.id,
    )
    if rows:
        await audit.append(
            conn,
            actor_id=principal.user_id,
            action="message",
            resource="exam",
            resource_id=command.exam_id,
            details={"command": str(command.id), "attempts": str(len(rows))},
            ip=principal.address,
            user_agent=principal.agent,
        )
    reached = [row.attempt_id for row in rows]
    return _Done(Result(command.id, _reached(named, reached)), rows, reached)


async def _end(conn: AsyncConnection, principal: Principal, command: Command) -> _Done:
    """End attempts, for a reason: each with all that belongs to its end, and its client is told why."""
    reason = _text(command.reason, "reason")
    named = _named(command.to)
    if named is None:
        raise _Refused(ErrorCode.BAD_COMMAND, "who ends attempts names them")
    way = transition_of(Action.END)
    fact = ServerEvent("ended", {"reason": reason, "by": str(principal.user_id)})
    ending = Ending(sources=way.sources, target=way.target, event=fact, exam_id=command.exam_id)
    outcomes: dict[UUID, Outcome] = {}
    rows: list[Row] = []
    for attempt_id in sorted(named):
        outcomes[attempt_id], row = await _end_one(conn, attempt_id, ending)
        if row is not None:
            rows.append(row)
            await audit.append(
                conn,
                actor_id=principal.user_id,
                action="end",
                resource="attempt",
                resource_id=attempt_id,
                details={"command": str(command.id), "reason": reason},
                ip=principal.address,
                user_agent=principal.agent,
            )
    ended = [attempt_id for attempt_id in named if outcomes[attempt_id].ok]
    rows += await instructions.issue_instructions(
        conn,
        command.exam_id,
        ended,
        action=command.action,
        body={"reason": reason},
        actor_id=principal.user_id,
        command_id=command.id,
        valid_s=TAIL_MS / 1000,
        among=[way.target],
    )
    return _Done(Result(command.id, [outcomes[attempt_id] for attempt_id in named]), rows, ended, ended)


async def _end_one(conn: AsyncConnection, attempt_id: UUID, ending: Ending) -> tuple[Outcome, Row | None]:
    try:
        ended = await end_attempt(conn, attempt_id, ending, grading)
    except NotFound:
        return Outcome(attempt_id=attempt_id, ok=False, code=ErrorCode.NOT_FOUND, detail="not in this exam"), None
    except Conflict as error:
        return Outcome(attempt_id=attempt_id, ok=False, code=ErrorCode.CONFLICT, detail=str(error)), None
    if not ended.changed:
        detail, at = f"it has ended already: {ended.status}", ended.receipt.submitted_at
        return Outcome(attempt_id=attempt_id, ok=False, code=ErrorCode.CONFLICT, detail=detail, at=at), None
    return Outcome(attempt_id=attempt_id, ok=True), ended.row


def _named(to: str | list[UUID] | Room) -> list[UUID] | None:
    """The attempts an order names, each once; None for all."""
    if isinstance(to, list):
        return list(dict.fromkeys(to))
    if to != "all":
        raise _Refused(ErrorCode.BAD_COMMAND, '`to` is "all" or a list of attempts')
    return None


def _reached(named: Sequence[UUID] | None, reached: Sequence[UUID]) -> list[Outcome]:
    if named is None:
        return [Outcome(attempt_id=attempt_id, ok=True) for attempt_id in reached]
    found = set(reached)
    return [
        Outcome(attempt_id=attempt_id, ok=True)
        if attempt_id in found
        else Outcome(attempt_id=attempt_id, ok=False, code=ErrorCode.NOT_FOUND, detail="not sitting this exam now")
        for attempt_id in named
    ]


async def _review(conn: AsyncConnection, principal: Principal, command: Command) -> _Done:
    """Decide about a flag, if it still is as the person saw it."""
    if command.flag_id is None or command.decision is None or command.seen is None:
        raise _Refused(ErrorCode.BAD_COMMAND, "review wants flag_id, decision and seen")
    decision = Decision(
        command_id=command.id,
        exam_id=command.exam_id,
        flag_id=command.flag_id,
        seen=command.seen,
        decision=command.decision,
        reason=_text(command.reason, "reason"),
    )
    try:
        reviewed = await review(conn, principal, decision)
    except NotFound as error:
        raise _Refused(ErrorCode.NOT_FOUND, str(error)) from error
    except Forbidden as error:
        raise _Refused(ErrorCode.FORBIDDEN, str(error)) from error
    return _Done(Result(command.id, [reviewed.outcome]), reviewed.rows)


def _digest(command: Command) -> str:
    """Tell orders apart by what they say; fields that say nothing may come to be, as programs change."""
    said = {name: value for name, value in msgspec.structs.asdict(command).items() if value is not None}
    return sha256(msgspec.json.encode(said, order="sorted")).hexdigest()


def _text(text: str | None, name: str) -> str:
    """A text a person wrote: something, not too much, and nothing PostgreSQL cannot keep."""
    if text is None or not text.strip() or len(text) > TEXT_CHARS or "\0" in text:
        raise _Refused(ErrorCode.BAD_COMMAND, f"{name} wants 1 to {TEXT_CHARS} characters")
    return text


_ACTIONS: Final[Mapping[str, _Action]] = {"message": _message, "end": _end, "review": _review}
