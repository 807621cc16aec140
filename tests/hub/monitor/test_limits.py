"""Every close code a client can cause (docs/close-codes.md), over a real socket, in both encodings.

Never does it affect the events of another candidate.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from sqlalchemy import text
from websockets.typing import Subprotocol

from hub.monitor.times import SessionTimes
from protocol import limits, monitor
from protocol.codec import Encoding, encode
from protocol.codes import CloseCode, RejectCode
from protocol.events import Event
from tests.hub.monitor.conftest import CandidateClient, Peer, events, still_works, with_timing
from tests.hub.monitor.test_socket import stored

Offense = Callable[[CandidateClient, Encoding], Awaitable[Peer]]

both = pytest.mark.parametrize("encoding", list(Encoding))


def raw(encoding: Encoding, frame: Any) -> str | bytes:
    """A frame that the protocol's structs cannot express."""
    return msgspec.json.encode(frame).decode() if encoding is Encoding.JSON else msgspec.msgpack.encode(frame)


async def open_and_send(candidate: CandidateClient, encoding: Encoding, *frames: str | bytes) -> Peer:
    peer, _ = await candidate.enter(encoding)
    for frame in frames:
        await peer.send_raw(frame)
    return peer


async def begin_with(candidate: CandidateClient, encoding: Encoding, frame: msgspec.Struct) -> Peer:
    peer = await candidate.connect(encoding)
    await peer.send(frame)
    return peer


async def no_frame(candidate: CandidateClient, encoding: Encoding) -> Peer:
    return await open_and_send(candidate, encoding, "{" if encoding is Encoding.JSON else b"\xc1")


async def the_wrong_opcode(candidate: CandidateClient, encoding: Encoding) -> Peer:
    ping = encode(monitor.Ping(1), encoding)
    return await open_and_send(candidate, encoding, ping.encode() if isinstance(ping, str) else ping.decode("latin-1"))


async def an_envelope_that_cannot_be_read(candidate: CandidateClient, encoding: Encoding) -> Peer:
    return await open_and_send(candidate, encoding, raw(encoding, {"t": "events", "first_seq": "1", "events": []}))


async def events_before_hello(candidate: CandidateClient, encoding: Encoding) -> Peer:
    return await begin_with(candidate, encoding, events(1, 1))


async def a_second_hello(candidate: CandidateClient, encoding: Encoding) -> Peer:
    return await open_and_send(candidate, encoding, encode(await candidate.hello(), encoding))


async def ticket_and_token(candidate: CandidateClient, encoding: Encoding) -> Peer:
    return await begin_with(candidate, encoding, await candidate.hello(ticket="x", token="y"))


async def the_tenth_unknown_frame(candidate: CandidateClient, encoding: Encoding) -> Peer:
    return await open_and_send(candidate, encoding, *[raw(encoding, {"t": "dance"})] * limits.UNKNOWN_FRAMES)


async def something_after_bye(candidate: CandidateClient, encoding: Encoding) -> Peer:
    peer, _ = await candidate.enter(encoding)
    async with candidate.engine.begin() as holder:
        await holder.execute(text("LOCK TABLE monitoring_events IN SHARE MODE"))
        for frame in (events(1, 1), monitor.Bye(), events(2, 2)):
            await peer.send(frame)
        await peer.receive(monitor.Error)
    return peer


async def an_unknown_ticket(candidate: CandidateClient, encoding: Encoding) -> Peer:
    return await begin_with(candidate, encoding, await candidate.hello(ticket="no such ticket"))


async def a_forged_token(candidate: CandidateClient, encoding: Encoding) -> Peer:
    return await begin_with(candidate, encoding, await candidate.hello(token="e30.e30.e30"))


async def a_late_ticket(candidate: CandidateClient, encoding: Encoding) -> Peer:
    ticket = await candidate.ticket(lifetime=timedelta(seconds=-1))
    return await begin_with(candidate, encoding, await candidate.hello(ticket=ticket))


async def a_late_token(candidate: CandidateClient, encoding: Encoding) -> Peer:
    token = await candidate.token(left_ms=-2_000)
    return await begin_with(candidate, encoding, await candidate.hello(token=token))


async def anothers_attempt(candidate: CandidateClient, encoding: Encoding) -> Peer:
    return await begin_with(candidate, encoding, await candidate.hello(attempt_id=uuid4()))


async def a_frame_of_too_many_bytes(candidate: CandidateClient, encoding: Encoding) -> Peer:
    size = limits.FRAME_BYTES + 1
    return await open_and_send(candidate, encoding, " " * size if encoding is Encoding.JSON else b"\xc0" * size)


async def a_frame_of_too_many_events(candidate: CandidateClient, encoding: Encoding) -> Peer:
    return await open_and_send(candidate, encoding, encode(events(1, limits.EVENTS_PER_FRAME + 1), encoding))


async def more_than_the_server_reads(candidate: CandidateClient, encoding: Encoding) -> Peer:
    size = limits.SOCKET_BYTES + 1
    return await open_and_send(candidate, encoding, " " * size if encoding is Encoding.JSON else b"\xc0" * size)


async def a_gap(candidate: CandidateClient, encoding: Encoding) -> Peer:
    return await open_and_send(candidate, encoding, encode(events(2, 3), encoding))


