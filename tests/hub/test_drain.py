"""The drain of a hub, with a server in the test's loop; tests/faults has hundreds of sockets and real signals."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import msgspec
import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from db.models import Connection, MonitoringEvent
from db.queries.accounts import credentials
from hub.app import create_hub
from hub.auth.tickets import draw_secret, hash_secret
from hub.main import HubServer, configure
from hub.settings import HubSettings
from protocol import monitor
from protocol.codes import CloseCode
from protocol.console import Hello as ConsoleHello
from protocol.console import Welcome as ConsoleWelcome
from protocol.roles import Role
from tests import factories
from tests.hub.consoles import ConsoleClient
from tests.hub.monitor.conftest import CandidateClient, events, make_candidate


class Running:
    """A server that drains."""

    def __init__(self, server: HubServer, task: asyncio.Task[None], address: str) -> None:
        self.server = server
        self.task = task
        self.url = f"http://{address}"
        self.ended_s = 0.0

    async def ended(self) -> float:
        """Wait for its end; return how long that took."""
        began = time.monotonic()
        async with asyncio.timeout(20):
            await asyncio.shield(self.task)
        return time.monotonic() - began


@asynccontextmanager
async def run(settings: HubSettings) -> AsyncIterator[Running]:
    app, drain = create_hub(settings)
    server = HubServer(configure(app, "127.0.0.1", 0), drain)
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 - uvicorn sends no event
            await asyncio.sleep(0.01)
    try:
        yield Running(server, task, f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
    finally:
        server.should_exit = server.force_exit = True
        await task


async def causes(engine: AsyncEngine) -> list[tuple[str | None, str]]:
    """The recorded cause of every close, in the connection and in its event."""
    async with engine.connect() as conn:
        ended = (await conn.execute(select(Connection.cause))).scalars().all()
        lost = select(MonitoringEvent.data_payload["cause"].astext).where(
            MonitoringEvent.event_type == "connection_lost"
        )
        return list(zip(ended, (await conn.execute(lost)).scalars(), strict=True))


async def test_every_client_is_warned_continues_and_is_closed_in_turn(
    settings: HubSettings, engine: AsyncEngine
) -> None:
    settings = msgspec.structs.replace(settings, drain_ms=3_000)
    async with (
        run(settings) as hub,
        make_candidate(hub.url, engine, settings) as first,
        make_candidate(hub.url, engine, settings) as second,
    ):
        peers = [(await first.enter())[0], (await second.enter())[0]]
        hub.server.end()
        for peer in peers:
            assert await peer.receive(monitor.Drain) == monitor.Drain(3_000)
            await peer.send(events(1, 3))
            assert await peer.receive(monitor.Ack) == monitor.Ack(3)
        async with httpx.AsyncClient(trust_env=False) as http:
            ready = await http.get(f"{hub.url}/health/ready")
            assert (ready.status_code, ready.json()["reason"]) == (503, "draining")
        with pytest.raises(InvalidStatus) as refused:
            await first.connect()
        assert refused.value.response.status_code == 503
        began = time.monotonic()
        assert [await peer.closed() for peer in peers] == [CloseCode.DRAINING, CloseCode.DRAINING]
        assert await causes(engine) == [("drain", "drain"), ("drain", "drain")]
        assert time.monotonic() - began < 8
        await hub.ended()


async def test_a_batch_in_flight_is_stored_and_acknowledged_before_the_close(
    settings: HubSettings, engine: AsyncEngine
) -> None:
    settings = msgspec.structs.replace(settings, drain_ms=0)
    async with run(settings) as hub, make_candidate(hub.url, engine, settings) as candidate:
        peer, _ = await candidate.enter()
        async with engine.begin() as holder:
            await holder.execute(text("LOCK TABLE monitoring_events IN SHARE MODE"))
            await peer.send(events(1, 100))
            await peer.send(monitor.Ping(1))
            await peer.receive(monitor.Pong)
            hub.server.end()
            assert (await peer.receive(monitor.Drain)).in_ms == 0
            await peer.send(events(101, 200))  # too late, but no error
        assert await peer.receive(monitor.Ack) == monitor.Ack(100)
        assert await peer.receive(monitor.Ack) == monitor.Ack(100)
        assert await peer.closed() == CloseCode.DRAINING
        await hub.ended()


async def test_a_second_signal_makes_it_faster(settings: HubSettings, engine: AsyncEngine) -> None:
    settings = msgspec.structs.replace(settings, drain_ms=30_000)
    async with run(settings) as hub, make_candidate(hub.url, engine, settings) as candidate:
        peer, _ = await candidate.enter()
        hub.server.end()
        await peer.receive(monitor.Drain)
        hub.server.end()
        assert await peer.closed() == CloseCode.DRAINING
        assert await hub.ended() < 10


async def test_a_second_signal_makes_it_faster_for_consoles_too(settings: HubSettings, engine: AsyncEngine) -> None:
    settings = msgspec.structs.replace(settings, drain_ms=30_000)
    async with (
        run(settings) as hub,
        make_candidate(hub.url, engine, settings) as candidate,
        console_of(hub, candidate) as console,
    ):
        hub.server.end()
        assert await console.receive(monitor.Drain) == monitor.Drain(30_000)
        hub.server.end()
        assert await console.close_code() == CloseCode.DRAINING
        assert await hub.ended() < 10


async def test_consoles_and_clients_without_hello_are_closed_too(settings: HubSettings, engine: AsyncEngine) -> None:
    settings = msgspec.structs.replace(settings, drain_ms=200)
    async with run(settings) as hub, make_candidate(hub.url, engine, settings) as candidate:
        silent = await candidate.connect()
        async with console_of(hub, candidate) as console:
            hub.server.end()
            assert await console.receive(monitor.Drain) == monitor.Drain(200)
            assert await console.close_code() == CloseCode.DRAINING
        assert await silent.closed() == CloseCode.DRAINING
        await hub.ended()


@asynccontextmanager
async def console_of(hub: Running, candidate: CandidateClient) -> AsyncIterator[ConsoleClient]:
    async with connect(hub.url.replace("http", "ws") + "/ws/console", proxy=None) as connection:
        console = ConsoleClient(connection)
        await console.send(ConsoleHello(ticket=await teacher_ticket(candidate)))
        await console.receive(ConsoleWelcome)
        yield console


async def teacher_ticket(candidate: CandidateClient) -> str:
    async with candidate.engine.begin() as conn:
        teacher = await factories.make_user(conn, role=Role.TEACHER)
    session, secret = await candidate.sign_in(user_id=teacher), draw_secret()
    async with candidate.engine.begin() as conn:
        await credentials.issue_ticket(
            conn, ticket_hash=hash_secret(secret), user_id=teacher, session=session, purpose="console"
        )
    return secret
