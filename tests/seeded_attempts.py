"""Seeded attempts: an exam with items and keys, answers of a client, and ways to end an attempt."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.clock import from_ms
from db.models import AttemptAnswer, Exam, ExamItem, MonitoringEvent
from db.queries import feed
from db.queries.attempts.answers import SubmittedAnswer
from db.queries.attempts.end import EndedAttempt, Ending, end_attempt
from db.queries.events.system_events import ServerEvent
from judgement import grading
from judgement.attempts import Action, transition_of
from protocol.attempts import ItemKind
from protocol.roles import Role
from tests import factories
from tests.factories import TIME_BASE_MS

CHOICE, MULTIPLE, NUMBER, TEXT = ItemKind

KEYED: list[tuple[str, ItemKind, list[str], Any, float]] = [
    ("a", CHOICE, ["x", "y"], "x", 2),
    ("b", MULTIPLE, ["x", "y", "z"], ["x", "z"], 3),
    ("c", NUMBER, [], {"value": 9.81, "tolerance": 0.01}, 5),
]
"""Items that keys can grade: 10 points."""

WITH_TEXT = [*KEYED, ("d", TEXT, [], None, 10.0)]
"""20 points; a grader gives half of them."""


class SeededAttempt(msgspec.Struct, frozen=True):
    """One attempt with its exam, users and client stream."""

    teacher_id: UUID
    exam_id: UUID
    student_id: UUID
    attempt_id: UUID
    stream_id: UUID


async def seed_attempt(
    conn: AsyncConnection, items: Sequence[tuple[str, ItemKind, list[str], Any, float]] = KEYED, passing: float = 5
) -> SeededAttempt:
    """Make an exam with items, and one student who has started it."""
    teacher = await factories.make_user(conn, role=Role.TEACHER, name="Grace Example")
    exam_id = await factories.make_exam(conn, teacher)
    await conn.execute(update(Exam).where(Exam.id == exam_id).values(items_version=1, passing_score=passing))
    if items:
        await conn.execute(
            insert(ExamItem),
            [
                {
                    "exam_id": exam_id,
                    "version": 1,
                    "item": item,
                    "position": position,
                    "kind": kind,
                    "prompt": f"Question {item}",
                    "choices": choices,
                    "answer_key": key,
                    "points": points,
                }
                for position, (item, kind, choices, key, points) in enumerate(items, 1)
            ],
        )
    student = await factories.make_user(conn)
    attempt = await factories.make_attempt(conn, exam_id, student)
    return SeededAttempt(teacher, exam_id, student, attempt, await factories.make_stream(conn, attempt))


async def answer(conn: AsyncConnection, seeded: SeededAttempt, item: str, value: Any, mono: int) -> int:
    """Store an answer like the ingest: the event and its revision; return its number."""
    await factories.store_events(conn, seeded.stream_id, [("answered", {"item": item, "value": value}, mono)])
    last = await conn.execute(
        select(func.max(MonitoringEvent.seq)).where(MonitoringEvent.stream_id == seeded.stream_id)
    )
    seq: int = last.scalar_one()
    await conn.execute(
        insert(AttemptAnswer).values(
            stream_id=seeded.stream_id,
            seq=seq,
            attempt_id=seeded.attempt_id,
            item=item,
            value=value,
            occurred_at=from_ms(TIME_BASE_MS + mono),
        )
    )
    return seq


def ending(action: Action = Action.SUBMIT, answers: Sequence[SubmittedAnswer] = (), **whose: UUID) -> Ending:
    way = transition_of(action)
    event = {
        Action.SUBMIT: ServerEvent("submitted", {"by": "student"}),
        Action.TIME_OUT: ServerEvent("submitted", {"by": "server"}),
        Action.END: ServerEvent("ended", {"reason": "ill", "by": "a teacher"}),
    }[action]
    return Ending(sources=way.sources, target=way.target, event=event, answers=answers, **whose)


async def end(conn: AsyncConnection, seeded: SeededAttempt, how: Ending | None = None) -> EndedAttempt:
    """End an attempt and append its row to the feed."""
    ended = await end_attempt(conn, seeded.attempt_id, how or ending(), grading)
    if ended.row is not None:
        await feed.append(conn, ended.exam_id, [ended.row])
    return ended
