import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import create_engine
from db.errors import AWAY as AWAY_ERRORS
from db.models import AnalysisCursor, ExamAttempt, Flag, MonitoringEvent
from db.notify import Notification, Notifier
from db.queries import feed
from db.queries.evaluation import cursors
from db.settings import DatabaseSettings
from protocol.jobs import Evaluate
from tests.judgement.rulebooks import BOTH
from tests.seeded_attempts import SeededAttempt
from tests.workers.rooms import AWAY, EventSpec, Room, break_checkpoint
from veritas.audit.reproduce import reproduce
from workers import metrics
from workers.jobs.evaluate import FOLDS, Evaluator, FoldOutcome
from workers.jobs.sweep import Sweep

EVENTS = len(AWAY) + 1
"""With `attempt_started`."""


async def read_kinds(engine: AsyncEngine, exam_id: UUID) -> list[tuple[int, str]]:
    async with engine.connect() as conn:
        return [(delta.offset, delta.kind) for delta in await feed.read_after(conn, exam_id, 0)]


async def read_score(engine: AsyncEngine, attempt_id: UUID) -> float | None:
    async with engine.connect() as conn:
        found = await conn.execute(select(ExamAttempt.integrity_score).where(ExamAttempt.id == attempt_id))
        score: float | None = found.scalar_one()
        return score


async def test_events_become_a_flag_a_score_and_feed_rows(
    engine: AsyncEngine, room: Room, evaluator: Evaluator
) -> None:
    [seeded] = await room.add_attempts()
    await room.store(seeded, AWAY)
    await evaluator.evaluate([seeded.attempt_id])
    assert await room.count_flags(seeded.attempt_id) == 1
    assert await room.count_folded(seeded.attempt_id) == EVENTS
    score = await read_score(engine, seeded.attempt_id)
    assert score is not None
    assert 0 < score < 1
    assert await read_kinds(engine, seeded.exam_id) == [(1, "attempt"), (2, "flag"), (3, "score")]


async def test_an_evaluation_is_stored_in_one_transaction(
    engine: AsyncEngine, room: Room, evaluator: Evaluator
) -> None:
    [seeded] = await room.add_attempts()
    await room.store(seeded, AWAY)
    await evaluator.evaluate([seeded.attempt_id])
    async with engine.connect() as conn:
        written_by = await conn.execute(
            text(
                "SELECT xmin FROM flags UNION SELECT xmin FROM analysis_cursors UNION SELECT xmin FROM exam_attempts "
                'UNION SELECT xmin FROM feed_heads UNION SELECT xmin FROM exam_feed WHERE "offset" > 1'
            )
        )
        assert len(written_by.all()) == 1


async def test_evaluating_again_changes_nothing(engine: AsyncEngine, room: Room, evaluator: Evaluator) -> None:
    [seeded] = await room.add_attempts()
    await room.store(seeded, AWAY)
    for _ in range(2):
        await evaluator.evaluate([seeded.attempt_id])
    assert await room.count_flags() == 1
    assert len(await read_kinds(engine, seeded.exam_id)) == 3


async def test_folding_all_events_again_raises_nothing_twice(
    engine: AsyncEngine, room: Room, notifier: Notifier
) -> None:
    [seeded] = await room.add_attempts()
    await room.store(seeded, AWAY)
    await Evaluator(engine, notifier).evaluate([seeded.attempt_id])
    async with engine.begin() as conn:
        await conn.execute(update(AnalysisCursor).values(positions={}, fold_order=[], state=b"", facts=0))
    await Evaluator(engine, notifier).evaluate([seeded.attempt_id])
    assert await room.count_flags() == 1
    assert len(await read_kinds(engine, seeded.exam_id)) == 3


async def test_a_first_fold_without_flags_gives_a_first_score(
    engine: AsyncEngine, room: Room, evaluator: Evaluator
) -> None:
    [seeded] = await room.add_attempts()
    await room.store(seeded, [("alive", {}, 1)])
    await evaluator.evaluate([seeded.attempt_id])
    assert await read_score(engine, seeded.attempt_id) == 1.0
    assert await read_kinds(engine, seeded.exam_id) == [(1, "attempt"), (2, "score")]


