"""The load generator as a process: ready, go, outcome."""

import asyncio
import sys
from pathlib import Path

import msgspec
from websockets.asyncio.server import ServerConnection, serve

from bench.load import workload
from bench.load.messages import LoadOutcome, LoadRequest, Pace
from protocol.codec import Encoding, decode_candidate, encode
from protocol.events import Batch
from protocol.monitor import Ack


async def acknowledge_all(socket: ServerConnection) -> None:
    async for message in socket:
        encoding = Encoding.JSON if isinstance(message, str) else Encoding.MSGPACK
        batch = decode_candidate(message, encoding)
        assert isinstance(batch, Batch)
        await socket.send(encode(Ack(batch.last_seq), encoding))


async def test_it_sends_every_recording_and_prints_the_outcome(tmp_path: Path) -> None:
    recordings = workload.record(4, 30, per_frame=10, seed=1, started_ms=1_790_000_000_000)
    file = tmp_path / "recordings"
    file.write_bytes(msgspec.msgpack.encode(recordings))
    async with serve(acknowledge_all, "127.0.0.1", 0, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bench.load.generator", str(file)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        request = LoadRequest(url=f"ws://127.0.0.1:{port}/", pace=Pace.FLOOD)
        process.stdin.write(msgspec.json.encode(request) + b"\n")
        assert await process.stdout.readline() == b"ready\n"
        process.stdin.write(b"go\n")
        outcome = msgspec.json.decode(await process.stdout.readline(), type=LoadOutcome)
        assert await process.wait() == 0
    assert (outcome.sent, outcome.acked, outcome.by_client) == (120, 120, [30] * 4)
    assert outcome.waits.count == 12
