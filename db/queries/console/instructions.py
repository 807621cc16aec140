"""Instructions to the clients of candidates, numbered for each attempt, and sent until a result arrives.

Never appends to a feed: the caller does, with the rows that it gets.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    DateTime,
    Row,
    Uuid,
    any_,
    bindparam,
    cast,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from db.clock import to_ms
from db.models import ExamAttempt, Instruction
from protocol.attempts import RUNNING, AttemptStatus, InstructionState
from protocol.console import InstructionRow
from protocol.monitor import Instruct

CODE_CHARS = 64
"""The code of a failed instruction is cut to this length."""

COLLAPSING = ("pause", "resume")
"""Of these actions, a client gets only the last one."""

EXPIRED_AT_ONCE = 1_000

_SHOWN = (
    Instruction.attempt_id,
    Instruction.n,
    Instruction.action,
    Instruction.body,
    Instruction.state,
    Instruction.code,
)


async def issue_instructions(
    conn: AsyncConnection,
    exam_id: UUID,
    attempt_ids: Sequence[UUID] | None,
    *,
    action: str,
    body: dict[str, str],
    actor_id: UUID,
    command_id: UUID,
    valid_s: float | None = None,
    among: Collection[AttemptStatus] = RUNNING,
) -> list[InstructionRow]:
    """Create an instruction for running attempts of this exam, all or those named; return the rows for the board.

    `among` selects other statuses. After `valid_s` seconds the instruction expires. Commands of one exam follow each
    other from here to COMMIT, which makes the numbers correct.
    """
    await conn.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(exam_id), 0))))
    number = (
        select(func.coalesce(func.max(Instruction.n), 0) + 1)
        .where(Instruction.attempt_id == ExamAttempt.id)
        .scalar_subquery()
    )
    until = null() if valid_s is None else func.now() + timedelta(seconds=valid_s)
    chosen = select(
        ExamAttempt.id,
        number,
        literal(action),
        literal(body, postgresql.JSONB),
        literal(actor_id, Uuid),
        literal(command_id, Uuid),
        cast(until, DateTime(timezone=True)),
    ).where(ExamAttempt.exam_id == exam_id, ExamAttempt.status.in_(among))
    if attempt_ids is not None:
        chosen = chosen.where(ExamAttempt.id == _any_of(attempt_ids))
    created = await conn.execute(
        insert(Instruction)
        .from_select(
            ["attempt_id", "n", "action", "body", "actor_id", "command_id", "valid_until"],
            chosen.order_by(ExamAttempt.ix),
        )
        .returning(*_SHOWN)
    )
    return [_row(row) for row in created]


_later: Final = aliased(Instruction)
_is_collapsed: Final = Instruction.action.in_(COLLAPSING) & exists().where(
    _later.attempt_id == Instruction.attempt_id, _later.n > Instruction.n, _later.action.in_(COLLAPSING)
)
_PENDING: Final = (
    select(Instruction)
    .where(
        Instruction.attempt_id == any_(bindparam("attempts", type_=ARRAY(Uuid))),
        Instruction.state == InstructionState.SENT,
        or_(Instruction.valid_until.is_(None), Instruction.valid_until > func.now()),
        ~_is_collapsed,
    )
    .order_by(Instruction.attempt_id, Instruction.n)
)


async def list_pending(conn: AsyncConnection, attempt_ids: Sequence[UUID]) -> dict[UUID, list[Instruct]]:
    """List the pending instructions of each attempt, in order. Attempts without any are left out.

    Of pause and resume only the last one counts. The earlier ones are never sent again, regardless of its result.
    """
    found = await conn.execute(_PENDING, {"attempts": list(attempt_ids)})
    waiting: dict[UUID, list[Instruct]] = {}
    for row in found:
        instruct = Instruct(
            id=row.n,
            action=row.action,
            issued_at=to_ms(row.issued_at),
            valid_until=None if row.valid_until is None else to_ms(row.valid_until),
            body=row.body,
        )
        waiting.setdefault(row.attempt_id, []).append(instruct)
    return waiting


async def record_result(
    conn: AsyncConnection, attempt_id: UUID, n: int, *, ok: bool, code: str | None
) -> InstructionRow | None:
    """Record the result of an instruction; None when there is no such instruction, or it has a result already.

    A result counts even after the instruction expired.
    """
    found = await conn.execute(
        update(Instruction)
        .where(
            Instruction.attempt_id == attempt_id,
            Instruction.n == n,
            Instruction.state.in_([InstructionState.SENT, InstructionState.EXPIRED]),
        )
        .values(
            state=InstructionState.DONE if ok else InstructionState.FAILED,
            code=None if code is None else code.replace("\0", "")[:CODE_CHARS],
            answered_at=func.now(),
        )
        .returning(*_SHOWN)
    )
    row = found.one_or_none()
    return None if row is None else _row(row)


async def expire_instructions(conn: AsyncConnection) -> dict[UUID, list[InstructionRow]]:
    """Mark expired instructions; return their feed rows by exam."""
    expiring = (
        select(Instruction.attempt_id, Instruction.n)
        .where(text("instructions.state = 'sent'"), Instruction.valid_until <= func.now())
        .order_by(Instruction.attempt_id, Instruction.n)
        .limit(EXPIRED_AT_ONCE)
        .with_for_update(key_share=True, skip_locked=True)
        .cte()
    )
    expired = await conn.execute(
        update(Instruction)
        .where(
            Instruction.attempt_id == expiring.c.attempt_id,
            Instruction.n == expiring.c.n,
            ExamAttempt.id == Instruction.attempt_id,
        )
        .values(state=InstructionState.EXPIRED)
        .returning(ExamAttempt.exam_id, *_SHOWN)
    )
    changed: dict[UUID, list[InstructionRow]] = {}
    for row in expired:
        changed.setdefault(row.exam_id, []).append(_row(row))
    return changed


async def read_latest(conn: AsyncConnection, exam_id: UUID) -> list[InstructionRow]:
    """Each attempt's newest instruction, which is what a board shows of them."""
    # Attempt by attempt: a join would read the instructions of all exams.
    newest = (
        select(*_SHOWN)
        .where(Instruction.attempt_id == ExamAttempt.id)
        .order_by(Instruction.n.desc())
        .limit(1)
        .correlate(ExamAttempt)
        .lateral("newest")
    )
    found = await conn.execute(
        select(newest).select_from(ExamAttempt).join(newest, true()).where(ExamAttempt.exam_id == exam_id)
    )
    return [_row(row) for row in found]


def _any_of(ids: Sequence[UUID]) -> Any:
    """One array parameter for any number of ids: a statement accepts at most 32,767 parameters."""
    return any_(bindparam(None, list(ids), type_=ARRAY(Uuid)))


def _row(row: Row[Any]) -> InstructionRow:
    return InstructionRow(
        attempt_id=row.attempt_id,
        n=row.n,
        action=row.action,
        text=row.body.get("text"),
        state=InstructionState(row.state),
        code=row.code,
    )