async def test_a_fold_continues_from_memory_or_from_the_checkpoint_alike(
    engine: AsyncEngine, room: Room, notifier: Notifier
) -> None:
    together, alone, apart = await room.add_attempts(3)
    workers = [Evaluator(engine, notifier), Evaluator(engine, notifier)]
    await room.store(together, AWAY)
    await workers[0].evaluate([together.attempt_id])
    for n, event in enumerate(AWAY):
        await room.store(alone, [event])
        await workers[0].evaluate([alone.attempt_id])
        await room.store(apart, [event])
        await workers[n % 2].evaluate([apart.attempt_id])
    async with engine.connect() as conn:
        found = await conn.execute(select(Flag.attempt_id, Flag.rule, Flag.evidence["numbers"]))
        flags_of = {row.attempt_id: (row.rule, row[2]) for row in found}
    assert flags_of[together.attempt_id] == flags_of[alone.attempt_id] == flags_of[apart.attempt_id]


async def test_two_workers_at_once_never_double(
    engine: AsyncEngine, database: DatabaseSettings, room: Room, notifier: Notifier
) -> None:
    seeded_attempts = await room.add_attempts(20)
    attempts = [seeded.attempt_id for seeded in seeded_attempts]
    other = create_engine(database)
    workers = [Evaluator(engine, notifier), Evaluator(other, notifier)]
    for event in AWAY:
        await asyncio.gather(*(room.store(seeded, [event]) for seeded in seeded_attempts))
        await asyncio.gather(*(worker.evaluate(attempts) for worker in workers))
    await other.dispose()
    assert await room.count_flags() == len(seeded_attempts)
    assert {await room.count_folded(attempt) for attempt in attempts} == {EVENTS}
    kinds = await read_kinds(engine, seeded_attempts[0].exam_id)
    assert [offset for offset, _ in kinds] == list(range(1, len(kinds) + 1))
    assert sorted(kind for _, kind in kinds) == ["attempt"] * 20 + ["flag"] * 20 + ["score"] * 40


async def test_a_hole_stops_the_fold_until_it_is_filled(engine: AsyncEngine, room: Room, evaluator: Evaluator) -> None:
    [seeded] = await room.add_attempts()
    await room.store(seeded, AWAY)
    async with engine.begin() as conn:
        hidden = MonitoringEvent.stream_id == seeded.stream_id, MonitoringEvent.seq == 2
        await conn.execute(update(MonitoringEvent).where(*hidden).values(seq=1_000))
    met = metrics.HOLES._value.get()
    await evaluator.evaluate([seeded.attempt_id])
    assert await room.count_folded(seeded.attempt_id) == 2, "attempt_started and the event before the hole"
    assert await room.count_flags() == 0
    assert metrics.HOLES._value.get() > met
    async with engine.begin() as conn:
        shown = MonitoringEvent.stream_id == seeded.stream_id, MonitoringEvent.seq == 1_000
        await conn.execute(update(MonitoringEvent).where(*shown).values(seq=2))
    await evaluator.evaluate([seeded.attempt_id])
    assert await room.count_flags() == 1


async def test_an_attempt_that_cannot_be_folded_does_not_stop_the_others(
    engine: AsyncEngine, room: Room, evaluator: Evaluator, notifier: Notifier
) -> None:
    poisoned, *others = await room.add_attempts(3)
    [misruled] = await room.add_attempts(policy={"rules": {"left_page": {"times": -1}}})
    everyone = [poisoned, misruled, *others]
    await break_checkpoint(engine, notifier, poisoned)
    for seeded in everyone:
        await room.store(seeded, AWAY)
    failed = metrics.FOLD_FAILURES._value.get()
    await evaluator.evaluate([seeded.attempt_id for seeded in everyone])
    assert [await room.count_flags(seeded.attempt_id) for seeded in everyone] == [0, 0, 1, 1]
    assert await room.count_folded(poisoned.attempt_id) == 1
    assert metrics.FOLD_FAILURES._value.get() == failed + 2


@pytest.mark.parametrize(("quarantine_s", "flags"), [(60.0, 0), (0.0, 1)])
async def test_an_attempt_in_quarantine_is_tried_again_later(
    engine: AsyncEngine, room: Room, notifier: Notifier, quarantine_s: float, flags: int
) -> None:
    evaluator = Evaluator(engine, notifier, quarantine_s=quarantine_s)
    [seeded] = await room.add_attempts()
    await break_checkpoint(engine, notifier, seeded)
    await room.store(seeded, AWAY)
    await evaluator.evaluate([seeded.attempt_id])
    async with engine.begin() as conn:
        await conn.execute(update(AnalysisCursor).values(state=b""))
    await evaluator.evaluate([seeded.attempt_id])
    assert await room.count_flags() == flags


