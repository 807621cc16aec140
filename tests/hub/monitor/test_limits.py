"""Every close code a candidate can meet by its own doing (WIRE §1, §2, §4), over a real socket, in both encodings.

Whatever one does, its neighbour's events are taken and acknowledged.
"""

import asyncio
import socket as sockets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from sqlalchemy import text
from websockets.typing import Subprotocol

from hub.monitor import registry, session, socket
from protocol import limits, monitor
from protocol.codec import Encoding, encode
from protocol.codes import CloseCode, RejectCode
from tests.hub.monitor.conftest import Peer, SeededAttempt, events, still_works
from tests.hub.monitor.test_socket import stored

Offence = Callable[[SeededAttempt, Encoding], Awaitable[Peer]]

both = pytest.mark.parametrize("encoding", list(Encoding))


def raw(encoding: Encoding, frame: Any) -> str | bytes:
    """A frame no struct of ours would make."""
    return msgspec.json.encode(frame).decode() if encoding is Encoding.JSON else msgspec.msgpack.encode(frame)


async def open_and_send(seeded: SeededAttempt, encoding: Encoding, *frames: str | bytes) -> Peer:
    peer, _ = await seeded.enter(encoding)
    for frame in frames:
        await peer.send_raw(frame)
    return peer


async def begin_with(seeded: SeededAttempt, encoding: Encoding, frame: msgspec.Struct) -> Peer:
    peer = await seeded.connect(encoding)
    await peer.send(frame)
    return peer


async def no_frame(seeded: SeededAttempt, encoding: Encoding) -> Peer:
    return await open_and_send(seeded, encoding, "{" if encoding is Encoding.JSON else b"\xc1")


async def the_wrong_opcode(seeded: SeededAttempt, encoding: Encoding) -> Peer:
    ping = encode(monitor.Ping(1), encoding)
    return await open_and_send(seeded, encoding, ping.encode() if isinstance(ping, str) else ping.decode("latin-1"))


async def an_envelope_that_cannot_be_read(seeded: SeededAttempt, encoding: Encoding) -> Peer:
    return await open_and_send(seeded, encoding, raw(encoding, {"t": "events", "first_seq": "1", "events": []}))


async def events_before_hello(seeded: SeededAttempt, encoding: Encoding) -> Peer:
    return await begin_with(seeded, encoding, events(1, 1))


async def a_second_hello(seeded: SeededAttempt, encoding: Encoding) -> Peer:
    return await open_and_send(seeded, encoding, encode(await seeded.hello(), encoding))


async def ticket_and_token(seeded: SeededAttempt, encoding: Encoding) -> Peer:
    return await begin_with(seeded, encoding, await seeded.hello(ticket="x", token="y"))


async def the_tenth_unknown_frame(seeded: SeededAttempt, encoding: Encoding) -> Peer:
    return await open_and_send(seeded, encoding, *[raw(encoding, {"t": "dance"})] * limits.UNKNOWN_FRAMES)


async def something_after_bye(seeded: SeededAttempt, encoding: Encoding) -> Peer:
    peer, _ = await seeded.enter(encoding)
    async with seeded.engine.begin() as holder:
        await holder.execute(text("LOCK TABLE monitoring_events IN SHARE MODE"))
        for frame in (events(1, 1), monitor.Bye(), events(2, 2)):
            await peer.send(frame)
        await asyncio.sleep(0.1)
    return peer


async def a_stranger_to_us(seeded: SeededAttempt, encoding: Encoding) -> Peer:
    return await begin_with(seeded, encoding, await seeded.hello(ticket="no such ticket"))


async def a_forged_token(seeded: SeededAttempt, encoding: Encoding) -> Peer:
    return await begin_with(seeded, encoding, await seeded.hello(token="e30.e30.e30"))


async def a_late_ticket(seeded: SeededAttempt, encoding: Encoding) -> Peer:
    ticket = await seeded.ticket(lifetime=timedelta(seconds=-1))
    return await begin_with(seeded, encoding, await seeded.hello(ticket=ticket))


