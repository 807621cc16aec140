"""A process with one writer and one batch that a test freezes between COPY and COMMIT.

Arguments: the URL of the database, and the stream. It prints "stored" or "given up" and ends.
"""

import asyncio
import sys
from uuid import UUID

import asyncpg

from db.engine import connect_writer
from db.settings import DatabaseSettings
from hub.ingest.batcher import BatchResult, PendingBatch, Stored
from hub.ingest.writer import Ingest
from protocol.codes import RejectCode
from protocol.events import Batch, Entry, tombstone

IDLE = "SET idle_in_transaction_session_timeout = '1500ms'"
"""The product waits 5 s."""

# A tombstone makes the COPY part of a larger transaction with a separate COMMIT.
ENTRIES = (
    tombstone(1, RejectCode.TOO_DEEP, b"[[[["),
    *(Entry(seq, "copy", 0, seq, "{}") for seq in range(2, 6)),
)


async def main(url: str, stream_id: UUID) -> None:
    async def connect() -> asyncpg.Connection:
        conn = await connect_writer(DatabaseSettings(database_url=url, redis_url="redis://nowhere"))
        await conn.execute(IDLE)
        return conn

    result: asyncio.Future[BatchResult] = asyncio.get_running_loop().create_future()
    ingest = Ingest(
        connect, lambda _: None, writers=1, max_bytes=10_000, on_known=lambda *_: None, on_epoch_change=lambda: None
    )
    async with ingest:
        ingest.offer(PendingBatch(stream_id, stream_id, Batch(1, 5, ENTRIES, 10), result.set_result))
        sys.stdout.write("stored\n" if isinstance(await result, Stored) else "given up\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], UUID(sys.argv[2])))