async def test_a_row_that_postgresql_refuses_affects_only_its_attempt(
    engine: AsyncEngine, room: Room, evaluator: Evaluator
) -> None:
    seeded_attempts = await room.add_attempts(5)
    for seeded in seeded_attempts:
        await room.store(seeded, AWAY)
    refused = seeded_attempts[3].attempt_id
    async with engine.begin() as conn:
        await conn.execute(text(f"ALTER TABLE flags ADD CHECK (attempt_id <> '{refused}')"))
    await evaluator.evaluate([seeded.attempt_id for seeded in seeded_attempts])
    assert [await room.count_flags(seeded.attempt_id) for seeded in seeded_attempts] == [1, 1, 1, 0, 1]
    assert await room.count_folded(refused) == 0


async def test_a_fold_that_was_rolled_back_leaves_no_state_behind(
    engine: AsyncEngine, room: Room, notifier: Notifier
) -> None:
    evaluator = Evaluator(engine, notifier, quarantine_s=0.0)
    [seeded] = await room.add_attempts()
    await evaluator.evaluate([seeded.attempt_id])
    async with engine.begin() as conn:
        await conn.execute(text("ALTER TABLE flags ADD CONSTRAINT shut CHECK (false)"))
    await room.store(seeded, AWAY[:3])  # still away: a state that has seen it would not report it again
    await evaluator.evaluate([seeded.attempt_id])
    assert await room.count_folded(seeded.attempt_id) == 1
    async with engine.begin() as conn:
        await conn.execute(text("ALTER TABLE flags DROP CONSTRAINT shut"))
    await evaluator.evaluate([seeded.attempt_id])
    assert await room.count_flags() == 1


async def test_a_state_behind_the_cursor_is_not_used(engine: AsyncEngine, room: Room, notifier: Notifier) -> None:
    [seeded] = await room.add_attempts()
    one, other = Evaluator(engine, notifier), Evaluator(engine, notifier)
    specs: list[EventSpec] = [("window_blur", {}, 1_000), ("window_focus", {}, 5_000), ("alive", {}, 60_000)]
    for worker, event in zip((one, other, one), specs, strict=True):
        await room.store(seeded, [event])
        await worker.evaluate([seeded.attempt_id])
    assert await room.count_flags() == 0


class ObservedEvaluator(Evaluator):
    """Reports when it finds a locked attempt."""

    def __init__(self, engine: AsyncEngine, notifier: Notifier) -> None:
        super().__init__(engine, notifier)
        self.found_locked = asyncio.Event()

    async def fold_once(self, attempts: Sequence[UUID]) -> FoldOutcome:
        outcome = await super().fold_once(attempts)
        if not outcome.claimed:
            self.found_locked.set()
        return outcome


async def test_an_attempt_that_another_worker_has_locked_is_checked_again(
    engine: AsyncEngine, room: Room, notifier: Notifier
) -> None:
    evaluator = ObservedEvaluator(engine, notifier)
    [seeded] = await room.add_attempts()
    await room.store(seeded, AWAY)
    async with engine.begin() as conn:
        await cursors.claim_cursors(conn, [seeded.attempt_id], 1, supported={1})
        evaluating = asyncio.create_task(evaluator.evaluate([seeded.attempt_id]))
        await asyncio.wait_for(evaluator.found_locked.wait(), 10)
        assert not evaluating.done()
    await evaluating
    assert await room.count_flags() == 1