async def a_late_token(seeded: SeededAttempt, encoding: Encoding) -> Peer:
    token = await seeded.token(left_ms=-2_000)
    return await begin_with(seeded, encoding, await seeded.hello(token=token))


async def anothers_attempt(seeded: SeededAttempt, encoding: Encoding) -> Peer:
    return await begin_with(seeded, encoding, await seeded.hello(attempt_id=uuid4()))


async def a_frame_of_too_many_bytes(seeded: SeededAttempt, encoding: Encoding) -> Peer:
    size = limits.FRAME_BYTES + 1
    return await open_and_send(seeded, encoding, " " * size if encoding is Encoding.JSON else b"\xc0" * size)


async def a_frame_of_too_many_events(seeded: SeededAttempt, encoding: Encoding) -> Peer:
    return await open_and_send(seeded, encoding, encode(events(1, limits.EVENTS_PER_FRAME + 1), encoding))


async def more_than_the_server_reads(seeded: SeededAttempt, encoding: Encoding) -> Peer:
    size = limits.SOCKET_BYTES + 1
    return await open_and_send(seeded, encoding, " " * size if encoding is Encoding.JSON else b"\xc0" * size)


async def a_gap(seeded: SeededAttempt, encoding: Encoding) -> Peer:
    return await open_and_send(seeded, encoding, encode(events(2, 3), encoding))


OFFENCES: list[tuple[Offence, int]] = [
    (no_frame, 4400),
    (the_wrong_opcode, 4400),
    (an_envelope_that_cannot_be_read, 4400),
    (events_before_hello, 4400),
    (a_second_hello, 4400),
    (ticket_and_token, 4400),
    (the_tenth_unknown_frame, 4400),
    (something_after_bye, 4400),
    (a_stranger_to_us, 4401),
    (a_forged_token, 4401),
    (anothers_attempt, 4403),
    (a_frame_of_too_many_bytes, 4413),
    (a_frame_of_too_many_events, 4413),
    (more_than_the_server_reads, 1009),
    (a_late_ticket, 4419),
    (a_late_token, 4419),
    (a_gap, 4422),
]


@both
async def test_every_offence_has_its_code_and_costs_nobody_else(
    seeded: SeededAttempt, neighbour: SeededAttempt, encoding: Encoding
) -> None:
    beside, _ = await neighbour.enter(encoding)
    met = {}
    for offence, _ in OFFENCES:
        peer = await offence(seeded, encoding)
        met[offence.__name__] = await peer.closed()
    assert met == {offence.__name__: code for offence, code in OFFENCES}
    await still_works(beside)


@both
async def test_whoever_ignores_the_window_is_too_fast(
    seeded: SeededAttempt, neighbour: SeededAttempt, encoding: Encoding
) -> None:
    beside, _ = await neighbour.enter(encoding)
    peer, _ = await seeded.enter(encoding)
    async with seeded.engine.begin() as holder:
        await holder.execute(text("LOCK TABLE monitoring_events IN SHARE MODE"))
        for first in range(1, limits.OVERRUN_FACTOR * limits.WINDOW_EVENTS + 2, limits.EVENTS_PER_FRAME):
            await peer.send(events(first, first + limits.EVENTS_PER_FRAME - 1))
        assert await peer.closed() == CloseCode.TOO_FAST
    await still_works(beside)


