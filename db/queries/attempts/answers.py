"""Answers: all revisions of each item, and which revision counts.

Answers in a client's events are stored with the events; here are those that come with a submission. While an attempt
runs, the latest revision of an item counts. After the end, the revision that counted then stays, and later ones are
kept beside it. Never changes or deletes a revision.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    String,
    Subquery,
    Uuid,
    any_,
    bindparam,
    case,
    cast,
    func,
    insert,
    select,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import from_ms, to_ms
from db.models import AttemptAnswer, ExamAttempt
from db.queries.events import system_events
from db.queries.events.system_events import ServerEvent

COUNTED: Final = "stood"
"""The key in `submission_data` for the revisions that counted at the end, by item, as `[stream, seq]`."""

PAST_RETENTION: Final = "The data of this exam were deleted after their time. It takes no more answers."


class SubmittedAnswer(msgspec.Struct, frozen=True):
    """An answer to one item that comes with a submission."""

    item: str
    value: Any


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of an answer. `stands`: it counts. `saved_at` (ms since the epoch): when it was stored."""

    item: str
    revision: int
    value: Any
    saved_at: int
    stands: bool
    stream_id: UUID
    seq: int


class LateAnswer(msgspec.Struct, frozen=True):
    """The last answer to an item, stored `late_ms` after the end of the attempt. It does not count by itself."""

    item: str
    late_ms: int


class LateRevision(msgspec.Struct, frozen=True, kw_only=True):
    """The last revision of an answer, stored `late_ms` after the end of the attempt. It does not count by itself."""

    item: str
    value: Any
    revision: int
    saved_at: int
    late_ms: int


_order: Final = (AttemptAnswer.occurred_at, AttemptAnswer.stream_id, AttemptAnswer.seq)
_counted: Final = func.jsonb_extract_path(ExamAttempt.submission_data, COUNTED, AttemptAnswer.item)


def _rank(attempts: ColumnElement[bool], name: str) -> Subquery:
    """Rank the revisions of these attempts."""
    item = (AttemptAnswer.attempt_id, AttemptAnswer.item)
    # The rank of a revision, also after retention has deleted others: it stores the numbers of those that stay.
    number = func.coalesce(
        AttemptAnswer.revision,
        func.coalesce(func.max(AttemptAnswer.revision).over(partition_by=item), 0)
        + func.row_number().over(partition_by=(*item, AttemptAnswer.revision.is_(None)), order_by=_order),
    )
    stands = case(
        (
            ExamAttempt.submission_data.is_(None),
            func.lead(AttemptAnswer.seq).over(partition_by=item, order_by=_order).is_(None),
        ),
        else_=func.coalesce(
            _counted == func.jsonb_build_array(cast(AttemptAnswer.stream_id, String), AttemptAnswer.seq), False
        ),
    )
    ranked = select(
        AttemptAnswer.attempt_id,
        AttemptAnswer.item,
        AttemptAnswer.value,
        AttemptAnswer.stored_at,
        AttemptAnswer.stream_id,
        AttemptAnswer.seq,
        number.label("revision"),
        stands.label("stands"),
    )
    return ranked.join(ExamAttempt, ExamAttempt.id == AttemptAnswer.attempt_id).where(attempts).subquery(name)


_ranked: Final = _rank(AttemptAnswer.attempt_id == bindparam("attempt"), "ranked")
_of_each: Final = _rank(AttemptAnswer.attempt_id == any_(bindparam("attempts", type_=ARRAY(Uuid))), "ranked")
_CURRENT_OF_EACH: Final = select(_of_each).where(_of_each.c.stands)
_numbered: Final = select(
    _of_each.c.attempt_id,
    _of_each.c.item,
    _of_each.c.value,
    _of_each.c.revision,
    func.max(_of_each.c.revision).over(partition_by=(_of_each.c.attempt_id, _of_each.c.item)).label("last"),
).subquery("numbered")
# The latest value of each item, also when it came too late to count.
_LATEST_OF_EACH: Final = select(_numbered.c.attempt_id, _numbered.c.item, _numbered.c.value).where(
    _numbered.c.revision == _numbered.c.last
)


async def read_current_answers(conn: AsyncConnection, attempt_id: UUID) -> dict[str, Revision]:
    """Read the answers that count, by item."""
    found = await conn.execute(select(_ranked).where(_ranked.c.stands), {"attempt": attempt_id})
    return {row.item: _revision(row) for row in found}


async def read_current_of_each(conn: AsyncConnection, attempt_ids: Collection[UUID]) -> dict[UUID, dict[str, Revision]]:
    """Read the answers that count of each of these attempts, by item."""
    current: dict[UUID, dict[str, Revision]] = {attempt_id: {} for attempt_id in attempt_ids}
    for row in await conn.execute(_CURRENT_OF_EACH, {"attempts": list(attempt_ids)}):
        current[row.attempt_id][row.item] = _revision(row)
    return current


