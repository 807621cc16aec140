"""How a hub goes away: its clients are told, and their sockets close one after the other, nothing of theirs lost.

Readiness off, new sockets refused, `drain` to all; then each candidate's socket in its turn, spread over the time told:
no more frames, the batch in flight stored, the last acknowledgement, 4505. What a session makes of it stands in
`monitor/session.py`; the process itself is ended elsewhere.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import structlog

from hub import metrics
from hub.console.consoles import Consoles
from hub.handshake import Gate
from hub.monitor.registry import Candidate, Registry
from protocol.codes import CloseCode

log = structlog.get_logger(__name__)

LAST_S: Final = 12.0
"""How long the last sockets may take after their turn: 5 s for a batch in flight, 5 s for a peer that does not read."""

STEP_S: Final = 0.005
"""Turns closer together than this come in one."""


class Drain:
    """One hub's way out; `run` it once, and `hurry` when it takes too long."""

    def __init__(self, gate: Gate, registry: Registry, consoles: Consoles, *, in_ms: int) -> None:
        self._gate = gate
        self._registry = registry
        self._consoles = consoles
        self._in_ms = in_ms
        self._hurried = asyncio.Event()

    def hurry(self) -> None:
        """Have every socket take its turn now."""
        self._hurried.set()

    async def run(self) -> None:
        """Send everybody away; returns when every candidate's socket has left, or had time enough."""
        clock = asyncio.get_running_loop().time
        began = clock()
        metrics.DRAIN_SECONDS.set_function(lambda: clock() - began)
        self._gate.is_draining = True
        candidates = self._registry.everybody()
        log.info("hub drains", candidates=len(candidates), in_ms=self._in_ms)
        consoles = asyncio.create_task(self._consoles.drain(self._in_ms), name="drain-consoles")
        for candidate in candidates:
            candidate.drain(self._in_ms)
        await self._take_turns(candidates, began)
        # Those who were in the middle of the handshake when the gate closed.
        for candidate in self._registry.everybody():
            candidate.retire()
        await self._end_consoles(consoles)
        if not await self._registry.wait_empty(LAST_S):
            log.warning("hub drained with candidates left", left=len(self._registry))
        log.info("hub drained", candidates=len(candidates), took_ms=round(1000 * (clock() - began)))

    async def _take_turns(self, candidates: Sequence[Candidate], began: float) -> None:
        clock = asyncio.get_running_loop().time
        for turn, candidate in enumerate(candidates, 1):
            early_s = began + self._in_ms / 1000 * turn / len(candidates) - clock()
            if early_s > STEP_S:
                await self._wait(early_s)
            candidate.retire()

    async def _end_consoles(self, ending: asyncio.Task[None]) -> None:
        hurried = asyncio.create_task(self._hurried.wait())
        await asyncio.wait((ending, hurried), timeout=self._in_ms / 1000, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if not ending.done():
            ending.cancel()
            self._consoles.end_all(CloseCode.DRAINING)
            await asyncio.wait((ending,))

    async def _wait(self, timeout_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._hurried.wait()
