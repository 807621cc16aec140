"""Law: the largest legal frame of each type holds the event loop for less than 50 ms."""

import contextlib
import json
from typing import Any, get_args
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from hub.ingest.quotas import QuotaLimits
from hub.timing import Timing
from protocol import console, monitor
from protocol.limits import EVENTS_PER_FRAME, FRAME_BYTES, HELLO_BYTES
from tests.hub.conftest import Users
from tests.hub.rest.access.rows import CREATOR, STUDENT
from tests.hub.rest.access.setup import AccessSetup
from tests.laws.largest_bodies import EVENTS
from tests.laws.loop_time import LIMIT_S, LongestCallback, watch_callbacks

TRIES = 3
ID = str(uuid4())


def filled(frame: dict[str, Any], size: int = FRAME_BYTES) -> bytes:
    """Fill a frame up to its limit with a field that nothing reads."""
    rest = size - len(json.dumps(frame | {"x": ""}, separators=(",", ":")))
    return json.dumps(frame | {"x": "x" * rest}, separators=(",", ":")).encode()


def many_events(event: bytes) -> bytes:
    head = b'{"t":"events","first_seq":1,"events":['
    fits = min(EVENTS_PER_FRAME, (FRAME_BYTES - len(head) - 2) // (len(event) + 1))
    return head + b",".join([event] * fits) + b"]}"


def slow_numbers(kind: str) -> bytes:
    head = b'{"t":"%s","x":[' % kind.encode()
    return head + b",".join([b"1e308"] * ((FRAME_BYTES - len(head) - 2) // 6)) + b"]}"


MONITOR: dict[str, list[bytes | None]] = {
    "lost": [filled({"t": "lost", "to_seq": 10_000, "reason": "queue_full"})],
    "ping": [filled({"t": "ping", "at": 1}), slow_numbers("ping")],
    "done": [filled({"t": "done", "id": 1, "ok": True, "code": "c" * 60})],
    "auth": [filled({"t": "auth", "token": "t" * 60_000})],
    "bye": [filled({"t": "bye"})],
    "events": [many_events(event) for event in EVENTS.values()],
}
CONSOLE: dict[str, list[bytes | None]] = {
    "watch": [filled({"t": "watch", "exam_id": ID, "since": {"epoch": "e" * 60_000, "offset": 1}})],
    "unwatch": [filled({"t": "unwatch", "exam_id": ID})],
    "focus": [filled({"t": "focus", "exam_id": ID, "ix": list(range(1, 10_000))})],
    "command": [
        filled({"t": "command", "id": ID, "exam_id": ID, "action": "message", "text": "x" * 60_000}),
        filled({"t": "command", "id": ID, "exam_id": ID, "action": "end", "to": [str(uuid4()) for _ in range(1_500)]}),
    ],
    "ping": [filled({"t": "ping", "at": 1}), slow_numbers("ping")],
    "auth": [filled({"t": "auth", "token": "t" * 60_000})],
    "bye": [filled({"t": "bye"})],
}


@pytest.fixture
def timing() -> Timing:
    return Timing(quotas=QuotaLimits(hellos=1_000))


FRAMES_MONITOR: dict[str, list[bytes | None]] = {"hello": [None], **MONITOR}
FRAMES_CONSOLE: dict[str, list[bytes | None]] = {"hello": [None], **CONSOLE}


async def measure(url: str, hello: dict[str, Any], frame: bytes | None, longest: LongestCallback) -> float:
    """Send one frame after the hello, or only a large hello; return how long it held the loop at most, in seconds."""
    best = 1.0
    for _ in range(TRIES):
        async with connect(url, max_size=None, compression=None) as socket:
            with contextlib.suppress(ConnectionClosed):
                first = filled(hello, HELLO_BYTES) if frame is None else json.dumps(hello).encode()
                longest.restart()
                await socket.send(first.decode())
                welcome = await socket.recv()
                assert '"t":"welcome"' in str(welcome)
                if frame is not None:
                    longest.restart()
                    await socket.send(frame.decode())
                    await _answered(socket)
        best = min(best, longest.took_s)
        if best < LIMIT_S:
            break
    return best


async def _answered(socket: ClientConnection) -> None:
    await socket.send('{"t":"ping","at":7}')
    while '"at":7' not in str(await socket.recv()):
        pass


def monitor_hello(setup: AccessSetup) -> dict[str, Any]:
    token = setup.callers[STUDENT].tokens["access_token"]
    client = {"name": "test", "version": "1"}
    own = {"attempt_id": str(setup.attempt_id), "boot": str(uuid4()), "acked": 0, "next_seq": 1, "client": client}
    return {"t": "hello", "token": token, "mono": 1, "at": 1, **own}


@pytest.mark.timeout(300)
async def test_the_largest_frame_of_each_type_holds_the_loop_for_less_than_50_ms(
    users: Users, engine: AsyncEngine, url: str
) -> None:
    setup = await AccessSetup(users, engine).open()
    address = url.replace("http", "ws", 1)
    slow = []
    with watch_callbacks() as longest:
        for kind, frames in FRAMES_MONITOR.items():
            for frame in frames:
                took_s = await measure(f"{address}/ws/monitor", monitor_hello(setup), frame, longest)
                slow += [f"monitor {kind}: {1000 * took_s:.0f} ms"] * (took_s >= LIMIT_S)
        hello = {"t": "hello", "token": setup.callers[CREATOR].tokens["access_token"]}
        for kind, frames in FRAMES_CONSOLE.items():
            for frame in frames:
                took_s = await measure(f"{address}/ws/console", hello, frame, longest)
                slow += [f"console {kind}: {1000 * took_s:.0f} ms"] * (took_s >= LIMIT_S)
    assert slow == []


def test_every_type_of_frame_has_its_largest_frames() -> None:
    def tags(union: Any) -> set[str]:
        return {str(kind.__struct_config__.tag) for kind in get_args(union)}

    assert tags(console.ConsoleFrame) == {"hello", *CONSOLE}
    assert tags(monitor.CandidateFrame) == {"hello", *MONITOR}
