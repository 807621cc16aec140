"""A hub with only its console part, and clients that read it frame by frame over a real WebSocket."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from litestar import Litestar
from litestar.di import Provide
from sqlalchemy.ext.asyncio import AsyncEngine
from websockets.asyncio.client import ClientConnection, connect

from db.queries.accounts import credentials
from hub.auth import tokens
from hub.auth.guards import Principal, Purpose
from hub.auth.tickets import draw_secret, hash_secret
from hub.board.board import Board
from hub.board.feeds import Feeds
from hub.commands.commands import Commands
from hub.console.consoles import Consoles
from hub.console.limits import ConsoleLimits
from hub.console.socket import console_socket
from hub.presence.broadcast import Broadcast
from hub.presence.poll import PresencePoll
from hub.presence.presence import HubPresence
from hub.settings import HubSettings
from hub.sockets import now_ms
from protocol.codec import Encoding, decode_to_console, encode
from protocol.console import Delta, Hello, HubFrame, Live, Snapshot, Welcome
from tests.hub.serving import read_close

F = TypeVar("F", bound=msgspec.Struct)


class NoNotifier:
    """Notifies nothing, as if Redis were away."""

    async def notify(self, channel: str, key: UUID) -> None:
        del channel, key

    async def enqueue_analysis(self, attempts: Collection[UUID]) -> None:
        del attempts

    async def enqueue_llm_summary(self, attempts: Collection[UUID]) -> None:
        del attempts


class ConsoleHub:
    """One hub with only its console part."""

    def __init__(
        self, settings: HubSettings, engine: AsyncEngine, watch_engine: AsyncEngine, limits: ConsoleLimits
    ) -> None:
        self.settings = settings
        self.engine = engine
        self.presence = HubPresence()
        self.feeds = Feeds(engine, poll_s=0.02)
        self.commands = Commands(engine, NoNotifier())
        self.consoles = Consoles(settings, engine, watch_engine, self.feeds, self.commands, limits=limits)
        self.address = ""
        self._opened: set[UUID] = set()

    def app(self) -> Litestar:
        return Litestar(
            [console_socket],
            dependencies={
                "consoles": Provide(lambda: self.consoles, sync_to_thread=False),
                "settings": Provide(lambda: self.settings, sync_to_thread=False),
            },
        )

    def parts(self) -> tuple[Any, ...]:
        presence_poll = PresencePoll(self.engine, self.feeds, self.presence, poll_s=0.1, check_s=0.02)
        return (
            self.commands,
            self.feeds,
            presence_poll,
            Broadcast(self.feeds, self.presence, interval_s=0.02),
            self.consoles,
        )

    async def token(self, principal: Principal) -> str:
        if principal.session not in self._opened:
            self._opened.add(principal.session)
            async with self.engine.begin() as conn:
                await credentials.open_session(
                    conn, session=principal.session, user_id=principal.user_id, token_hash=hash_secret(draw_secret())
                )
        claims = tokens.make_claims(
            principal.user_id, principal.role, principal.name, principal.session, now_ms=now_ms()
        )
        return tokens.sign(claims, self.settings.keys)

    async def ticket(self, principal: Principal, purpose: Purpose) -> str:
        await self.token(principal)
        secret = draw_secret()
        async with self.engine.begin() as conn:
            await credentials.issue_ticket(
                conn,
                ticket_hash=hash_secret(secret),
                user_id=principal.user_id,
                session=principal.session,
                purpose=purpose,
            )
        return secret

    @asynccontextmanager
    async def connect(self, **options: Any) -> AsyncIterator["ConsoleClient"]:
        async with connect(f"ws://{self.address}/ws/console", **options) as client:
            yield ConsoleClient(client)

    @asynccontextmanager
    async def sign_in(self, principal: Principal, **options: Any) -> AsyncIterator["ConsoleClient"]:
        async with self.connect(**options) as client:
            await client.send(Hello(token=await self.token(principal)))
            await client.receive(Welcome)
            yield client


class ConsoleClient:
    """A console that reads frame by frame."""

    def __init__(self, client: ClientConnection) -> None:
        self.client = client
        self.encoding = Encoding(client.subprotocol or Encoding.JSON)

    async def send(self, frame: msgspec.Struct) -> None:
        await self.client.send(encode(frame, self.encoding))

    async def next(self) -> HubFrame:
        async with asyncio.timeout(20):
            return decode_to_console(await self.client.recv(), self.encoding)

    async def receive(self, kind: type[F]) -> F:
        """Return the next frame, which must be of this kind; live frames are skipped unless that is the kind."""
        frame = await self.next()
        while isinstance(frame, Live) and kind is not Live:
            frame = await self.next()
        assert isinstance(frame, kind), frame
        return frame

    async def board(self) -> Board:
        parts = [await self.receive(Snapshot)]
        while len(parts) < parts[0].parts:
            parts.append(await self.receive(Snapshot))
        return Board.from_parts(parts)

    async def follow(self, board: Board, offset: int) -> Board:
        while board.offset < offset:
            assert board.apply(await self.receive(Delta), self.encoding)
        return board

    async def close_code(self) -> int | None:
        async with asyncio.timeout(20):
            return (await read_close(self.client))[0]
