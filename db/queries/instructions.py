"""Instructions: what a person asks of candidates' clients, numbered per attempt and repeated until answered."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Row, Uuid, any_, bindparam, func, literal, or_, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import to_ms
from db.models import ExamAttempt, Instruction
from protocol.attempts import RUNNING, InstructionState
from protocol.console import InstructionRow
from protocol.monitor import Instruct

CODE_CHARS = 64
"""A client's reason for not carrying something out is cut to this."""

_SHOWN = (
    Instruction.attempt_id,
    Instruction.n,
    Instruction.action,
    Instruction.body,
    Instruction.state,
    Instruction.code,
)


async def issue(
    conn: AsyncConnection,
    exam_id: UUID,
    attempt_ids: Sequence[UUID] | None,
    *,
    action: str,
    body: dict[str, str],
    actor_id: UUID,
    command_id: UUID,
) -> list[InstructionRow]:
    """Ask something of the named attempts (None: all) of this exam that are running, and return the new rows.

    An attempt that this command has asked already is passed over. Commands of one exam go one after the other,
    from here to COMMIT: the numbers rest on it.
    """
    await conn.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(exam_id), 0))))
    number = (
        select(func.coalesce(func.max(Instruction.n), 0) + 1)
        .where(Instruction.attempt_id == ExamAttempt.id)
        .scalar_subquery()
    )
    asked = select(
        ExamAttempt.id,
        number,
        literal(action),
        literal(body, postgresql.JSONB),
        literal(actor_id, Uuid),
        literal(command_id, Uuid),
    ).where(ExamAttempt.exam_id == exam_id, ExamAttempt.status.in_(RUNNING))
    if attempt_ids is not None:
        asked = asked.where(ExamAttempt.id == _any_of(attempt_ids))
    created = await conn.execute(
        postgresql.insert(Instruction)
        .from_select(["attempt_id", "n", "action", "body", "actor_id", "command_id"], asked)
        .on_conflict_do_nothing(index_elements=["command_id", "attempt_id"])
        .returning(*_SHOWN)
    )
    return [_row(row) for row in created]


async def issued(conn: AsyncConnection, exam_id: UUID, command_id: UUID) -> list[UUID]:
    """The attempts of this exam that a command has asked, in the order of their numbers on the board."""
    found = await conn.execute(
        select(Instruction.attempt_id)
        .join(ExamAttempt, ExamAttempt.id == Instruction.attempt_id)
        .where(Instruction.command_id == command_id, ExamAttempt.exam_id == exam_id)
        .order_by(ExamAttempt.ix)
    )
    return list(found.scalars())


async def pending(conn: AsyncConnection, attempt_ids: Sequence[UUID]) -> dict[UUID, list[Instruct]]:
    """What each attempt's client has still to be asked, in order; attempts with nothing waiting are left out."""
    found = await conn.execute(
        select(Instruction)
        .where(
            Instruction.attempt_id == _any_of(attempt_ids),
            Instruction.state == InstructionState.SENT,
            or_(Instruction.valid_until.is_(None), Instruction.valid_until > func.now()),
        )
        .order_by(Instruction.attempt_id, Instruction.n)
    )
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


async def answer(
    conn: AsyncConnection, attempt_id: UUID, n: int, *, ok: bool, code: str | None
) -> InstructionRow | None:
    """Record what a client made of an instruction; None when there is none such, or it was answered before."""
    found = await conn.execute(
        update(Instruction)
        .where(Instruction.attempt_id == attempt_id, Instruction.n == n, Instruction.state == InstructionState.SENT)
        .values(
            state=InstructionState.DONE if ok else InstructionState.FAILED,
            code=None if code is None else code.replace("\0", "")[:CODE_CHARS],
            answered_at=func.now(),
        )
        .returning(*_SHOWN)
    )
    row = found.one_or_none()
    return None if row is None else _row(row)


async def read_latest(conn: AsyncConnection, exam_id: UUID) -> list[InstructionRow]:
    """Each attempt's newest instruction, which is what a board shows of them."""
    found = await conn.execute(
        select(*_SHOWN)
        .join(ExamAttempt, ExamAttempt.id == Instruction.attempt_id)
        .where(ExamAttempt.exam_id == exam_id)
        .ext(postgresql.distinct_on(Instruction.attempt_id))
        .order_by(Instruction.attempt_id, Instruction.n.desc())
    )
    return [_row(row) for row in found]


def _any_of(ids: Sequence[UUID]) -> Any:
    """One array parameter, however many ids: a statement takes at most 32,767 parameters."""
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
