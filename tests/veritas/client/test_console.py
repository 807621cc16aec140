"""The teacher's client against a scripted hub, over real sockets."""

import asyncio
from random import Random
from typing import Any
from uuid import UUID

import pytest

from protocol.codec import Encoding
from protocol.console import Delta, Live, Resync, Snapshot
from protocol.flags import FlagStatus
from tests.veritas.client.peer import Peer, Talk
from veritas.client import Access, Console, Forbidden
from veritas.client.console import LIVE_KEPT

EXAM = UUID(int=5)
ATTEMPT = UUID(int=6)
FLAG = UUID(int=7)


def console_of(peer: Peer, at_once: Random, **options: Any) -> Console:
    return Console(peer.url, peer.ticket, proxy=None, random=at_once, **options)


async def watched(talk: Talk) -> dict[str, Any]:
    frame = await talk.receive()
    assert (frame["t"], frame["exam_id"]) == ("watch", str(EXAM))
    return frame


async def snapshot(talk: Talk, offset: int, part: int = 1, parts: int = 1) -> None:
    exam = {"exam_id": str(EXAM), "title": "Physics", "duration_minutes": 60}
    await talk.send("snapshot", exam_id=str(EXAM), epoch="e", offset=offset, part=part, parts=parts, exam=exam)


async def delta(talk: Talk, *offsets: int) -> None:
    for offset in offsets:
        await talk.send("delta", exam_id=str(EXAM), offset=offset, kind="student", body={"n": offset})


async def part(talk: Talk) -> None:
    assert (await talk.receive())["t"] == "bye"
    await talk.connection.close(1000, "normal")


async def take(console: Console, count: int) -> list[Any]:
    async with asyncio.timeout(5):
        return [await anext(console) for _ in range(count)]


@pytest.mark.parametrize("encoding", Encoding)
async def test_a_board_is_followed_from_its_snapshot(peer: Peer, at_once: Random, encoding: Encoding) -> None:
    async def play(talk: Talk) -> None:
        assert (await talk.welcome_console())["ticket"] == "ticket-1"
        assert (await watched(talk))["since"] is None
        await snapshot(talk, 4, 1, 2)
        await snapshot(talk, 4, 2, 2)
        await delta(talk, 5, 6)
        await talk.send("live", exam_id=str(EXAM), attempts=[[1, True, 9, 1]])
        await part(talk)

    peer.plays = [play]
    async with console_of(peer, at_once, encoding=encoding) as console:
        await console.watch(EXAM)
        frames = await take(console, 5)
        assert console.welcome is not None
        assert console.welcome.name == "T"
    assert [type(frame) for frame in frames] == [Snapshot, Snapshot, Delta, Delta, Live]
    assert [frame.offset for frame in frames[:4]] == [4, 4, 5, 6]


async def test_a_reconnected_console_goes_on_where_it_was_and_hands_out_nothing_twice(
    peer: Peer, at_once: Random
) -> None:
    async def first(talk: Talk) -> None:
        await talk.welcome_console()
        await watched(talk)
        await snapshot(talk, 1)
        await delta(talk, 2, 3)
        await talk.connection.close(4505, "draining")

    async def second(talk: Talk) -> None:
        await talk.welcome_console()
        assert (await watched(talk))["since"] == {"epoch": "e", "offset": 3}
        await delta(talk, 3, 4)
        await part(talk)

    peer.plays = [first, second]
    async with console_of(peer, at_once) as console:
        await console.watch(EXAM)
        assert [frame.offset for frame in await take(console, 4)] == [1, 2, 3, 4]
        assert console.connections == 2


async def test_the_focus_is_sent_again_after_every_watch(peer: Peer, at_once: Random) -> None:
    async def first(talk: Talk) -> None:
        await talk.welcome_console()
        await watched(talk)
        assert await talk.receive() == {"t": "focus", "exam_id": str(EXAM), "ix": [1, 2]}
        await talk.connection.close(4505, "draining")

    async def second(talk: Talk) -> None:
        await talk.welcome_console()
        await watched(talk)
        assert (await talk.receive())["ix"] == [1, 2]
        await snapshot(talk, 1)
        await part(talk)

    peer.plays = [first, second]
    async with console_of(peer, at_once) as console:
        await console.focus(EXAM, [1, 2])
        await console.watch(EXAM)
        await take(console, 1)


async def test_a_connection_lost_in_the_middle_of_a_snapshot_asks_for_all_of_it(peer: Peer, at_once: Random) -> None:
    async def first(talk: Talk) -> None:
        await talk.welcome_console()
        await watched(talk)
        await snapshot(talk, 9, 1, 2)
        await talk.connection.close(4500, "internal")

    async def second(talk: Talk) -> None:
        await talk.welcome_console()
        assert (await watched(talk))["since"] is None
        await snapshot(talk, 9)
        await part(talk)

    peer.plays = [first, second]
    async with console_of(peer, at_once) as console:
        await console.watch(EXAM)
        assert [(frame.part, frame.parts) for frame in await take(console, 2)] == [(1, 2), (1, 1)]


async def test_a_hole_is_requested_once_and_not_returned(peer: Peer, at_once: Random) -> None:
    async def play(talk: Talk) -> None:
        await talk.welcome_console()
        await watched(talk)
        await snapshot(talk, 1)
        await delta(talk, 3, 4)
        assert (await watched(talk))["since"] == {"epoch": "e", "offset": 1}
        await delta(talk, 2, 3, 4)
        await part(talk)

    peer.plays = [play]
    async with console_of(peer, at_once) as console:
        await console.watch(EXAM)
        assert [frame.offset for frame in await take(console, 4)] == [1, 2, 3, 4]


