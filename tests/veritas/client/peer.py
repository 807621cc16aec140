"""A hub that follows a script: each connection is played by the next function given to it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from websockets.asyncio.server import Server, ServerConnection
from websockets.exceptions import ConnectionClosed

STREAM = "0198c0de-0000-7000-8000-000000000001"
PATIENCE_S = 5.0


class Talk:
    """One connection from the hub's side; frames are plain dictionaries here."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.is_binary = connection.subprotocol == "veritas.v1.msgpack"

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            data = await self.connection.recv()
        assert isinstance(data, bytes) is self.is_binary
        frame: dict[str, Any] = msgspec.msgpack.decode(data) if isinstance(data, bytes) else msgspec.json.decode(data)
        return frame

    async def receive_events(self) -> tuple[int, list[dict[str, Any]]]:
        frame = await self.receive()
        assert frame["t"] == "events", frame
        return frame["first_seq"], frame["events"]

    async def send(self, t: str, **fields: Any) -> None:
        frame = {"t": t, **fields}
        await self.connection.send(
            msgspec.msgpack.encode(frame) if self.is_binary else msgspec.json.encode(frame).decode()
        )

    async def welcome(
        self, committed: int = 0, *, stream: str = STREAM, events: int = 1_000, **fields: Any
    ) -> dict[str, Any]:
        """Read the hello, answer it, and return it."""
        hello = await self.receive()
        assert hello["t"] == "hello"
        await self.send(
            "welcome",
            stream=stream,
            committed=committed,
            window={"events": events, "bytes": 524_288},
            limits={},
            server_at=1,
            **{"attempt": {"status": "in_progress"}, "auth_until": 1, "heartbeat_ms": 10_000, **fields},
        )
        return hello

    async def welcome_console(self, *, auth_until: int = 1) -> dict[str, Any]:
        hello = await self.receive()
        assert hello["t"] == "hello"
        await self.send("welcome", user_id=STREAM, name="T", server_at=1, heartbeat_ms=10_000, auth_until=auth_until)
        return hello

    async def say_goodbye(self, acked: int) -> None:
        """Wait for bye, acknowledge, close 1000."""
        while (await self.receive())["t"] != "bye":
            pass
        await self.send("ack", seq=acked)
        await self.connection.close(1000, "normal")


Play = Callable[[Talk], Awaitable[None]]


class Peer:
    """The scripted hub: connection number n is played by `plays[n - 1]`, further ones by the last."""

    def __init__(self) -> None:
        self.plays: list[Play] = []
        self.met = 0
        self.failures: list[BaseException] = []
        self.server: Server | None = None

    @property
    def url(self) -> str:
        assert self.server is not None
        return f"ws://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/ws"

    async def ticket(self) -> str:
        return f"ticket-{self.met + 1}"

    async def handle(self, connection: ServerConnection) -> None:
        self.met += 1
        play = self.plays[min(self.met, len(self.plays)) - 1]
        try:
            await play(Talk(connection))
        except ConnectionClosed:
            pass
        except BaseException as failure:
            self.failures.append(failure)
            raise