async def list_revisions(
    conn: AsyncConnection, attempt_id: UUID, *, after: tuple[str, int] | None = None, limit: int = 50
) -> list[Revision]:
    """List the revisions of all answers, by item and revision, after `after`."""
    position = tuple_(_ranked.c.item, _ranked.c.revision)
    later = true() if after is None else position > tuple_(*after)
    page: Select[*tuple[Any, ...]] = select(_ranked).where(later).order_by(_ranked.c.item, _ranked.c.revision)
    return [_revision(row) for row in await conn.execute(page.limit(limit), {"attempt": attempt_id})]


async def list_late_answers(conn: AsyncConnection, attempt_id: UUID) -> list[LateAnswer]:
    """List the items whose last answer arrived after the end and differs from the answer that counts."""
    return [LateAnswer(one.item, one.late_ms) for one in await list_late_revisions(conn, attempt_id)]


async def list_late_revisions(conn: AsyncConnection, attempt_id: UUID) -> list[LateRevision]:
    """List the last answers that arrived after the end and differ from the answers that count, by item."""
    newer = func.row_number().over(partition_by=_ranked.c.item, order_by=_ranked.c.revision.desc()).label("newer")
    newest = select(
        _ranked.c.item, _ranked.c.value, _ranked.c.revision, _ranked.c.stored_at, _ranked.c.stands, newer
    ).subquery("newest")
    counted = select(_ranked.c.item, _ranked.c.value).where(_ranked.c.stands).subquery("counted")
    found = await conn.execute(
        select(newest.c.item, newest.c.value, newest.c.revision, newest.c.stored_at, ExamAttempt.completed_at)
        .select_from(newest)
        .join(ExamAttempt, ExamAttempt.id == bindparam("attempt"))
        .outerjoin(counted, counted.c.item == newest.c.item)
        .where(
            newest.c.newer == 1,
            ~newest.c.stands,
            newest.c.stored_at > ExamAttempt.completed_at,
            newest.c.value.is_distinct_from(counted.c.value),
        )
        .order_by(newest.c.item),
        {"attempt": attempt_id},
    )
    return [
        LateRevision(
            item=row.item,
            value=row.value,
            revision=row.revision,
            saved_at=to_ms(row.stored_at),
            late_ms=to_ms(row.stored_at) - to_ms(row.completed_at),
        )
        for row in found
    ]


async def find_new(
    conn: AsyncConnection, given: Mapping[UUID, Sequence[SubmittedAnswer]]
) -> dict[UUID, list[SubmittedAnswer]]:
    """Return which answers of submissions differ from the latest revision, by attempt. The caller has locked these.

    An answer equal to the latest revision adds nothing, so a repeated submission adds nothing.
    """
    latest: dict[UUID, dict[str, Any]] = {attempt_id: {} for attempt_id in given}
    for attempt_id, item, value in await conn.execute(_LATEST_OF_EACH, {"attempts": list(given)}):
        latest[attempt_id][item] = value
    new = {
        attempt_id: [
            one for one in values if one.item not in latest[attempt_id] or latest[attempt_id][one.item] != one.value
        ]
        for attempt_id, values in given.items()
    }
    return {attempt_id: values for attempt_id, values in new.items() if values}


async def store_new(conn: AsyncConnection, new: Mapping[UUID, Sequence[SubmittedAnswer]]) -> None:
    """Store answers, each as an event and a revision, in the order of the mapping. Locks all system streams of it."""
    events = {
        attempt_id: [ServerEvent("answer_submitted", {"item": one.item, "value": one.value}) for one in values]
        for attempt_id, values in new.items()
    }
    appended = await system_events.append_to_each(conn, events)
    rows = [
        {
            "stream_id": appended[attempt_id].stream_id,
            "seq": seq,
            "attempt_id": attempt_id,
            "item": answer.item,
            "value": answer.value,
            # Whole milliseconds, like the rule time of events.
            "occurred_at": from_ms(to_ms(appended[attempt_id].now)),
            "stored_at": appended[attempt_id].now,
        }
        for attempt_id, values in new.items()
        for seq, answer in enumerate(values, appended[attempt_id].last - len(values) + 1)
    ]
    await conn.execute(insert(AttemptAnswer), rows)


def _revision(row: Any) -> Revision:
    return Revision(
        item=row.item,
        revision=row.revision,
        value=row.value,
        saved_at=to_ms(row.stored_at),
        stands=row.stands,
        stream_id=row.stream_id,
        seq=row.seq,
    )