async def test_after_a_resync_the_snapshot_needs_no_request(peer: Peer, at_once: Random) -> None:
    async def play(talk: Talk) -> None:
        await talk.welcome_console()
        await watched(talk)
        await snapshot(talk, 1)
        await talk.send("resync", exam_id=str(EXAM), reason="slow")
        await snapshot(talk, 7)
        await delta(talk, 8)
        await part(talk)

    peer.plays = [play]
    async with console_of(peer, at_once) as console:
        await console.watch(EXAM)
        assert [type(frame) for frame in await take(console, 4)] == [Snapshot, Resync, Snapshot, Delta]


async def test_a_command_is_repeated_under_its_id_until_it_has_a_result(peer: Peer, at_once: Random) -> None:
    commands: list[dict[str, Any]] = []

    async def first(talk: Talk) -> None:
        await talk.welcome_console()
        commands.append(await talk.receive())
        await talk.connection.close(4503, "overloaded")

    async def second(talk: Talk) -> None:
        await talk.welcome_console()
        commands.append(await talk.receive())
        await talk.send("result", id=commands[1]["id"], outcomes=[{"attempt_id": str(ATTEMPT), "ok": True}])
        commands.append(await talk.receive())
        outcome = {"attempt_id": str(ATTEMPT), "ok": False, "code": "conflict", "detail": "by T"}
        await talk.send("result", id=commands[2]["id"], outcomes=[outcome])
        await part(talk)

    peer.plays = [first, second]
    async with console_of(peer, at_once) as console:
        result = await console.message(EXAM, "five minutes left", to=[ATTEMPT])
        assert [(outcome.attempt_id, outcome.ok) for outcome in result.outcomes] == [(ATTEMPT, True)]
        result = await console.review(EXAM, FLAG, FlagStatus.DISMISSED, seen=FlagStatus.OPEN, reason="a siren")
        assert result.outcomes[0].code == "conflict"
    assert commands[0] == commands[1]
    assert {"action": "message", "to": [str(ATTEMPT)], "text": "five minutes left"}.items() <= commands[0].items()
    assert {"action": "review", "decision": "dismissed", "seen": "open", "reason": "a siren"}.items() <= commands[
        2
    ].items()


async def test_a_final_close_reaches_readers_and_commands(peer: Peer, at_once: Random) -> None:
    async def play(talk: Talk) -> None:
        await talk.welcome_console()
        await talk.receive()
        await talk.connection.close(4403, "forbidden")

    peer.plays = [play]
    async with console_of(peer, at_once) as console:
        with pytest.raises(Forbidden):
            await console.message(EXAM, "hello")
        with pytest.raises(Forbidden):
            await anext(console)
        with pytest.raises(Forbidden):
            await console.message(EXAM, "again")


async def test_a_reader_that_lags_misses_live_frames_only(peer: Peer, at_once: Random) -> None:
    async def play(talk: Talk) -> None:
        await talk.welcome_console()
        await watched(talk)
        await snapshot(talk, 1)
        for number in range(LIVE_KEPT + 50):
            await talk.send("live", exam_id=str(EXAM), attempts=[[1, True, number, 1]])
        await delta(talk, 2)
        await talk.send("result", id=(await talk.receive())["id"], outcomes=[])
        await part(talk)

    peer.plays = [play]
    async with console_of(peer, at_once) as console:
        await console.watch(EXAM)
        await console.message(EXAM, "its result comes after all of the above")
        frames = await take(console, LIVE_KEPT + 1)
        assert isinstance(frames[0], Snapshot)
        assert isinstance(frames[-1], Delta)


async def test_a_console_is_renewed_in_band_before_its_sign_in_ends(peer: Peer, at_once: Random) -> None:
    async def get_token() -> Access:
        return Access("fresh", 600_000)

    async def play(talk: Talk) -> None:
        await talk.welcome_console(auth_until=2_000)
        await watched(talk)
        assert await talk.receive() == {"t": "auth", "token": "fresh"}
        await snapshot(talk, 1)
        await part(talk)

    peer.plays = [play]
    async with console_of(peer, at_once, get_token=get_token) as console:
        await console.watch(EXAM)
        await take(console, 1)
        assert console.connections == 1


async def test_without_renewal_a_console_comes_back_with_a_fresh_ticket(peer: Peer, at_once: Random) -> None:
    async def first(talk: Talk) -> None:
        await talk.welcome_console()
        await watched(talk)
        await snapshot(talk, 1)
        await talk.connection.close(4419, "token_expired")

    async def second(talk: Talk) -> None:
        assert (await talk.welcome_console())["ticket"] == "ticket-2"
        assert (await watched(talk))["since"] == {"epoch": "e", "offset": 1}
        await delta(talk, 2)
        await part(talk)

    peer.plays = [first, second]
    async with console_of(peer, at_once) as console:
        await console.watch(EXAM)
        assert [frame.offset for frame in await take(console, 2)] == [1, 2]


async def test_with_two_addresses_a_console_goes_on_at_the_other(peer: Peer, other: Peer, at_once: Random) -> None:
    async def first(talk: Talk) -> None:
        await talk.welcome_console()
        await watched(talk)
        await snapshot(talk, 1)
        talk.connection.transport.abort()

    async def second(talk: Talk) -> None:
        await talk.welcome_console()
        assert (await watched(talk))["since"] == {"epoch": "e", "offset": 1}
        await delta(talk, 2)
        await part(talk)

    peer.plays, other.plays = [first], [second]
    async with Console([peer.url, other.url], peer.ticket, proxy=None, random=at_once) as console:
        await console.watch(EXAM)
        assert [frame.offset for frame in await take(console, 2)] == [1, 2]
