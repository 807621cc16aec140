"""The load generator, a process of its own: `python -m bench.load TAPES`. It measures, and decides nothing.

Reads its orders from standard input, says `ready` once every socket is open, starts at `go`, prints the outcome.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Sequence
from pathlib import Path
from uuid import uuid4

import msgspec
import uvloop

from bench.client import Client
from bench.figures import latency
from bench.http_client import Poster
from bench.messages import AttemptTicket, Orders, Outcome, Pace
from bench.workload import Tape, entries
from protocol.codec import encode
from protocol.monitor import Client as Identity
from protocol.monitor import Hello

PATIENCE_S = 120.0
"""How long after its last frame a client still waits for acknowledgements."""


async def run(tapes: list[Tape]) -> None:
    """Play the tapes as ordered."""
    loop = asyncio.get_running_loop()
    orders = msgspec.json.decode(await loop.run_in_executor(None, sys.stdin.buffer.readline), type=Orders)
    clients: Sequence[Client | Poster] = await (
        _open_posters(orders, tapes) if orders.pace is Pace.POST else _open(orders, tapes)
    )
    say(b"ready")
    await loop.run_in_executor(None, sys.stdin.buffer.readline)
    cpu_s, started_s = time.process_time(), time.perf_counter()
    async with asyncio.timeout((orders.limit_s or 0) + PATIENCE_S):
        await _play(orders, clients)
    seconds = time.perf_counter() - started_s
    by_client = [client.acked for client in clients]
    outcome = Outcome(
        sent=sum(client.sent for client in clients),
        acked=sum(by_client),
        by_client=by_client,
        seconds=seconds,
        cpu_s=time.process_time() - cpu_s,
        waits=latency(wait for client in clients for wait in client.waits_ms),
    )
    say(msgspec.json.encode(outcome))
    for client in clients:
        client.close()
    await asyncio.sleep(0.2)


def say(line: bytes) -> None:
    """Tell the benchmark something."""
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


async def _open(orders: Orders, tapes: list[Tape]) -> list[Client]:
    loop = asyncio.get_running_loop()
    host, _, port = orders.url.partition("://")[2].partition("/")[0].partition(":")
    clients = []
    for number, tape in enumerate(tapes):
        client = Client(orders.url, tape, _hello(orders.attempts[number], tape) if orders.attempts else None)
        await loop.create_connection(lambda client=client: client, host, int(port))  # type: ignore[misc]
        clients.append(client)
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(client.ready for client in clients))
    return clients


async def _open_posters(orders: Orders, tapes: list[Tape]) -> list[Poster]:
    posters = [Poster(orders.url, entries(tape.frames[0], tape)) for tape in tapes]
    await asyncio.gather(*(poster.connect() for poster in posters))
    return posters


def _hello(attempt: AttemptTicket, tape: Tape) -> bytes:
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
        tape.encoding,
    )
    return data.encode() if isinstance(data, str) else data


async def _play(orders: Orders, clients: Sequence[Client | Poster]) -> None:
    plays: list[Awaitable[None]] = []
    for number, client in enumerate(clients):
        if isinstance(client, Poster):
            plays.append(client.play(orders.limit_s or PATIENCE_S))
        elif orders.pace is Pace.FLOOD:
            plays.append(_flood(client, orders.limit_s))
        elif orders.pace is Pace.LONE:
            plays.append(_alone(client))
        else:
            plays.append(_steadily(client, orders, number / len(clients), len(clients)))
    await asyncio.gather(*plays)


async def _flood(client: Client, limit_s: float | None) -> None:
    client.flood()
    if limit_s is not None:
        asyncio.get_running_loop().call_later(limit_s, client.finish)
    await client.done


async def _alone(client: Client) -> None:
    clock = time.perf_counter
    while client.left:
        before = len(client.waits_ms)
        client.send_next(clock())
        while len(client.waits_ms) == before:
            await client.settled()
        await asyncio.sleep(0.002)
    client.finish()
    await client.done


async def _steadily(client: Client, orders: Orders, phase: float, clients: int) -> None:
    """Send at fixed moments: a wait counts from when a frame was due, also where the generator itself was late."""
    clock = time.perf_counter
    started_s = clock()
    limit_s = orders.limit_s or PATIENCE_S
    period_s = client.per_frame * clients / orders.rate
    due_s = started_s + phase * period_s
    while client.left and due_s < started_s + limit_s:
        await client.send_when_due(due_s)
        due_s += period_s
    client.finish()
    await client.done


def main() -> None:
    """Load the tapes, then do as ordered."""
    tapes = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=list[Tape])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(tapes))


if __name__ == "__main__":
    main()