async def test_a_job_leaves_endless_new_events_to_later_jobs(
    room: Room, evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    [seeded] = await room.add_attempts()
    await room.store(seeded, AWAY)
    fold_once = evaluator.fold_once

    async def and_more_comes(attempts: Sequence[UUID]) -> FoldOutcome:
        outcome = await fold_once(attempts)
        await room.store(seeded, [("alive", {}, 60_000)])
        return outcome

    monkeypatch.setattr(evaluator, "fold_once", and_more_comes)
    async with asyncio.timeout(10):
        await evaluator.evaluate([seeded.attempt_id])
    assert await room.count_folded(seeded.attempt_id) == EVENTS + FOLDS - 1


async def test_an_unexpected_error_of_a_notification_puts_no_attempt_into_quarantine(
    room: Room, evaluator: Evaluator, notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(channel: str, key: UUID) -> None:
        raise KeyError(f"{channel} {key}")

    monkeypatch.setattr(notifier, "notify", fail)
    seeded_attempts = await room.add_attempts(2)
    failed = metrics.FOLD_FAILURES._value.get()
    await evaluator.evaluate([seeded.attempt_id for seeded in seeded_attempts])
    assert [await room.count_folded(seeded.attempt_id) for seeded in seeded_attempts] == [1, 1]
    assert metrics.FOLD_FAILURES._value.get() == failed
    assert evaluator.quarantined() == set()


async def test_an_attempt_locked_for_long_is_left_to_the_sweep(
    engine: AsyncEngine, room: Room, notifier: Notifier
) -> None:
    evaluator = Evaluator(engine, notifier, busy_checks=2)
    [seeded] = await room.add_attempts()
    await room.store(seeded, AWAY)
    async with engine.begin() as conn:
        await cursors.claim_cursors(conn, [seeded.attempt_id], 1, supported={1})
        async with asyncio.timeout(5):
            await evaluator.evaluate([seeded.attempt_id])
    assert await room.count_folded(seeded.attempt_id) == 0
    await room.age(seeded)
    await Sweep(engine, evaluator).run()
    assert await room.count_flags() == 1


async def test_a_long_backlog_is_folded_completely(engine: AsyncEngine, room: Room, notifier: Notifier) -> None:
    evaluator = Evaluator(engine, notifier, events_per_transaction=6)
    [seeded] = await room.add_attempts()
    await room.store(seeded, [("alive", {}, n) for n in range(10)])
    await evaluator.evaluate([seeded.attempt_id])
    assert await room.count_folded(seeded.attempt_id) == 11


async def test_several_exams_are_fed_from_one_transaction(
    engine: AsyncEngine, room: Room, evaluator: Evaluator, notifier: Notifier
) -> None:
    seeded_attempts = [(await room.add_attempts())[0] for _ in range(3)]
    for seeded in seeded_attempts:
        await room.store(seeded, AWAY)
    async with asyncio.timeout(10), aclosing(notifier.listen()) as received:
        assert await anext(received) == Notification("reconnected")
        await evaluator.evaluate([seeded.attempt_id for seeded in seeded_attempts])
        announced = {await anext(received) for _ in seeded_attempts}
    assert announced == {Notification("feed", seeded.exam_id) for seeded in seeded_attempts}
    for seeded in seeded_attempts:
        assert await read_kinds(engine, seeded.exam_id) == [(1, "attempt"), (2, "flag"), (3, "score")]


async def test_a_job_with_an_unknown_attempt_does_nothing(room: Room, evaluator: Evaluator) -> None:
    [seeded] = await room.add_attempts()
    await evaluator.evaluate([uuid4()])
    await evaluator.evaluate([])
    assert await room.count_folded(seeded.attempt_id) == 0


async def test_a_job_names_its_attempts_as_the_hub_encodes_them(room: Room, evaluator: Evaluator) -> None:
    [seeded] = await room.add_attempts()
    payload = msgspec.msgpack.decode(msgspec.msgpack.encode(Evaluate([seeded.attempt_id])))
    await evaluator.handle({}, payload)
    assert await room.count_folded(seeded.attempt_id) == 1


async def test_a_job_with_an_invalid_payload_is_refused(evaluator: Evaluator) -> None:
    with pytest.raises(msgspec.ValidationError):
        await evaluator.handle({}, {"attempts": ["not an id"]})


async def test_a_job_without_postgresql_is_postponed(database: DatabaseSettings, notifier: Notifier) -> None:
    nowhere = msgspec.structs.replace(database, database_url="postgresql://veritas@/none?host=/nonexistent")
    engine = create_engine(nowhere)
    await Evaluator(engine, notifier).handle({}, {"attempts": [str(uuid4())]})
    await engine.dispose()


async def test_a_finished_evaluator_starts_nothing(room: Room, evaluator: Evaluator) -> None:
    [seeded] = await room.add_attempts()
    evaluator.finish()
    await evaluator.evaluate([seeded.attempt_id])
    assert await room.count_folded(seeded.attempt_id) == 0


async def test_old_and_new_rulebook_are_evaluated_side_by_side(
    engine: AsyncEngine, room: Room, notifier: Notifier
) -> None:
    old, new = await room.add_attempts(2)
    async with engine.begin() as conn:
        await conn.execute(update(ExamAttempt).where(ExamAttempt.id == new.attempt_id).values(rulebook_version=9))
    for seeded in (old, new):
        await room.store(seeded, [*AWAY, ("copy", {}, 30_000)])
        await room.age(seeded)
    yesterday, today = Evaluator(engine, notifier), Evaluator(engine, notifier, BOTH)
    await yesterday.evaluate([old.attempt_id, new.attempt_id])
    await Sweep(engine, yesterday).run()
    assert [await room.count_flags(seeded.attempt_id) for seeded in (old, new)] == [1, 0]
    assert await room.count_folded(new.attempt_id) == 0, "an unsupported rulebook is left alone"
    assert metrics.UNSUPPORTED._value.get() == 1
    await room.store(old, [("alive", {}, 40_000)])
    await today.evaluate([old.attempt_id, new.attempt_id])
    await Sweep(engine, today).run()
    assert metrics.UNSUPPORTED._value.get() == 0
    async with engine.connect() as conn:
        found = await conn.execute(select(Flag.attempt_id, Flag.rule))
        assert {(row.attempt_id, row.rule) for row in found} == {
            (old.attempt_id, "left_page"),
            (new.attempt_id, "copied"),
        }
        assert (await reproduce(conn, rulebooks=BOTH)).notes == []
    assert await read_score(engine, new.attempt_id) == 1.0, "a note weighs nothing"


async def read_checkpoint(engine: AsyncEngine, seeded: SeededAttempt) -> tuple[bool, int, int]:
    """Whether a state is stored, after how many events, and how many are folded."""
    async with engine.connect() as conn:
        found = await conn.execute(
            select(AnalysisCursor.state != b"", AnalysisCursor.checkpoint_facts, AnalysisCursor.facts).where(
                AnalysisCursor.attempt_id == seeded.attempt_id
            )
        )
        has_state, checkpoint, folded = found.one()
        return has_state, checkpoint, folded


async def test_a_state_is_not_stored_at_every_fold(engine: AsyncEngine, room: Room, evaluator: Evaluator) -> None:
    [seeded] = await room.add_attempts()
    for event in AWAY:
        await room.store(seeded, [event])
        await evaluator.evaluate([seeded.attempt_id])
    assert await read_checkpoint(engine, seeded) == (False, 0, EVENTS)
    async with engine.begin() as conn:
        await conn.execute(update(ExamAttempt).values(status="submitted"))
    await room.store(seeded, [("alive", {}, 50_000)])
    await evaluator.evaluate([seeded.attempt_id])
    assert await read_checkpoint(engine, seeded) == (True, EVENTS + 1, EVENTS + 1)


async def test_a_worker_without_states_continues_along_the_fold_order(
    engine: AsyncEngine, room: Room, notifier: Notifier
) -> None:
    [seeded] = await room.add_attempts()
    specs: list[EventSpec] = [*AWAY[:2], ("copy", {}, 11_000), *AWAY[2:]]
    refolded = metrics.EVENTS_REFOLDED._value.get()
    for event in specs:
        await room.store(seeded, [event])
        await Evaluator(engine, notifier).evaluate([seeded.attempt_id])
    assert await room.count_flags() == 1
    # Each found the state as the one before it left it: only the very first had stored none.
    assert metrics.EVENTS_REFOLDED._value.get() == refolded + 2
    async with engine.connect() as conn:
        found = await reproduce(conn)
    assert (found.order, found.flags, found.scores) == ([], [], [])


async def test_a_crash_of_postgresql_during_a_commit_leaves_nothing_half_folded(
    engine: AsyncEngine, room: Room, evaluator: Evaluator
) -> None:
    [seeded] = await room.add_attempts()
    await room.store(seeded, AWAY[:2])
    await evaluator.evaluate([seeded.attempt_id])
    async with engine.begin() as conn:
        await conn.execute(
            text(
                "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS "
                "'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'"
            )
        )
        await conn.execute(
            text(
                "CREATE CONSTRAINT TRIGGER die AFTER UPDATE ON analysis_cursors DEFERRABLE INITIALLY DEFERRED "
                "FOR EACH ROW EXECUTE FUNCTION die()"
            )
        )
    await room.store(seeded, AWAY[2:])
    with pytest.raises(AWAY_ERRORS):
        await evaluator.evaluate([seeded.attempt_id])
    assert (await room.count_folded(seeded.attempt_id), await room.count_flags()) == (3, 0)
    async with engine.begin() as conn:
        await conn.execute(text("DROP TRIGGER die ON analysis_cursors"))
    await evaluator.evaluate([seeded.attempt_id])
    assert (await room.count_folded(seeded.attempt_id), await room.count_flags()) == (EVENTS, 1)


async def test_after_a_failover_the_stored_events_are_folded(
    engine: AsyncEngine, room: Room, evaluator: Evaluator
) -> None:
    """A failover may lose events, and others may get their numbers: a state in memory has seen the lost ones."""
    [seeded] = await room.add_attempts()
    await room.store(seeded, AWAY[:2])
    await evaluator.evaluate([seeded.attempt_id])
    async with engine.begin() as conn:
        await conn.execute(
            update(MonitoringEvent).where(MonitoringEvent.event_type == "window_blur").values(event_type="alive")
        )
    await engine.dispose()
    await room.store(seeded, AWAY[2:])
    await evaluator.evaluate([seeded.attempt_id])
    assert await room.count_flags() == 0
