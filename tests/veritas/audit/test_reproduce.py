"""Every change made behind the rules' back is named; an intact record is reproduced."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import cast, delete, func, insert, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from db.models import AnalysisCursor, BehaviorAnalysis, Connection, ExamAttempt, Flag, MonitoringEvent
from db.notify import Notifier
from db.queries.events.system_events import ServerEvent, append_events
from db.settings import DatabaseSettings
from protocol.limits import SEQ_MAX
from tests.judgement.rulebooks import BOTH
from tests.seeded_attempts import SeededAttempt
from tests.workers.rooms import AWAY, Room
from veritas.audit.reproduce import Bounds, Reproduction, reproduce
from workers.jobs.analyze import Analyst
from workers.jobs.evaluate import Evaluator

EVENTS = len(AWAY) + 1
"""With `attempt_started`."""


@pytest.fixture
async def notifier(database: DatabaseSettings) -> AsyncIterator[Notifier]:
    """A notifier whose Redis is never stopped."""
    client = Notifier.connect(database.redis_url)
    yield client
    await client.close()


@pytest.fixture
def room(engine: AsyncEngine) -> Room:
    return Room(engine)


@pytest.fixture
async def seeded(engine: AsyncEngine, room: Room, notifier: Notifier) -> SeededAttempt:
    """One evaluated attempt with one flag of `left_page`."""
    [seeded] = await room.add_attempts()
    await room.store(seeded, AWAY)
    await Evaluator(engine, notifier).evaluate([seeded.attempt_id])
    return seeded


async def run_reproduction(engine: AsyncEngine) -> Reproduction:
    async with engine.connect() as conn:
        return await reproduce(conn)


async def change(engine: AsyncEngine, statement: Any) -> Reproduction:
    """Change the record, and fold it again."""
    async with engine.begin() as conn:
        await conn.execute(statement)
    return await run_reproduction(engine)


def texts_of(found: Reproduction) -> list[str]:
    return [breach.what for breach in (*found.order, *found.flags, *found.scores, *found.coverages)]


async def test_a_whole_record_is_reproduced(engine: AsyncEngine, seeded: SeededAttempt) -> None:
    counts: list[int] = []
    async with engine.connect() as conn:
        found = await reproduce(conn, counts.append)
    assert (texts_of(found), found.notes) == ([], [])
    assert (found.attempts, found.events, sum(counts)) == (1, EVENTS, EVENTS)


async def test_decisions_of_reviewers_are_not_reproduced(
    engine: AsyncEngine, seeded: SeededAttempt, room: Room
) -> None:
    async with engine.begin() as conn:
        await conn.execute(update(ExamAttempt).values(integrity_score=1.0))
    assert texts_of(await change(engine, update(Flag).values(status="dismissed"))) == []


async def test_events_that_no_fold_has_reached_are_no_breach(
    engine: AsyncEngine, seeded: SeededAttempt, room: Room
) -> None:
    await room.store(seeded, [("window_blur", {}, 30_000), ("alive", {}, 90_000)])
    assert texts_of(await run_reproduction(engine)) == []


async def test_a_missing_flag_is_named(engine: AsyncEngine, seeded: SeededAttempt) -> None:
    found = await change(engine, delete(Flag))
    assert found.flags[0].where == f"attempt {seeded.attempt_id}"
    assert texts_of(found)[0] == f"flag left_page v1 long:{seeded.stream_id}:1 is missing"
    assert "follows from the flags that count" in texts_of(found)[1]


async def test_an_unexpected_flag_is_named(engine: AsyncEngine, seeded: SeededAttempt) -> None:
    made_up = {
        "id": uuid7(),
        "attempt_id": seeded.attempt_id,
        "source": "rule",
        "rule": "gaze_away",
        "rule_version": 1,
        "policy_version": 1,
        "episode_key": "k",
        "severity": "warning",
        "confidence": 0.8,
        "summary": "…",
        "status": "dismissed",
        "evidence": {"numbers": {}, "cited": [], "events": []},
    }
    found = await change(engine, insert(Flag).values(**made_up))
    assert texts_of(found) == ["flag gaze_away v1 k does not follow from the events"]


@pytest.mark.parametrize(
    ("field", "statement"),
    {
        "severity": "UPDATE flags SET severity = 'critical'",
        "confidence": "UPDATE flags SET confidence = 0.81",
        "summary": "UPDATE flags SET summary = 'looked away'",
        "policy_version": "UPDATE flags SET policy_version = 2",
        "numbers": """UPDATE flags SET evidence = jsonb_set(evidence, '{numbers,away_s}', '22')""",
        "cited": """UPDATE flags SET evidence = jsonb_set(evidence, '{cited,0,1}', '2')""",
    }.items(),
)
async def test_a_field_that_differs_is_named(
    engine: AsyncEngine, seeded: SeededAttempt, field: str, statement: str
) -> None:
    (breach,) = (await change(engine, text(statement))).flags
    assert breach.what.startswith(f"flag left_page v1 long:{seeded.stream_id}:1: {field} is ")


async def test_a_changed_event_gives_other_flags(engine: AsyncEngine, seeded: SeededAttempt) -> None:
    later = update(MonitoringEvent).where(MonitoringEvent.event_type == "window_blur").values(mono=9_000)
    assert texts_of(await change(engine, later)) == [
        f"flag left_page v1 long:{seeded.stream_id}:1 does not follow from the events"
    ]


async def test_an_event_that_cannot_be_read_is_a_breach(
    engine: AsyncEngine, seeded: SeededAttempt, room: Room, notifier: Notifier
) -> None:
    lost = ("events_lost", {"from": 5, "reason": "queue"}, 24_000)
    await room.store(seeded, [lost])
    await Evaluator(engine, notifier).evaluate([seeded.attempt_id])
    assert texts_of(await run_reproduction(engine)) == []
    is_lost = MonitoringEvent.event_type == "events_lost"
    [breach] = (await change(engine, update(MonitoringEvent).where(is_lost).values(data_payload={}))).order
    assert f"5 of stream {seeded.stream_id} cannot be read" in breach.what


async def test_a_flag_that_cannot_be_read_any_more_is_a_breach(engine: AsyncEngine, seeded: SeededAttempt) -> None:
    [breach] = (await change(engine, update(Flag).values(evidence={"cited": "none", "numbers": {}}))).flags
    assert f"flag left_page v1 long:{seeded.stream_id}:1 cannot be read" in breach.what


async def test_a_score_that_differs_is_named(engine: AsyncEngine, seeded: SeededAttempt) -> None:
    found = await change(engine, update(ExamAttempt).values(integrity_score=None))
    assert [breach.what for breach in found.scores] == [
        "integrity is None, but 0.88 follows from the flags that count",
    ]


async def test_an_attempt_without_a_fold_has_no_score_yet(engine: AsyncEngine, room: Room) -> None:
    await room.add_attempts()
    assert texts_of(await run_reproduction(engine)) == []


@pytest.mark.parametrize(
    ("order", "what"),
    [
        ("[[S, 1, 4]]", "is folded and stored up to 0, but its cursor is at 1"),
        ("[[T, 1, 1], [S, 1, 3]]", "is folded and stored up to 3, but its cursor is at 4"),
        ("[[T, 1, 1], [S, 2, 4]]", "was folded where 1 was expected"),
        ("[[T, 1, 1], [S, 1, 2], [S, 2, 4]]", "was folded where 3 was expected"),
        ("[[T, 1, 1], [S, 3, 4], [S, 1, 2]]", "was folded where 1 was expected"),
        ("[[T, 1, 1], [S, 1, 4], [X, 1, 4]]", None),
    ],
)
async def test_a_fold_order_must_cover_every_stream_up_to_the_cursor(
    engine: AsyncEngine, seeded: SeededAttempt, order: str, what: str | None
) -> None:
    async with engine.begin() as conn:
        system = (await conn.execute(text("SELECT id FROM event_streams WHERE kind = 'system'"))).scalar_one()
        for name, stream_id in (("S", seeded.stream_id), ("T", system), ("X", uuid4())):
            order = order.replace(f"[{name},", f'["{stream_id}",')
        await conn.execute(text("UPDATE analysis_cursors SET fold_order = CAST(:order AS jsonb)"), {"order": order})
    found = await run_reproduction(engine)
    assert found.flags == [], "errors that follow from a broken order are not reported"
    assert (found.order == []) if what is None else (what in found.order[0].what)


async def test_an_event_that_is_gone_is_a_breach(engine: AsyncEngine, seeded: SeededAttempt) -> None:
    found = await change(engine, delete(MonitoringEvent).where(MonitoringEvent.seq == 3))
    assert [breach.what for breach in found.order] == [
        f"4 of stream {seeded.stream_id} was folded where 3 was expected"
    ]


async def test_a_count_that_is_wrong_is_a_breach(engine: AsyncEngine, seeded: SeededAttempt) -> None:
    found = await change(engine, update(AnalysisCursor).values(facts=9))
    assert [breach.what for breach in found.order] == [f"the fold order has {EVENTS} events, the cursor counts 9"]


async def test_an_attempt_past_retention_is_not_folded_again(engine: AsyncEngine, seeded: SeededAttempt) -> None:
    async with engine.begin() as conn:
        await conn.execute(update(Flag).values(status="dismissed"))
        await conn.execute(
            update(ExamAttempt).values(
                status="submitted", completed_at=func.now() - timedelta(days=90), events_deleted_at=func.now()
            )
        )
        await conn.execute(delete(MonitoringEvent))
    found = await run_reproduction(engine)
    assert (found.order, found.flags, found.events) == ([], [], 0)


async def test_a_partition_that_was_dropped_by_hand_is_a_breach(engine: AsyncEngine, seeded: SeededAttempt) -> None:
    async with engine.begin() as conn:
        partition = await conn.execute(text("SELECT DISTINCT tableoid::regclass::text FROM monitoring_events"))
        await conn.execute(text(f"DROP TABLE {partition.scalar_one()}"))
    found = await run_reproduction(engine)
    assert [breach.where for breach in found.order] == [f"attempt {seeded.attempt_id}"]
    assert "is folded and stored up to 0" in found.order[0].what


async def test_a_rulebook_that_is_not_carried_is_a_note(engine: AsyncEngine, seeded: SeededAttempt, room: Room) -> None:
    await room.add_attempts(2)
    found = await change(engine, update(ExamAttempt).values(rulebook_version=9))
    assert (found.order, found.flags, found.events) == ([], [], 0)
    assert found.notes == ["rulebook 9 is not supported: 3 attempts not folded again"]
    async with engine.connect() as conn:
        assert (await reproduce(conn, rulebooks=BOTH)).notes == []


async def test_a_policy_that_cannot_be_read_is_a_breach(engine: AsyncEngine, seeded: SeededAttempt) -> None:
    found = await change(engine, text("""UPDATE exam_policies SET settings = '{"preset": "x"}'"""))
    assert texts_of(found) == ["cannot be folded: preset: invalid enum value 'x'"]


async def test_many_attempts_are_folded_a_bounded_number_of_events_at_a_time(
    engine: AsyncEngine, room: Room, notifier: Notifier
) -> None:
    seeded_attempts = await room.add_attempts(5)
    evaluator = Evaluator(engine, notifier)
    for event in AWAY:
        for seeded in seeded_attempts:
            await room.store(seeded, [event])
        await evaluator.evaluate([seeded.attempt_id for seeded in seeded_attempts])
    counts: list[int] = []
    async with engine.connect() as conn:
        found = await reproduce(conn, counts.append, bounds=Bounds(attempts=2, events=3))
    assert (texts_of(found), found.attempts, found.events) == ([], 5, 5 * EVENTS)
    assert max(counts) == 3
    assert texts_of(await change(engine, delete(Flag)))[:5] == [
        f"flag left_page v1 long:{seeded.stream_id}:1 is missing" for seeded in sorted(seeded_attempts, key=_attempt)
    ]


async def test_a_span_of_more_numbers_than_there_will_ever_be_events_costs_nothing(
    engine: AsyncEngine, room: Room, seeded: SeededAttempt, notifier: Notifier
) -> None:
    await room.store(seeded, [("events_lost", {"from": len(AWAY) + 1, "reason": "overflow"}, 90_000)])
    async with engine.begin() as conn:
        lost = update(MonitoringEvent).where(MonitoringEvent.event_type == "events_lost")
        await conn.execute(lost.values(seq=SEQ_MAX))
    await Evaluator(engine, notifier).evaluate([seeded.attempt_id])
    async with engine.connect() as conn:
        found = await reproduce(conn)
    assert (texts_of(found), found.events) == ([], EVENTS + 1)


def _attempt(seeded: SeededAttempt) -> UUID:
    return seeded.attempt_id


async def end_and_analyze(engine: AsyncEngine, seeded: SeededAttempt, notifier: Notifier) -> None:
    await change(engine, update(ExamAttempt).values(completed_at=func.now() + timedelta(minutes=1)))
    evaluator = Evaluator(engine, notifier)
    await change(engine, insert(BehaviorAnalysis).values(attempt_id=seeded.attempt_id))
    await Analyst(engine, notifier, evaluator).analyze([seeded.attempt_id])


async def test_other_observed_times_than_the_events_show_are_reported(
    engine: AsyncEngine, seeded: SeededAttempt, notifier: Notifier
) -> None:
    await end_and_analyze(engine, seeded, notifier)
    assert texts_of(await run_reproduction(engine)) == []
    forged = AnalysisCursor.observed.op("||")(cast({"seen": [[0, 2**45]]}, JSONB))
    coverage, times = (await change(engine, update(AnalysisCursor).values(observed=forged))).coverages
    assert coverage.what.startswith("coverage is ")
    assert "but 1.0 follows from what was observed" in coverage.what
    assert times.what == "the observed times differ from those that follow from the events"


async def test_an_attempt_that_an_older_version_began_is_measured_by_its_connections(
    engine: AsyncEngine, seeded: SeededAttempt, notifier: Notifier
) -> None:
    await change(engine, update(AnalysisCursor).values(observed=None))
    shorter = update(Connection).values(closed_at=Connection.opened_at)
    assert (await change(engine, shorter)).coverages == [], "it runs: that was true when it was stored"
    await end_and_analyze(engine, seeded, notifier)
    assert texts_of(await run_reproduction(engine)) == []
    [breach] = (await change(engine, update(Connection).values(closed_at=None))).coverages
    assert breach.what.startswith("coverage is 0.0, but 0.")


async def test_a_clock_fault_that_does_not_follow_from_the_events_is_reported(
    engine: AsyncEngine, seeded: SeededAttempt, notifier: Notifier
) -> None:
    forged = ServerEvent("clock_mismatch", {"stream": str(seeded.stream_id), "from": 1, "to": 2, "kind": "slow"})
    async with engine.begin() as conn:
        await append_events(conn, seeded.attempt_id, [forged])
    await Evaluator(engine, notifier).evaluate([seeded.attempt_id])
    [breach] = (await run_reproduction(engine)).coverages
    assert breach.what.startswith("clock faults are [")
