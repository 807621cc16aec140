"""An idiomatic asynchronous service: a websocket handler that stores each frame in a transaction and then answers.

It is fast where that is easy (msgspec, an asyncpg pool, uvloop) and uses `executemany` with INSERT as tutorials do.
Never checks numbers, resumes a connection or authenticates.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import uvicorn
from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect

from protocol.events import Event

Socket = WebSocket[Any, Any, Any]

CREATE = """
    DROP TABLE IF EXISTS bench_framed;
    CREATE TABLE bench_framed (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        attempt_id uuid NOT NULL,
        event_type text NOT NULL,
        severity text,
        client_timestamp timestamptz NOT NULL,
        server_timestamp timestamptz NOT NULL DEFAULT now(),
        data_payload jsonb NOT NULL
    );
    CREATE INDEX ON bench_framed (attempt_id, id);
"""
INSERT = """
    INSERT INTO bench_framed (attempt_id, event_type, severity, client_timestamp, data_payload)
    VALUES ($1, $2, $3, $4, $5)
"""


class EventsFrame(msgspec.Struct, tag_field="t", tag="events", frozen=True):
    """Frame of a client."""

    first_seq: int
    events: list[Event]


class AckFrame(msgspec.Struct, tag_field="t", tag="ack", frozen=True):
    """Answer once the events are stored."""

    seq: int


_JSON = (msgspec.json.Decoder(EventsFrame), msgspec.json.Encoder())
_MSGPACK = (msgspec.msgpack.Decoder(EventsFrame), msgspec.msgpack.Encoder())


@websocket("/ws")
async def take_frames(socket: Socket) -> None:
    """Store frame after frame."""
    pool: asyncpg.Pool = socket.app.state.pool
    attempt_id = uuid4()
    await socket.accept()
    try:
        while True:
            message = await socket.receive()
            if message["type"] != "websocket.receive":
                return
            text = message.get("text")
            frame = _JSON[0].decode(text) if text is not None else _MSGPACK[0].decode(message.get("bytes") or b"")
            async with pool.acquire() as conn, conn.transaction():
                await conn.executemany(INSERT, [_row(attempt_id, event) for event in frame.events])
            ack = AckFrame(frame.first_seq + len(frame.events) - 1)
            if text is not None:
                await socket.send_text(_JSON[1].encode(ack).decode())
            else:
                await socket.send_bytes(_MSGPACK[1].encode(ack))
    except WebSocketDisconnect:
        return


def _row(attempt_id: UUID, event: Event) -> tuple[UUID, str, str | None, datetime, str]:
    moment = datetime.fromtimestamp(event.at / 1000, UTC)
    return (attempt_id, event.type, event.severity, moment, msgspec.json.encode(event.data).decode())


def create_app(url: str) -> Litestar:
    """Build the service around an ordinary pool."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with asyncpg.create_pool(url, min_size=10, max_size=20) as pool:
            await pool.execute(CREATE)
            app.state.pool = pool
            yield

    return Litestar([take_frames], lifespan=[lifespan], openapi_config=None, logging_config=None)


if __name__ == "__main__":
    uvicorn.run(
        create_app(sys.argv[2]),
        port=int(sys.argv[1]),
        access_log=False,
        log_level="warning",
        ws_per_message_deflate=False,
    )