@both
async def test_whoever_says_no_hello_is_silent(
    seeded: SeededAttempt, neighbour: SeededAttempt, encoding: Encoding, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside, _ = await neighbour.enter(encoding)
    monkeypatch.setattr(limits, "HELLO_MS", 50)
    peer = await seeded.connect(encoding)
    assert await peer.closed() == CloseCode.SILENT
    await still_works(beside)


@both
async def test_whoever_says_nothing_for_three_heartbeats_is_silent_and_any_frame_is_something(
    seeded: SeededAttempt, neighbour: SeededAttempt, encoding: Encoding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "TICK_S", 0.02)
    beside, _ = await neighbour.enter(encoding)
    peer, _ = await seeded.enter(encoding)

    async def ping_for_ever() -> None:
        while True:
            await beside.send(monitor.Ping(1))
            await beside.receive(monitor.Pong)
            await asyncio.sleep(0.1)

    pinging = asyncio.create_task(ping_for_ever())
    monkeypatch.setattr(session, "SILENCE_MS", 2_000)
    assert await peer.closed() == CloseCode.SILENT
    pinging.cancel()
    await asyncio.wait((pinging,))
    monkeypatch.setattr(session, "SILENCE_MS", 30_000)
    assert beside.connection.close_code is None


@both
async def test_whoever_does_not_read_is_too_slow_and_learns_it_when_it_reads(
    seeded: SeededAttempt, neighbour: SeededAttempt, encoding: Encoding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "OUTBOX_BYTES", 16_384)
    monkeypatch.setattr(socket, "FLUSH_S", 0.2)
    beside, _ = await neighbour.enter(encoding)
    with sockets.socket() as narrow:
        narrow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4_096)
        narrow.setblocking(False)
        address = seeded.url.removeprefix("ws://").partition("/")[0].split(":")
        await asyncio.get_running_loop().sock_connect(narrow, (address[0], int(address[1])))
        peer = await seeded.connect(encoding, sock=narrow, max_queue=1, close_timeout=1)
        await peer.send(await seeded.hello())
        ping = encode(monitor.Ping(2**62), encoding)
        async with asyncio.timeout(20):
            await flood(peer, ping, until_closed=seeded)
        await still_works(beside)
        assert peer.connection.close_code is None
        assert await peer.closed() == CloseCode.TOO_SLOW


async def flood(peer: Peer, frame: str | bytes, *, until_closed: SeededAttempt) -> None:
    """Send, and read nothing, until the hub has recorded that it closed."""
    cause = text("SELECT cause FROM connections WHERE attempt_id = :attempt")
    while True:
        for _ in range(100):
            await asyncio.sleep(0)
            for _ in range(20):
                await peer.send_raw(frame)
        async with until_closed.engine.connect() as conn:
            if (await conn.execute(cause, {"attempt": until_closed.attempt_id})).scalar() is not None:
                return


async def test_text_that_is_not_utf8_is_closed_by_the_server_itself(seeded: SeededAttempt) -> None:
    peer, _ = await seeded.enter()
    peer.connection.protocol.send_text(b"\xff\xfe")
    peer.connection.send_data()
    assert await peer.closed() == 1007


async def test_only_unknown_subprotocols_are_told_so_after_accepting(seeded: SeededAttempt) -> None:
    peer = await seeded.connect(subprotocols=[Subprotocol("graphql-ws")])
    assert (await peer.receive(monitor.Error)).code == "unsupported_subprotocol"
    assert await peer.closed() == CloseCode.MALFORMED


@both
async def test_an_event_that_is_no_unicode_costs_none_of_its_neighbours(
    seeded: SeededAttempt, encoding: Encoding
) -> None:
    peer, _ = await seeded.enter(encoding)
    good = {"type": "copy", "at": 1, "mono": 1, "data": {}}
    frame = raw(encoding, {"t": "events", "first_seq": 1, "events": [good, good | {"data": {"x": "@@@@@@"}}, good]})
    broken = frame.replace("@@@@@@", "\\ud800") if isinstance(frame, str) else frame.replace(b"@@@@@@", b"\xff" * 6)
    await peer.send_raw(broken)
    assert await peer.receive(monitor.Ack) == monitor.Ack(3, [monitor.Rejected(2, RejectCode.BAD_UNICODE)])
    assert await stored(seeded) == [(1, "copy"), (2, "rejected"), (3, "copy")]


@both
async def test_an_honest_client_inside_its_window_is_never_cut_off(seeded: SeededAttempt, encoding: Encoding) -> None:
    peer, welcome = await seeded.enter(encoding)
    for first in range(1, 10_001, limits.EVENTS_PER_FRAME):
        await peer.send(events(first, first + limits.EVENTS_PER_FRAME - 1))
        if first % welcome.window.events != 1:
            while (await peer.receive(monitor.Ack)).seq != first + limits.EVENTS_PER_FRAME - 1:
                pass
    assert len(await stored(seeded)) == 10_000
