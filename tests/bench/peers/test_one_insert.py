"""The simplest service stores each event in a transaction."""

from uuid import uuid4

from litestar.testing import AsyncTestClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.peers.one_insert import create_app
from db.settings import DatabaseSettings


async def test_each_post_is_stored_and_answered_with_its_id(database: DatabaseSettings, engine: AsyncEngine) -> None:
    body = {"attempt_id": str(uuid4()), "event_type": "paste", "at": 1_790_000_000_000, "data": {"chars": 9}}
    async with AsyncTestClient(create_app(database.database_url)) as client:
        answers = [await client.post("/events", json=body) for _ in range(2)]
    assert [(answer.status_code, answer.json()["id"]) for answer in answers] == [(201, 1), (201, 2)]
    async with engine.connect() as conn:
        assert await conn.scalar(text("SELECT count(*) FROM bench_posted")) == 2
