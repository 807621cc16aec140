"""Reviews: a human reviewer decides about a flag, in the transaction of a command.

Flag, score, audit row and feed rows change together or not at all. A rule never decides about a flag, a reviewer only
about the status that they saw, and never about their own escalation.
"""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import msgspec

from db.errors import NotFound
from db.queries import access
from db.queries.console.board import read_flag_row
from db.queries.evaluation import scores
from db.queries.review import decisions
from db.unit import Unit
from hub.auth.guards import Principal
from judgement.score.scoring import score_attempt
from protocol.codes import ErrorCode
from protocol.console import Outcome
from protocol.flags import FlagStatus
from protocol.roles import Permission

DECISIONS: Final[Mapping[FlagStatus, frozenset[FlagStatus]]] = {
    FlagStatus.OPEN: frozenset({FlagStatus.CONFIRMED, FlagStatus.DISMISSED, FlagStatus.ESCALATED}),
    FlagStatus.ESCALATED: frozenset({FlagStatus.CONFIRMED, FlagStatus.DISMISSED}),
    # The opposite decision, with its own reason, replaces a decision; a flag is never undecided again.
    FlagStatus.CONFIRMED: frozenset({FlagStatus.DISMISSED}),
    FlagStatus.DISMISSED: frozenset({FlagStatus.CONFIRMED}),
    FlagStatus.WITHDRAWN: frozenset(),
}
"""The decisions that each status allows (docs/evaluation.md). Another reviewer must decide about an escalation."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A decision about a flag: the status that the reviewer saw (`seen`), the new one, and why."""

    command_id: UUID
    exam_id: UUID
    flag_id: UUID
    seen: FlagStatus
    decision: FlagStatus
    reason: str


async def review(unit: Unit, principal: Principal, decision: Decision) -> Outcome:
    """Decide about a flag, if its status is still the one that the reviewer saw; otherwise change nothing.

    Raises NotFound if the exam has no such flag, and NotFound or Forbidden if the user may not review in it.
    """
    await access.require(unit.conn, decision.exam_id, principal.user_id, Permission.REVIEW)
    flag = await decisions.lock_flag(unit.conn, decision.exam_id, decision.flag_id)
    if flag is None:
        raise NotFound(f"This exam has no flag {decision.flag_id}.")
    refusal = _refuse(flag, principal, decision.seen, decision.decision)
    if refusal is not None:
        return refusal
    await decisions.store_decision(
        unit.conn,
        flag_id=decision.flag_id,
        seen=decision.seen,
        decision=decision.decision,
        reviewer_id=principal.user_id,
        command_id=decision.command_id,
        reason=decision.reason,
    )
    unit.audit(
        actor_id=principal.user_id,
        action="review",
        resource="flag",
        resource_id=decision.flag_id,
        details={"command": str(decision.command_id), "from": decision.seen, "to": decision.decision},
        ip=principal.place,
        address=principal.address,
        user_agent=principal.agent,
    )
    score = await scores.rescore(unit.conn, flag.attempt_id, score_attempt)
    unit.feed(decision.exam_id, [await read_flag_row(unit.conn, decision.flag_id)])
    if score is not None:
        unit.feed(decision.exam_id, [score])
    return Outcome(attempt_id=flag.attempt_id, ok=True)


def _refuse(flag: decisions.LockedFlag, principal: Principal, seen: FlagStatus, decision: FlagStatus) -> Outcome | None:
    """Return why this decision is not possible, or None."""
    if flag.status is not seen:
        return Outcome(
            attempt_id=flag.attempt_id,
            ok=False,
            code=ErrorCode.CONFLICT,
            detail=f"The flag is {flag.status} now. Read it again before you decide.",
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
