"""Sockets that are open longer than their first sign-in is valid: an access token is valid for four seconds here."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.settings import DatabaseSettings
from hub.auth import tokens
from tests.veritas.hubs import LOGIN, run_hub
from veritas.client import Candidate, Console
from veritas.client.console import Frame
from veritas.rest import Rest

pytestmark = pytest.mark.long


@pytest.fixture
def short_lived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "LIFETIME_S", 4)


@pytest.mark.usefixtures("short_lived")
async def test_a_renewed_sign_in_keeps_its_socket_open_and_another_one_reconnects(
    database: DatabaseSettings, engine: AsyncEngine
) -> None:
    async with run_hub(database, engine) as addresses, Rest(addresses.base_url) as rest:
        teacher = await rest.sign_in(LOGIN.username, LOGIN.password)
        exam_id = await teacher.create_exam("Physics", duration_minutes=60, preset="camera")
        (student,) = await teacher.extend_roster(exam_id, [{"username": "ada", "name": "Ada"}])
        session = await rest.sign_in_by_code(student.code)
        urls = rest.socket_urls("/ws/console")
        async with (
            Console(urls, lambda: teacher.ticket("console"), get_token=teacher.access, proxy=None) as renewed,
            Console(urls, lambda: teacher.ticket("console"), proxy=None) as closed,
            Candidate(
                rest.socket_urls("/ws/monitor"),
                await session.start(exam_id),
                lambda: session.ticket("monitor"),
                get_token=session.access,
                proxy=None,
            ) as candidate,
        ):
            await renewed.watch(exam_id)
            await closed.watch(exam_id)
            following = [asyncio.create_task(collect(console)) for console in (renewed, closed)]
            async with asyncio.timeout(60):
                while closed.connections < 3:  # noqa: ASYNC110 - no event reports a reconnection
                    await asyncio.sleep(0.02)
            candidate.record("paste", {"chars": 3})
            await candidate.drained(5)
            assert (renewed.connections, candidate.connections) == (1, 1)
            result = await renewed.message(exam_id, "still here")
            assert [outcome.ok for outcome in result.outcomes] == [True]
            for task in following:
                task.cancel()


async def collect(console: Console) -> list[Frame]:
    return [frame async for frame in console]
