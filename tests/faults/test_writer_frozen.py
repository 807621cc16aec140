"""A hub that is frozen between COPY and COMMIT blocks other hubs only for a short time, and does no harm afterwards."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from db.settings import DatabaseSettings
from hub.ingest.batcher import Stored
from tests.faults.frozen_hub import ENTRIES
from tests.faults.proxy import Proxy
from tests.hub.ingest.workbench import PATIENCE_S, Workbench, stored

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("frozen_hub.py")


async def test_another_hub_stores_the_batch_and_the_thawed_hub_stores_nothing_twice(
    database: DatabaseSettings, engine: AsyncEngine
) -> None:
    stream_id = uuid7()
    async with Proxy(database.database_url) as proxy:
        proxy.holds_copy = True
        frozen = await asyncio.create_subprocess_exec(
            sys.executable,
            str(SCRIPT),
            proxy.url,
            str(stream_id),
            "5",
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        try:
            await asyncio.wait_for(proxy.copy_held.wait(), PATIENCE_S)
            frozen.send_signal(signal.SIGSTOP)
            # The response to its COPY arrives, but the process cannot read it: the transaction stays open.
            proxy.release()
            started = time.monotonic()
            bench = Workbench(database)
            async with bench.ingest:
                reported = bench.offer_entries(stream_id, 1, ENTRIES)
                assert await asyncio.wait_for(reported.result, PATIENCE_S) == Stored()
            assert time.monotonic() - started < 6.0
            assert await stored(engine, stream_id) == [1, 2, 3, 4, 5]
            frozen.send_signal(signal.SIGCONT)
            output, _ = await asyncio.wait_for(frozen.communicate(), PATIENCE_S)
            assert output.splitlines()[-1] == b"stored"
        finally:
            if frozen.returncode is None:
                frozen.kill()
                await frozen.wait()
    assert proxy.commits == ["passed"]
    assert await stored(engine, stream_id) == [1, 2, 3, 4, 5]
    async with engine.connect() as conn:
        assert (await conn.execute(text("SELECT count(*) FROM rejected_events"))).scalar_one() == 1
