"""Samples CPU time: at a signal every few milliseconds, the running function is counted for its component.

Time in C code and in the kernel counts for the Python function that runs next: the caller or a callback. Never changes
what the process does.
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

COMPONENTS: Final = {
    "protocol/codec.py": "codec",
    "protocol/events.py": "codec",
    "protocol/": "codec",
    "hub/monitor/session.py": "session",
    "hub/monitor/sequence.py": "session",
    "hub/monitor/ending.py": "session",
    "hub/monitor/instructions.py": "session",
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
"""Component of a file, by the first listed part of its path."""

OTHERS: Final = "event loop"


def install(path: str) -> None:
    """Prepare sampling of this process: SIGUSR1 starts, SIGUSR2 stops and writes the samples to `path`."""
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


def component_of(path: str) -> str | None:
    """Return the component of a file, or None if it works for its caller."""
    return next((component for part, component in COMPONENTS.items() if part in path), None)


@contextmanager
def sampled(pid: int) -> Iterator[None]:
    """Make a process that has installed the sampler sample itself while the block runs."""
    os.kill(pid, signal.SIGUSR1)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGUSR2)
        time.sleep(0.5)


def read_samples(path: Path) -> dict[str, int]:
    """Read the samples: number of hits by place."""
    return msgspec.json.decode(path.read_bytes(), type=dict[str, int])


def by_component(seen: Mapping[str, int]) -> dict[str, float]:
    """Sum up places (`component|file:function`) by component, as shares of all samples."""
    components: Counter[str] = Counter()
    for place, count in seen.items():
        components[place.partition("|")[0]] += count
    return {component: count / components.total() for component, count in components.most_common()}


def _place(frame: FrameType, root: str) -> str:
    """Return the innermost function that belongs to a component."""
    at: FrameType | None = frame
    while at is not None:
        path = at.f_code.co_filename.removeprefix(root)
        component = component_of(path)
        if component is not None:
            return f"{component}|{path}:{at.f_code.co_qualname}"
        at = at.f_back
    return f"{OTHERS}|"
