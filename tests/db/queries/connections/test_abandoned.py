from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from protocol.limits import STREAM_MS
from tests import factories
from tests.candidates import Candidate, age_stream, connect, disconnect, make_candidates, system_events

HUB = uuid4()


async def abandoned(conn: AsyncConnection, candidate: Candidate) -> list[tuple[str, int]]:
    """The abandoned streams that the attempt names."""
    events = await system_events(conn, candidate.attempt_id)
    return [(data["stream"], data["seq"]) for kind, data in events if kind == "stream_abandoned"]


async def left(conn: AsyncConnection, candidate: Candidate, *, cause: str, stored: int = 3) -> UUID:
    """A stream of a queue whose connection ended for this cause."""
    opening = await connect(conn, candidate, HUB)
    await factories.store_events(conn, opening.stream_id, [("copy", {}, 7)] * stored)
    await disconnect(conn, candidate, opening.generation, cause)
    return opening.stream_id


async def test_a_queue_that_another_one_replaces_is_named_once_with_its_last_number(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    stream = await left(conn, candidate, cause="gone")
    for _ in range(2):
        await connect(conn, candidate, HUB, boot=UUID(int=1))
    assert await abandoned(conn, candidate) == [(str(stream), 3)]


async def test_a_queue_that_is_still_connected_is_named_too(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    stream = (await connect(conn, candidate, HUB)).stream_id
    await connect(conn, candidate, HUB)
    assert await abandoned(conn, candidate) == [(str(stream), 0)]


async def test_a_client_that_said_bye_has_left_nothing(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    for cause in ("normal", "ended"):
        await left(conn, candidate, cause=cause)
    await connect(conn, candidate, HUB)
    assert await abandoned(conn, candidate) == []


async def test_a_hello_that_names_the_old_stream_closes_it(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    stream = await left(conn, candidate, cause="gone")
    await connect(conn, candidate, HUB, stream=stream, acked=3)
    assert await abandoned(conn, candidate) == []


async def test_a_queue_that_continues_in_a_newer_stream_is_not_abandoned(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    boot = uuid4()
    first = (await connect(conn, candidate, HUB, boot=boot)).stream_id
    await factories.store_events(conn, first, [("copy", {}, 7)] * 9)
    second = await connect(conn, candidate, HUB, boot=boot, stream=first, acked=4, next_seq=6)
    await disconnect(conn, candidate, second.generation, "normal")
    await connect(conn, candidate, HUB)
    assert await abandoned(conn, candidate) == []


async def test_a_stream_of_a_day_old_queue_is_named_if_nothing_continued_it(conn: AsyncConnection) -> None:
    [candidate] = await make_candidates(conn)
    old = await age_stream(conn, await left(conn, candidate, cause="silent"), STREAM_MS)
    await connect(conn, candidate, HUB)
    assert await abandoned(conn, candidate) == [(str(old), 3)]
