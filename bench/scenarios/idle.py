"""`idle`: no client is connected. CPU of each process."""

import asyncio

import msgspec

from bench.environment import Environment
from bench.scenarios.stack import Meter, RunningStack, Spent, open_stack

SETTLE_S = 10.0
"""After the start everything that begins at once is over."""

DONE_S = 600.0


class IdleShape(msgspec.Struct, frozen=True, kw_only=True):
    """How long nothing happens."""

    seconds: float
    settle_s: float = SETTLE_S


class Idle(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of `idle`: the CPU time of the stack."""

    shape: IdleShape
    spent: Spent


def run(environment: Environment, shape: IdleShape, *, reproduce: bool) -> Idle:
    """Watch an idle stack. Raises BenchError if the record has a breach."""
    with open_stack(environment) as stack:
        found = asyncio.run(_run(stack, shape))
        stack.verify(reproduce=reproduce)
    return found


async def _run(stack: RunningStack, shape: IdleShape) -> Idle:
    await asyncio.sleep(shape.settle_s)
    meter = Meter(stack.pids)
    await asyncio.sleep(shape.seconds)
    return Idle(shape=shape, spent=meter.stop())
