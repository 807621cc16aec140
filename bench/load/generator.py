"""Load generator, as a separate process (`python -m bench.load.generator RECORDINGS`). Never evaluates a result.

Reads its request from standard input, prints `ready` once every socket is open, starts at `go`, prints the outcome.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Sequence
from pathlib import Path
from uuid import uuid4

import msgspec
import uvloop

from bench.figures import latency
from bench.load.client import LoadClient
from bench.load.http_client import HttpPoster
from bench.load.messages import AttemptTicket, LoadOutcome, LoadRequest, Pace
from bench.load.workload import Recording, entries
from protocol.codec import encode
from protocol.monitor import Client as Identity
from protocol.monitor import Hello

PATIENCE_S = 120.0
"""How long a client waits for acks after its last frame."""


async def run(recordings: list[Recording]) -> None:
    """Send the recordings as requested."""
    loop = asyncio.get_running_loop()
    request = msgspec.json.decode(await loop.run_in_executor(None, sys.stdin.buffer.readline), type=LoadRequest)
    clients: Sequence[LoadClient | HttpPoster] = await (
        _open_posters(request, recordings) if request.pace is Pace.POST else _open(request, recordings)
    )
    print_line(b"ready")
    await loop.run_in_executor(None, sys.stdin.buffer.readline)
    cpu_s, started_s = time.process_time(), time.perf_counter()
    async with asyncio.timeout((request.limit_s or 0) + PATIENCE_S):
        await _play(request, clients)
    seconds = time.perf_counter() - started_s
    by_client = [client.acked for client in clients]
    outcome = LoadOutcome(
        sent=sum(client.sent for client in clients),
        acked=sum(by_client),
        by_client=by_client,
        seconds=seconds,
        cpu_s=time.process_time() - cpu_s,
        waits=latency(wait for client in clients for wait in client.waits_ms),
    )
    print_line(msgspec.json.encode(outcome))
    for client in clients:
        client.close()
    await asyncio.sleep(0.2)


def print_line(line: bytes) -> None:
    """Send a line to the benchmark."""
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


async def _open(request: LoadRequest, recordings: list[Recording]) -> list[LoadClient]:
    loop = asyncio.get_running_loop()
    host, _, port = request.url.partition("://")[2].partition("/")[0].partition(":")
    clients = []
    for number, recording in enumerate(recordings):
        client = LoadClient(
            request.url, recording, _hello(request.attempts[number], recording) if request.attempts else None
        )
        await loop.create_connection(lambda client=client: client, host, int(port))  # type: ignore[misc]
        clients.append(client)
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(client.ready for client in clients))
    return clients


async def _open_posters(request: LoadRequest, recordings: list[Recording]) -> list[HttpPoster]:
    posters = [HttpPoster(request.url, entries(recording.frames[0], recording)) for recording in recordings]
    await asyncio.gather(*(poster.connect() for poster in posters))
    return posters


def _hello(attempt: AttemptTicket, recording: Recording) -> bytes:
    now_ms = time.time_ns() // 1_000_000
    data = encode(
        Hello(
            ticket=attempt.ticket,
            attempt_id=attempt.attempt_id,
            boot=uuid4(),
            acked=0,
            next_seq=1,
            client=Identity("veritas-bench", "1"),
            mono=0,
            at=now_ms,
        ),
        recording.encoding,
    )
    return data.encode() if isinstance(data, str) else data


async def _play(request: LoadRequest, clients: Sequence[LoadClient | HttpPoster]) -> None:
    plays: list[Awaitable[None]] = []
    for number, client in enumerate(clients):
        if isinstance(client, HttpPoster):
            plays.append(client.play(request.limit_s or PATIENCE_S))
        elif request.pace is Pace.FLOOD:
            plays.append(_flood(client, request.limit_s))
        elif request.pace is Pace.LONE:
            plays.append(_alone(client))
        else:
            plays.append(_steadily(client, request, number / len(clients), len(clients)))
    await asyncio.gather(*plays)


async def _flood(client: LoadClient, limit_s: float | None) -> None:
    client.flood()
    if limit_s is not None:
        asyncio.get_running_loop().call_later(limit_s, client.finish)
    await client.done


async def _alone(client: LoadClient) -> None:
    clock = time.perf_counter
    while client.left:
        before = len(client.waits_ms)
        client.send_next(clock())
        while len(client.waits_ms) == before:
            await client.settled()
        await asyncio.sleep(0.002)
    client.finish()
    await client.done


async def _steadily(client: LoadClient, request: LoadRequest, phase: float, clients: int) -> None:
    """Send at fixed times; a latency counts from when the frame was due, even if the generator was late."""
    clock = time.perf_counter
    started_s = clock()
    limit_s = request.limit_s or PATIENCE_S
    period_s = client.per_frame * clients / request.rate
    due_s = started_s + phase * period_s
    while client.left and due_s < started_s + limit_s:
        await client.send_when_due(due_s)
        due_s += period_s
    client.finish()
    await client.done


def main() -> None:
    """Load the recordings and run."""
    recordings = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=list[Recording])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(recordings))


if __name__ == "__main__":
    main()
