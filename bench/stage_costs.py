"""CPU time per event of each pure stage, on one core, without sockets.

The numbers explain those of `ingest`; they are not a throughput. Never includes PostgreSQL, the kernel or the event
loop.
"""

import gc
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar
from uuid import uuid4

import msgspec
from rich.console import Console
from rich.table import Table
from uuid_utils.compat import uuid7

from bench.figures import Spread, spread
from bench.load.workload import Recording
from db import copy_encoding
from db.segments import make_segment
from hub.monitor.session import CandidateSession
from protocol.attempts import AttemptStatus
from protocol.codec import Encoding, decode_candidate, encode
from protocol.events import Batch
from protocol.limits import HEARTBEAT_MS, Limits, Window
from protocol.monitor import Ack, Attempt, Client, Hello, Welcome

START_MS: Final = 1_790_000_000_000
_T = TypeVar("_T")

Text = tuple[str | bytes, Encoding]
"""A frame as the socket delivers it."""


class Cost(msgspec.Struct, frozen=True):
    """CPU time of one stage in µs per event, over several passes."""

    stage: str
    us: Spread


def measure(recordings: Sequence[Recording], passes: int) -> list[Cost]:
    """Time each stage on the output of the stage before it."""
    frames: list[Text] = [
        (frame.payload.decode() if recording.encoding is Encoding.JSON else frame.payload, recording.encoding)
        for recording in recordings
        for frame in recording.frames
    ]
    events = sum(recording.events for recording in recordings)
    costs: list[Cost] = []

    def timed(stage: str, work: Callable[[], _T]) -> _T:
        seconds = []
        for _ in range(passes):
            gc.collect()
            started_s = time.process_time()
            made = work()
            seconds.append(time.process_time() - started_s)
        costs.append(Cost(stage, spread([value / events * 1e6 for value in seconds])))
        return made

    timed("parsing without checks", lambda: _parse(frames))
    batches = timed("parsing with all checks", lambda: [_batch(text, encoding) for text, encoding in frames])
    by_recording = _split(recordings, batches)
    timed("sequence checks and window", lambda: sum(_run_session(recorded) for recorded in by_recording))
    timed("rows in PostgreSQL's binary format", lambda: [_write(recorded) for recorded in by_recording])
    timed("an ack per frame", lambda: [encode(Ack(batch.last_seq), Encoding.JSON) for batch in batches])
    return costs


def show(costs: Sequence[Cost], out: Console) -> None:
    """Print the stages."""
    table = Table(title="CPU of the pure stages", title_justify="left")
    table.add_column("stage")
    table.add_column("µs per event", justify="right")
    for cost in costs:
        table.add_row(cost.stage, f"{cost.us.median:.2f} ({cost.us.least:.2f}-{cost.us.most:.2f})")
    out.print(table)


def _parse(frames: Sequence[Text]) -> None:
    decoders: dict[Encoding, Any] = {
        Encoding.JSON: msgspec.json.Decoder(),
        Encoding.MSGPACK: msgspec.msgpack.Decoder(),
    }
    for text, encoding in frames:
        decoders[encoding].decode(text)


def _batch(text: str | bytes, encoding: Encoding) -> Batch:
    batch = decode_candidate(text, encoding)
    assert isinstance(batch, Batch)
    return batch


def _split(recordings: Sequence[Recording], batches: Sequence[Batch]) -> list[list[Batch]]:
    dealt = iter(batches)
    return [[next(dealt) for _ in recording.frames] for recording in recordings]


def _run_session(batches: Sequence[Batch]) -> int:
    """Run one session from hello to the last ack; each batch is stored before the next one arrives."""
    session = CandidateSession(0)
    hello = Hello(
        ticket="ticket",
        attempt_id=uuid4(),
        boot=uuid4(),
        acked=0,
        next_seq=1,
        client=Client("veritas-bench", "1"),
        mono=0,
        at=START_MS,
    )
    session.receive(hello, 0)
    session.opened(_welcome(), [])
    for number, batch in enumerate(batches):
        session.receive(batch, number)
        session.stored(())
    return session.committed


def _write(batches: Sequence[Batch]) -> bytes:
    stream_id = uuid7()
    return copy_encoding.encode([make_segment(stream_id, batch) for batch in batches])


def _welcome() -> Welcome:
    return Welcome(
        stream=uuid7(),
        committed=0,
        window=Window(),
        limits=Limits(),
        heartbeat_ms=HEARTBEAT_MS,
        server_at=START_MS,
        attempt=Attempt(AttemptStatus.IN_PROGRESS),
        auth_until=START_MS,
    )