OFFENSES: list[tuple[Offense, int]] = [
    (no_frame, 4400),
    (the_wrong_opcode, 4400),
    (an_envelope_that_cannot_be_read, 4400),
    (events_before_hello, 4400),
    (a_second_hello, 4400),
    (ticket_and_token, 4400),
    (the_tenth_unknown_frame, 4400),
    (something_after_bye, 4400),
    (an_unknown_ticket, 4401),
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
async def test_every_offense_has_its_code_and_affects_no_other_client(
    candidate: CandidateClient, neighbor: CandidateClient, encoding: Encoding
) -> None:
    beside, _ = await neighbor.enter(encoding)
    met = {}
    for offense, _ in OFFENSES:
        peer = await offense(candidate, encoding)
        met[offense.__name__] = await peer.closed()
    assert met == {offense.__name__: code for offense, code in OFFENSES}
    await still_works(beside)


@both
async def test_a_client_that_ignores_its_window_is_too_fast(
    candidate: CandidateClient, neighbor: CandidateClient, encoding: Encoding
) -> None:
    beside, _ = await neighbor.enter(encoding)
    peer, _ = await candidate.enter(encoding)
    async with candidate.engine.begin() as holder:
        await holder.execute(text("LOCK TABLE monitoring_events IN SHARE MODE"))
        for first in range(1, limits.OVERRUN_FACTOR * limits.WINDOW_EVENTS + 2, limits.EVENTS_PER_FRAME):
            await peer.send(events(first, first + limits.EVENTS_PER_FRAME - 1))
        assert await peer.closed() == CloseCode.TOO_FAST
    await still_works(beside)


@both
@with_timing(session=SessionTimes(hello_ms=1_000))
async def test_a_client_without_a_hello_is_silent(
    candidate: CandidateClient, neighbor: CandidateClient, encoding: Encoding
) -> None:
    beside, _ = await neighbor.enter(encoding)
    peer = await candidate.connect(encoding)
    assert await peer.closed() == CloseCode.SILENT
    await still_works(beside)


@both
@with_timing(tick_s=0.02, session=SessionTimes(silence_ms=2_000))
async def test_a_client_without_any_frame_is_silent_and_a_ping_is_a_frame(
    candidate: CandidateClient, neighbor: CandidateClient, encoding: Encoding
) -> None:
    beside, _ = await neighbor.enter(encoding)

    async def ping_forever() -> None:
        while True:
            await beside.send(monitor.Ping(1))
            await beside.receive(monitor.Pong)
            await asyncio.sleep(0.1)

    pinging = asyncio.create_task(ping_forever())
    peer, _ = await candidate.enter(encoding)
    assert await peer.closed() == CloseCode.SILENT
    pinging.cancel()
    await asyncio.wait((pinging,))
    assert beside.connection.close_code is None


@both
@with_timing(outbox_bytes=16_384, send_rest_s=0.2)
async def test_a_client_that_does_not_read_is_too_slow_and_learns_it_when_it_reads(
    candidate: CandidateClient, neighbor: CandidateClient, encoding: Encoding
) -> None:
    beside, _ = await neighbor.enter(encoding)
    with socket.socket() as narrow:
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        narrow.setblocking(False)
        address = candidate.url.removeprefix("ws://").partition("/")[0].split(":")
        await asyncio.get_running_loop().sock_connect(narrow, (address[0], int(address[1])))
        peer = await candidate.connect(encoding, sock=narrow, max_queue=1, close_timeout=1)
        await peer.send(await candidate.hello())
        again = encode(monitor.Events(1, [Event("alive", 1, 1)]), encoding)
        async with asyncio.timeout(60):
            await flood(peer, again, until_closed=candidate)
        await still_works(beside)
        assert peer.connection.close_code is None
        assert await peer.closed() == CloseCode.TOO_SLOW


async def flood(peer: Peer, frame: str | bytes, *, until_closed: CandidateClient) -> None:
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


async def test_text_that_is_not_utf8_is_closed_by_the_server_itself(candidate: CandidateClient) -> None:
    peer, _ = await candidate.enter()
    peer.connection.protocol.send_text(b"\xff\xfe")
    peer.connection.send_data()
    assert await peer.closed() == 1007


async def test_a_client_with_only_unknown_subprotocols_gets_an_error(candidate: CandidateClient) -> None:
    peer = await candidate.connect(subprotocols=[Subprotocol("graphql-ws")])
    assert (await peer.receive(monitor.Error)).code == "unsupported_subprotocol"
    assert await peer.closed() == CloseCode.MALFORMED


@both
async def test_an_event_with_invalid_unicode_does_not_affect_the_others(
    candidate: CandidateClient, encoding: Encoding
) -> None:
    peer, _ = await candidate.enter(encoding)
    good = {"type": "copy", "at": 1, "mono": 1, "data": {}}
    frame = raw(encoding, {"t": "events", "first_seq": 1, "events": [good, good | {"data": {"x": "@@@@@@"}}, good]})
    broken = frame.replace("@@@@@@", "\\ud800") if isinstance(frame, str) else frame.replace(b"@@@@@@", b"\xff" * 6)
    await peer.send_raw(broken)
    assert await peer.receive(monitor.Ack) == monitor.Ack(3, [monitor.Rejected(2, RejectCode.BAD_UNICODE)])
    assert await stored(candidate) == [(1, "copy"), (2, "rejected"), (3, "copy")]


@both
async def test_a_client_within_its_window_is_never_closed(candidate: CandidateClient, encoding: Encoding) -> None:
    peer, welcome = await candidate.enter(encoding)
    for first in range(1, 10_001, limits.EVENTS_PER_FRAME):
        await peer.send(events(first, first + limits.EVENTS_PER_FRAME - 1))
        if first % welcome.window.events != 1:
            while (await peer.receive(monitor.Ack)).seq != first + limits.EVENTS_PER_FRAME - 1:
                pass
    assert len(await stored(candidate)) == 10_000
