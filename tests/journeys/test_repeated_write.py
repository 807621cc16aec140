"""A hub is killed in the middle of a write, and the client repeats the write with its `Idempotency-Key`."""

import asyncio
import signal
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import Exam, IdempotencyKey
from db.settings import DatabaseSettings
from protocol.roles import Role
from tests.faults.hubs import Hub, run_hub
from veritas.accounts import PasswordLogin, create_account

LOGIN = PasswordLogin("grace", "correct horse 7")
SLOW_AUDIT = (
    "CREATE FUNCTION sleep_a_while() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN IF NEW.action = 'create_exam' THEN PERFORM pg_sleep(4); END IF; RETURN NEW; END $$",
    "CREATE TRIGGER sleep_a_while BEFORE INSERT ON audit_logs FOR EACH ROW EXECUTE FUNCTION sleep_a_while()",
)
"""Audit rows are written last, so the exam and the stored response are in the transaction, which is still open."""

pytestmark = pytest.mark.timeout(120)


async def create_exam(hub: Hub) -> httpx.Response:
    async with httpx.AsyncClient(base_url=hub.base_url, trust_env=False, timeout=30) as http:
        login = {"username": LOGIN.username, "password": LOGIN.password}
        token = (await http.post("/auth/login", json=login)).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "one"}
        return await http.post("/exams", json={"title": "Physics", "duration_minutes": 90}, headers=headers)


async def has_begun(engine: AsyncEngine) -> None:
    """Wait until a transaction holds the lock of a key."""
    held = text(
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    async with asyncio.timeout(30):
        while True:
            async with engine.begin() as conn:
                if (await conn.execute(held)).first():
                    return
            await asyncio.sleep(0.02)


async def test_a_write_of_a_killed_hub_is_carried_out_once_by_its_repetition(
    database: DatabaseSettings, engine: AsyncEngine, tmp_path: Path
) -> None:
    await create_account(engine, Role.TEACHER, "Grace", LOGIN, cost=4)
    async with run_hub(database, tmp_path) as hub:
        async with engine.begin() as conn:
            for statement in SLOW_AUDIT:
                await conn.execute(text(statement))
        writing = asyncio.ensure_future(create_exam(hub))
        await has_begun(engine)
        hub.signal(signal.SIGKILL)
        with pytest.raises(httpx.TransportError):
            await writing
    async with engine.begin() as conn:
        await conn.execute(text("DROP TRIGGER sleep_a_while ON audit_logs"))
    async with run_hub(database, tmp_path) as hub:
        async with asyncio.timeout(30):
            while (repeated := await create_exam(hub)).status_code == 503:
                pass
        again = await create_exam(hub)
    assert repeated.status_code == 201, repeated.text
    assert "idempotent-replayed" not in repeated.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == repeated.json()
    async with engine.begin() as conn:
        for table in (Exam, IdempotencyKey):
            assert (await conn.execute(select(func.count()).select_from(table))).scalar_one() == 1
