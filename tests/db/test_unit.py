import asyncio
from collections.abc import Collection, Coroutine
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.models import AuditLog, BehaviorAnalysis, Exam
from db.queries import feed
from db.queries.analysis import analyses
from db.unit import change
from protocol.analysis import AnalysisState
from protocol.console import StudentRow
from protocol.roles import Role
from tests.factories import make_attempt, make_exam, make_user


class Recorder:
    """A notifier that records its calls, each with the feed heads that are committed at that moment."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.calls: list[tuple[str, object]] = []
        self.heads: list[int] = []

    async def notify(self, channel: str, key: UUID) -> None:
        self.calls.append((channel, key))
        async with self.engine.connect() as conn:
            self.heads.append((await feed.read_heads(conn, [key])).get(key, 0))

    async def enqueue_analysis(self, attempts: Collection[UUID]) -> None:
        self.calls.append(("analyze", attempts))

    async def enqueue_llm_summary(self, attempts: Collection[UUID]) -> None:
        self.calls.append(("consult", attempts))


@pytest.fixture
def notifier(engine: AsyncEngine) -> Recorder:
    return Recorder(engine)


@pytest.fixture
async def exams(engine: AsyncEngine) -> list[UUID]:
    """Three exams with empty feeds, in the order of their ids."""
    async with engine.begin() as conn:
        teacher = await make_user(conn, role=Role.TEACHER)
        return sorted([await make_exam(conn, teacher) for _ in range(3)])


def row(name: str = "Ada") -> StudentRow:
    return StudentRow(uuid4(), name)


async def read_feed(engine: AsyncEngine, exam_id: UUID) -> list[tuple[int, str]]:
    async with engine.connect() as conn:
        return [(delta.offset, delta.kind) for delta in await feed.read_after(conn, exam_id, 0)]


async def read_title(engine: AsyncEngine, exam_id: UUID) -> str:
    async with engine.connect() as conn:
        return (await conn.execute(select(Exam.title).where(Exam.id == exam_id))).scalar_one()


async def rename(conn: AsyncConnection, exam_id: UUID) -> None:
    await conn.execute(update(Exam).where(Exam.id == exam_id).values(title="Biology"))


async def test_the_change_its_audit_row_and_its_feed_rows_are_committed_together(
    engine: AsyncEngine, notifier: Recorder, exams: list[UUID]
) -> None:
    async with change(engine, notifier) as unit:
        await rename(unit.conn, exams[0])
        unit.feed(exams[0], [row(), row()])
        unit.audit(actor_id=None, action="rename", resource="exam", resource_id=exams[0], details={"a": "b"}, ip="0a1b")
        assert await read_feed(engine, exams[0]) == []
        assert await read_title(engine, exams[0]) == "Physics"
    assert await read_feed(engine, exams[0]) == [(1, "student"), (2, "student")]
    assert await read_title(engine, exams[0]) == "Biology"
    async with engine.connect() as conn:
        columns = (AuditLog.action, AuditLog.resource_id, AuditLog.details, AuditLog.ip, AuditLog.user_agent)
        assert (await conn.execute(select(*columns))).all() == [("rename", str(exams[0]), {"a": "b"}, "0a1b", None)]


async def test_nothing_is_written_or_notified_when_the_block_raises(
    engine: AsyncEngine, notifier: Recorder, exams: list[UUID]
) -> None:
    async def fail() -> None:
        async with change(engine, notifier) as unit:
            await rename(unit.conn, exams[0])
            unit.feed(exams[0], [row()])
            unit.audit(actor_id=None, action="rename", resource="exam", resource_id=exams[0])
            unit.notify_attempts([uuid4()])
            unit.enqueue_analysis([uuid4()])
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await fail()
    assert await read_title(engine, exams[0]) == "Physics"
    assert await read_feed(engine, exams[0]) == []
    assert notifier.calls == []


async def test_the_change_is_rolled_back_when_its_audit_row_is_refused(
    engine: AsyncEngine, notifier: Recorder, exams: list[UUID]
) -> None:
    async def write(actor_id: UUID) -> None:
        async with change(engine, notifier) as unit:
            await rename(unit.conn, exams[0])
            unit.feed(exams[0], [row()])
            unit.audit(actor_id=actor_id, action="rename", resource="exam", resource_id=exams[0])

    with pytest.raises(DBAPIError):
        await write(actor_id=uuid4())  # no such user
    assert await read_title(engine, exams[0]) == "Physics"
    assert await read_feed(engine, exams[0]) == []
    assert notifier.calls == []


async def test_nothing_is_notified_when_commit_fails(
    engine: AsyncEngine, notifier: Recorder, exams: list[UUID]
) -> None:
    async def write() -> None:
        async with change(engine, notifier) as unit:
            unit.feed(exams[0], [row()])

    def fail(_conn: object) -> None:
        raise ConnectionError("lost")

    event.listen(engine.sync_engine, "commit", fail)
    with pytest.raises(ConnectionError):
        await write()
    event.remove(engine.sync_engine, "commit", fail)
    assert await read_feed(engine, exams[0]) == []
    assert notifier.calls == []


async def test_feeds_are_written_last_and_in_the_order_of_their_exams(
    engine: AsyncEngine, notifier: Recorder, exams: list[UUID]
) -> None:
    written: list[str] = []

    def record(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith(("UPDATE feed_heads", "INSERT INTO audit_logs", "UPDATE exams")):
            written.append(f"{statement.split()[1]} {parameters[-1] if 'feed_heads' in statement else ''}".strip())

    event.listen(engine.sync_engine, "before_cursor_execute", record)
    async with change(engine, notifier) as unit:
        for exam_id in (exams[2], exams[0], exams[1], exams[2]):
            unit.feed(exam_id, [row()])
        unit.audit(actor_id=None, action="rename", resource="exam", resource_id=exams[0])
        await rename(unit.conn, exams[0])
    event.remove(engine.sync_engine, "before_cursor_execute", record)
    kinds = [statement.split()[0] for statement in written]
    assert kinds == ["exams", "INTO", "feed_heads", "feed_heads", "feed_heads"]
    assert [statement.split()[1] for statement in written[2:]] == [str(exam_id) for exam_id in exams]
    assert [len(await read_feed(engine, exam_id)) for exam_id in exams] == [1, 1, 2]


async def test_units_that_feed_the_same_exams_in_opposite_order_do_not_deadlock(
    engine: AsyncEngine, notifier: Recorder, exams: list[UUID]
) -> None:
    async def feed_all(order: list[UUID]) -> None:
        async with change(engine, notifier) as unit:
            for exam_id in order:
                unit.feed(exam_id, [row()])

    orders = (exams, list(reversed(exams)))
    await asyncio.gather(*(feed_all(order) for order in orders for _ in range(4)))
    for exam_id in exams:
        assert [offset for offset, _ in await read_feed(engine, exam_id)] == list(range(1, 9))


async def test_only_exams_with_new_rows_are_notified_and_only_after_commit(
    engine: AsyncEngine, notifier: Recorder, exams: list[UUID]
) -> None:
    async with change(engine, notifier) as unit:
        unit.feed(exams[1], [row()])
        unit.feed(exams[1], [row()])
        unit.feed(exams[0], [])
        assert notifier.calls == []
    assert notifier.calls == [("feed", exams[1])]
    assert notifier.heads == [2]


async def test_a_change_that_collected_nothing_notifies_nothing(engine: AsyncEngine, notifier: Recorder) -> None:
    async with change(engine, notifier) as unit:
        unit.notify_instructions([])
        unit.notify_attempts([])
        unit.enqueue_analysis([])
        unit.enqueue_llm_summary([])
        unit.mark_stale([])
    assert notifier.calls == []


async def test_each_attempt_is_notified_once_after_the_feed(
    engine: AsyncEngine, notifier: Recorder, exams: list[UUID]
) -> None:
    first, second = uuid4(), uuid4()
    async with change(engine, notifier) as unit:
        unit.enqueue_llm_summary([first])
        unit.enqueue_analysis([first, second])
        unit.enqueue_analysis([first])
        unit.notify_attempts([second, first])
        unit.notify_attempts([first])
        unit.notify_instructions([first])
        unit.feed(exams[0], [row()])
    assert notifier.calls == [
        ("feed", exams[0]),
        ("instructions", first),
        ("attempt", second),
        ("attempt", first),
        ("analyze", [first, second]),
        ("consult", [first]),
    ]


async def test_a_notifier_that_fails_does_not_fail_the_change(engine: AsyncEngine, exams: list[UUID]) -> None:
    class Broken(Recorder):
        async def notify(self, channel: str, key: UUID) -> None:
            raise RuntimeError(f"{channel} {key} not sent")

    async with change(engine, Broken(engine)) as unit:
        unit.feed(exams[0], [row()])
    assert await read_feed(engine, exams[0]) == [(1, "student")]


async def test_a_change_without_a_notifier_is_committed(engine: AsyncEngine, exams: list[UUID]) -> None:
    async with change(engine, None) as unit:
        unit.feed(exams[0], [row()])
    assert await read_feed(engine, exams[0]) == [(1, "student")]


async def test_notifications_can_run_in_the_background(
    engine: AsyncEngine, notifier: Recorder, exams: list[UUID]
) -> None:
    detached: list[Coroutine[Any, Any, None]] = []
    async with change(engine, notifier, detach=detached.append) as unit:
        unit.feed(exams[0], [row()])
    assert notifier.calls == []
    await detached[0]
    assert notifier.calls == [("feed", exams[0])]


async def test_a_block_that_returns_early_commits(engine: AsyncEngine, notifier: Recorder, exams: list[UUID]) -> None:
    async def append() -> None:
        async with change(engine, notifier) as unit:
            unit.feed(exams[0], [row()])
            return

    await append()
    assert notifier.calls == [("feed", exams[0])]


async def test_analyses_are_marked_stale_before_the_feed_is_written(engine: AsyncEngine, exams: list[UUID]) -> None:
    async with engine.begin() as conn:
        attempt = await make_attempt(conn, exams[0], await make_user(conn))
        await analyses.request_analyses(conn, [attempt])
        await conn.execute(update(BehaviorAnalysis).values(state=AnalysisState.DONE))
    async with change(engine, None) as unit:
        unit.mark_stale([attempt])
    async with engine.connect() as conn:
        assert (await conn.execute(select(BehaviorAnalysis.state))).scalar_one() == AnalysisState.STALE
