import asyncio
import os
import signal
import sys
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.clock import from_ms
from db.errors import SettingsError
from db.models import BehaviorAnalysis, ModelRun
from db.notify import Notifier
from db.settings import DatabaseSettings
from tests import seeded_attempts
from tests.factories import make_connection
from tests.ports import free_port
from tests.seeded_attempts import SeededAttempt
from tests.workers.llm.server import bomb, serve
from tests.workers.rooms import AWAY, Room
from veritas.embedded.valkey import Redis
from workers import metrics
from workers.main import GRACE_S, run
from workers.settings import WorkerSettings

ROOT = Path(__file__).parents[2]
NEVER_MS = 3_600_000


def settings_for(database: DatabaseSettings, redis: Redis, *, sweep_ms: int) -> WorkerSettings:
    return WorkerSettings(database_url=database.database_url, redis_url=redis.url, sweep_ms=sweep_ms, metrics_port=None)


@asynccontextmanager
async def working(settings: WorkerSettings) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        yield tasks.create_task(run(settings, stop))
        stop.set()


async def until(seen: Callable[[], Awaitable[bool]]) -> None:
    """Poll the database: there is no event to await."""
    async with asyncio.timeout(30):
        while True:
            if await seen():
                return
            await asyncio.sleep(0.02)


async def test_a_job_is_evaluated_without_a_sweep(
    database: DatabaseSettings, redis: Redis, notifier: Notifier, room: Room
) -> None:
    async with working(settings_for(database, redis, sweep_ms=NEVER_MS)):
        [seeded] = await room.add_attempts()
        await room.store(seeded, AWAY)
        await notifier.enqueue_evaluate([seeded.attempt_id])
        await until(lambda: _has_flags(room, 1))


async def test_without_redis_the_sweep_evaluates(database: DatabaseSettings, redis: Redis, room: Room) -> None:
    redis.kill()
    async with working(settings_for(database, redis, sweep_ms=100)):
        [seeded] = await room.add_attempts()
        await room.store(seeded, AWAY)
        await until(lambda: _has_flags(room, 1))


async def test_an_ended_attempt_is_analyzed_with_or_without_a_job(
    database: DatabaseSettings, redis: Redis, notifier: Notifier, engine: AsyncEngine
) -> None:
    async def end_one() -> UUID:
        async with engine.begin() as conn:
            seeded = await seeded_attempts.seed_attempt(conn)
            await seeded_attempts.end(conn, seeded)
            return seeded.attempt_id

    async with working(settings_for(database, redis, sweep_ms=NEVER_MS)):
        attempt_id = await end_one()
        await notifier.enqueue_analysis([attempt_id])
        await until(lambda: _is_analyzed(engine, attempt_id))
    redis.kill()
    async with working(settings_for(database, redis, sweep_ms=100)):
        without = await end_one()
        await until(lambda: _is_analyzed(engine, without))


async def test_a_worker_killed_during_an_analysis_leaves_it_to_the_next(
    database: DatabaseSettings, redis: Redis, engine: AsyncEngine
) -> None:
    async with engine.begin() as conn:
        seeded = await seeded_attempts.seed_attempt(conn)
        await make_connection(conn, seeded.attempt_id, seeded.stream_id)
        await seeded_attempts.end(conn, seeded)
    environ = {**os.environ, "VERITAS_DATABASE_URL": database.database_url, "VERITAS_REDIS_URL": redis.url}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _HANGING,
        env=environ,
        cwd=ROOT,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        assert await asyncio.wait_for(process.stderr.readline(), 60) == b"in the middle\n"
    finally:
        process.kill()
        await process.wait()
    assert not await _is_analyzed(engine, seeded.attempt_id)
    async with working(settings_for(database, redis, sweep_ms=50)):
        await until(lambda: _is_analyzed(engine, seeded.attempt_id))


async def test_a_bomb_and_the_death_of_the_model_process_do_not_touch_the_evaluation(
    database: DatabaseSettings, redis: Redis, notifier: Notifier, engine: AsyncEngine, room: Room
) -> None:
    before, between, after = await room.add_attempts(3)
    async with serve(await asyncio.to_thread(bomb, 300)) as server:
        settings = settings_for(database, redis, sweep_ms=NEVER_MS)
        settings = msgspec.structs.replace(settings, llm_base_url=server.url, llm_model="tiny")
        environ = {
            **os.environ,
            "VERITAS_DATABASE_URL": database.database_url,
            "VERITAS_REDIS_URL": redis.url,
            "VERITAS_LLM_BASE_URL": server.url,
            "VERITAS_LLM_MODEL": "tiny",
        }
        async with working(settings):
            await _evaluate(room, notifier, before, flags=1)
            # The worker's only sweep is over: it would evaluate an ended attempt, which then waits for no model.
            await _let_one_wait(engine)
            model = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "veritas.cli", "work", "--only", "model"), env=environ, cwd=ROOT
            )
            try:
                await until(lambda: _has_failed_run(engine))
                assert _peak_mib(model.pid) < 300
                await _evaluate(room, notifier, between, flags=2)
            finally:
                model.kill()
                await model.wait()
            await _evaluate(room, notifier, after, flags=3)
        assert len(server.requests) == 1, "only the model process sends requests"


async def _evaluate(room: Room, notifier: Notifier, seeded: SeededAttempt, *, flags: int) -> None:
    await room.store(seeded, AWAY)
    await notifier.enqueue_evaluate([seeded.attempt_id])
    await until(lambda: _has_flags(room, flags))


