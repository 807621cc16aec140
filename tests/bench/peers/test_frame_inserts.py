"""The idiomatic service answers a frame once its events are stored."""

import json

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from websockets.asyncio.client import connect

from bench.peers.frame_inserts import create_app
from db.settings import DatabaseSettings
from tests.hub.serving import serve

EVENTS = [{"type": "typing", "at": 1_790_000_000_000 + number, "mono": number} for number in range(3)]


async def test_a_frame_is_acknowledged_and_stored(database: DatabaseSettings, engine: AsyncEngine) -> None:
    url = database.database_url.replace("postgresql+asyncpg", "postgresql")
    async with serve(create_app(url)) as address, connect(f"ws://{address}/ws", compression=None, proxy=None) as socket:
        await socket.send(json.dumps({"t": "events", "first_seq": 5, "events": EVENTS}))
        assert json.loads(await socket.recv()) == {"t": "ack", "seq": 7}
    async with engine.connect() as conn:
        assert await conn.scalar(text("SELECT count(*) FROM bench_framed")) == 3
