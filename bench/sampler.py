"""A sampler of CPU time: a signal every few milliseconds of it, and whoever runs then is counted by room.

It cannot look into C: that time, the kernel's included, is counted for the Python function that runs next, which is the
caller or what C calls back. Nothing here changes what the process does.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec

EVERY_S: Final = 0.002

ROOMS: Final = {
    "protocol/codec.py": "codec",
    "protocol/events.py": "codec",
    "protocol/": "codec",
    "hub/monitor/session.py": "session",
    "hub/monitor/sequence.py": "session",
    "hub/handshake.py": "socket",
    "hub/monitor/": "socket",
    "hub/sockets.py": "socket",
    "hub/server/websocket.py": "socket",
    "hub/board/": "presence",
    "hub/presence/": "presence",
    "hub/console/": "presence",
    "hub/commands/": "presence",
    "hub/ingest/batcher.py": "batcher",
    "hub/ingest/": "writer",
    "db/queries/events/insert.py": "rows",
    "db/copy_encoding.py": "rows",
    "db/segments.py": "rows",
    "db/notify.py": "notifications",
    "db/jobs.py": "notifications",
    "/redis/": "notifications",
    "/asyncpg/": "asyncpg",
    "/uvicorn/": "uvicorn, websockets",
    "/websockets/": "uvicorn, websockets",
    "/litestar/": "litestar",
    "/sqlalchemy/": "queries",
    "/prometheus_client/": "metrics",
    "db/": "queries",
    "hub/": "the rest of the hub",
    "/asyncio/": "event loop",
}
"""Which room a file belongs to, by the first part of its path that is listed."""

OTHERS: Final = "event loop"


def install(path: str) -> None:
    """Be ready to sample this process: SIGUSR1 starts, SIGUSR2 stops and writes what was seen to `path`."""
    root = f"{Path(__file__).parents[1]}/"
    seen: Counter[str] = Counter()

    def sample(_number: int, frame: FrameType | None) -> None:
        if frame is not None:
            seen[_place(frame, root)] += 1

    def start(_number: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)

    def stop(_number: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        Path(path).write_bytes(msgspec.json.encode(dict(seen)))

    signal.signal(signal.SIGPROF, sample)
    signal.signal(signal.SIGUSR1, start)
    signal.signal(signal.SIGUSR2, stop)


def room_of(path: str) -> str | None:
    """The room a file belongs to, or None for one that works for its caller."""
    return next((room for part, room in ROOMS.items() if part in path), None)


@contextmanager
def sampled(pid: int) -> Iterator[None]:
    """Have another process, that installed the sampler, sample itself for the length of the block."""
    os.kill(pid, signal.SIGUSR1)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGUSR2)
        time.sleep(0.5)


def read_samples(path: Path) -> dict[str, int]:
    """What a sampler has written: how often it found which place."""
    return msgspec.json.decode(path.read_bytes(), type=dict[str, int])


def by_room(seen: Mapping[str, int]) -> dict[str, float]:
    """Add up places (`room|file:function`) by room, as shares of all."""
    rooms: Counter[str] = Counter()
    for place, count in seen.items():
        rooms[place.partition("|")[0]] += count
    return {room: count / rooms.total() for room, count in rooms.most_common()}


def _place(frame: FrameType, root: str) -> str:
    """The innermost function that belongs to a room, and which one."""
    at: FrameType | None = frame
    while at is not None:
        path = at.f_code.co_filename.removeprefix(root)
        room = room_of(path)
        if room is not None:
            return f"{room}|{path}:{at.f_code.co_qualname}"
        at = at.f_back
    return f"{OTHERS}|"