async def _let_one_wait(engine: AsyncEngine) -> None:
    """Create an ended attempt whose analysis waits for the model."""
    async with engine.begin() as conn:
        waiting = await seeded_attempts.seed_attempt(conn)
        await seeded_attempts.end(conn, waiting)
        is_waiting = {"state": "done", "model_state": "pending", "revision": 1, "due_at": from_ms(0)}
        analyses = update(BehaviorAnalysis).where(BehaviorAnalysis.attempt_id == waiting.attempt_id)
        await conn.execute(analyses.values(is_waiting))


async def _has_failed_run(engine: AsyncEngine) -> bool:
    async with engine.connect() as conn:
        return (await conn.execute(select(ModelRun.state))).scalars().all() == ["failed"]


def _peak_mib(pid: int) -> float:
    """The most memory that a process has used."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


async def test_without_a_model_there_is_no_model_process(database: DatabaseSettings, redis: Redis) -> None:
    with pytest.raises(SettingsError, match="VERITAS_LLM_BASE_URL"):
        await run(settings_for(database, redis, sweep_ms=NEVER_MS), model_only=True)


async def test_redis_may_be_killed_and_restarted_under_a_worker(
    database: DatabaseSettings, redis: Redis, notifier: Notifier, room: Room
) -> None:
    before, after = await room.add_attempts(2)
    async with working(settings_for(database, redis, sweep_ms=NEVER_MS)) as worker:
        await room.store(before, AWAY)
        await notifier.enqueue_evaluate([before.attempt_id])
        await until(lambda: _has_flags(room, 1))
        redis.kill()
        await asyncio.sleep(0.3)
        redis.run()
        await room.store(after, AWAY)

        async def is_evaluated() -> bool:
            # A job may be lost while connections are opened again; hubs enqueue new ones all the time.
            await notifier.enqueue_evaluate([after.attempt_id])
            return await room.count_flags() == 2

        await until(is_evaluated)
        assert not worker.done()


async def test_a_worker_that_starts_before_its_servers_waits_for_them(
    database: DatabaseSettings, redis: Redis, room: Room
) -> None:
    nowhere = msgspec.structs.replace(database, database_url="postgresql://veritas@/none?host=/nonexistent")
    async with working(settings_for(nowhere, redis, sweep_ms=50)) as worker:
        failed = metrics.TASKS_FAILED.labels(round="sweep")._value
        before = failed.get()
        await until(lambda: _is_at_least(failed.get, before + 2))
        assert not worker.done()


async def test_sigterm_ends_the_process_cleanly(database: DatabaseSettings, redis: Redis, room: Room) -> None:
    environ = {
        **os.environ,
        "VERITAS_DATABASE_URL": database.database_url,
        "VERITAS_REDIS_URL": redis.url,
        "VERITAS_SWEEP_MS": "50",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROGRAM, env=environ, cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    [seeded] = await room.add_attempts()
    await room.store(seeded, AWAY)
    await until(lambda: _has_flags(room, 1))
    process.send_signal(signal.SIGTERM)
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert (process.returncode, b"Traceback" in errors) == (0, False), errors.decode()


@pytest.mark.parametrize("after_s", [0.0, 0.001, 0.003, 0.005, 0.015, 0.1])
async def test_stopping_is_quick_at_any_moment(database: DatabaseSettings, redis: Redis, after_s: float) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(run(settings_for(database, redis, sweep_ms=50), stop))
    await asyncio.sleep(after_s)
    stop.set()
    async with asyncio.timeout(0.8 * GRACE_S):
        await running


async def test_metrics_are_served_on_their_own_port(database: DatabaseSettings, redis: Redis) -> None:
    port = free_port()
    settings = msgspec.structs.replace(settings_for(database, redis, sweep_ms=50), metrics_port=port)

    def scrape() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            text: str = answer.read().decode()
            return text

    async with working(settings):
        await asyncio.sleep(0)  # the server is up once the task has begun
        assert "veritas_unjudged_lag_seconds" in await asyncio.to_thread(scrape)


async def test_a_metrics_port_in_use_stops_the_start(database: DatabaseSettings, redis: Redis) -> None:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = msgspec.structs.replace(settings_for(database, redis, sweep_ms=50), metrics_port=port)
    with pytest.raises(OSError, match="in use"):
        await run(settings, asyncio.Event())
    server.close()


async def _is_analyzed(engine: AsyncEngine, attempt_id: UUID) -> bool:
    async with engine.connect() as conn:
        found = await conn.execute(
            select(BehaviorAnalysis.state, BehaviorAnalysis.revision).where(BehaviorAnalysis.attempt_id == attempt_id)
        )
        return tuple(found.one()) == ("done", 1)


async def _is_at_least(read: Callable[[], float], value: float) -> bool:
    return read() >= value


async def _has_flags(room: Room, count: int) -> bool:
    return await room.count_flags() == count


_PROGRAM = """
import asyncio, os
from db.settings import read_settings
from workers.main import run
from workers.settings import WorkerSettings
asyncio.run(run(read_settings(WorkerSettings, os.environ)))
"""

_HANGING = """
import asyncio, os, sys
from db.settings import read_settings
from workers.jobs import analyze
from workers.main import run
from workers.settings import WorkerSettings

async def hang(*_):
    print("in the middle", file=sys.stderr, flush=True)
    await asyncio.Event().wait()

analyze.update_performance = hang
asyncio.run(run(read_settings(WorkerSettings, os.environ)))
"""
