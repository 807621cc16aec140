"""Reviews: a person decides about a flag, whichever way they came, in the transaction of the command that says so.

Flag, score, trail and the rows for the feed change together or not at all. No flag is decided about by a rule, nor by
somebody who saw it otherwise than it is; an escalation is never answered by who made it.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import NotFound
from db.queries import access, audit
from db.queries.console.board import read_flag_row
from db.queries.evaluation import scores
from db.queries.review import decisions
from hub.auth.guards import Principal
from judgement.score.scoring import score_attempt
from protocol.codes import ErrorCode
from protocol.console import Outcome, Row
from protocol.flags import FlagStatus
from protocol.roles import Permission

DECISIONS: Final[Mapping[FlagStatus, frozenset[FlagStatus]]] = {
    FlagStatus.OPEN: frozenset({FlagStatus.CONFIRMED, FlagStatus.DISMISSED, FlagStatus.ESCALATED}),
    FlagStatus.ESCALATED: frozenset({FlagStatus.CONFIRMED, FlagStatus.DISMISSED}),
    # A decision is undone by the opposite one, with its own reason; nothing goes back to undecided.
    FlagStatus.CONFIRMED: frozenset({FlagStatus.DISMISSED}),
    FlagStatus.DISMISSED: frozenset({FlagStatus.CONFIRMED}),
    FlagStatus.WITHDRAWN: frozenset(),
}
"""What a person may decide about a flag, by its status; an escalation is answered by another person (JUDGEMENT §5)."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a person decides about a flag, the status they saw it in, and why; `command_id` names it for good."""

    command_id: UUID
    exam_id: UUID
    flag_id: UUID
    seen: FlagStatus
    decision: FlagStatus
    reason: str


class Reviewed(msgspec.Struct, frozen=True):
    """What a decision came to, and the feed rows it wants; a refused one has changed nothing."""

    outcome: Outcome
    rows: Sequence[Row] = ()


async def review(conn: AsyncConnection, principal: Principal, decision: Decision) -> Reviewed:
    """Decide about a flag, if it still is as the person saw it.

    Raises NotFound when this exam has no such flag, NotFound or Forbidden for who may not review in it.
    """
    await access.require(conn, decision.exam_id, principal.user_id, Permission.REVIEW)
    flag = await decisions.lock_flag(conn, decision.exam_id, decision.flag_id)
    if flag is None:
        raise NotFound(f"There is no flag {decision.flag_id} in this exam.")
    refusal = _refuse(flag, principal, decision.seen, decision.decision)
    if refusal is not None:
        return Reviewed(refusal)
    await decisions.store_decision(
        conn,
        flag_id=decision.flag_id,
        seen=decision.seen,
        decision=decision.decision,
        reviewer_id=principal.user_id,
        command_id=decision.command_id,
        reason=decision.reason,
    )
    await audit.append(
        conn,
        actor_id=principal.user_id,
        action="review",
        resource="flag",
        resource_id=decision.flag_id,
        details={
            "command": str(decision.command_id),
            "from": decision.seen,
            "to": decision.decision,
            "reason": decision.reason,
        },
        ip=principal.address,
        user_agent=principal.agent,
    )
    score = await scores.rescore(conn, flag.attempt_id, score_attempt)
    rows: list[Row] = [await read_flag_row(conn, decision.flag_id)]
    return Reviewed(Outcome(attempt_id=flag.attempt_id, ok=True), rows if score is None else [*rows, score])


def _refuse(flag: decisions.LockedFlag, principal: Principal, seen: FlagStatus, decision: FlagStatus) -> Outcome | None:
    """Why this decision cannot be made about the flag as it is, or None."""
    if flag.status is not seen:
        return Outcome(
            attempt_id=flag.attempt_id,
            ok=False,
            code=ErrorCode.CONFLICT,
            detail=f"The flag is already {flag.status}.",
            by=None if flag.last is None else flag.last.reviewer,
            at=None if flag.last is None else flag.last.at,
        )
    if decision not in DECISIONS[seen]:
        detail = f"A flag that is {seen} cannot become {decision}."
        return Outcome(attempt_id=flag.attempt_id, ok=False, code=ErrorCode.BAD_COMMAND, detail=detail)
    if seen is FlagStatus.ESCALATED and flag.last is not None and flag.last.reviewer_id == principal.user_id:
        detail = "You escalated this flag. Another reviewer must decide about it."
        return Outcome(attempt_id=flag.attempt_id, ok=False, code=ErrorCode.FORBIDDEN, detail=detail)
    return None
