"""Drains a hub before it stops: sends `drain` to all clients, then closes their sockets one after the other.

Readiness is off and new sockets are refused. Over the announced time each candidate's socket takes no more frames, has
its batch in flight stored and acknowledged, and is closed with 4505. What a session does is decided in
`monitor/session.py`. Never ends the process.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from db.periodic import is_set_within
from hub import metrics
from hub.console.consoles import Consoles
from hub.handshake import Gate
from hub.monitor.registry import RegisteredSocket, Registry
from protocol.codes import CloseCode

log = structlog.get_logger(__name__)

LAST_S: Final = 12.0
"""How long the last sockets may take: 5 s for a batch in flight, 5 s for a peer that does not read, and a margin."""

STEP_S: Final = 0.005
"""Closes that are nearer together than this happen without a pause."""


class HubDrain:
    """The drain of one hub: `run` it once; `hurry` ends it sooner."""

    def __init__(self, gate: Gate, registry: Registry, consoles: Consoles, *, in_ms: int) -> None:
        self._gate = gate
        self._registry = registry
        self._consoles = consoles
        self._in_ms = in_ms
        self._hurried = asyncio.Event()

    def hurry(self) -> None:
        """Close the rest of the sockets now."""
        self._hurried.set()

    async def run(self) -> None:
        """Drain the hub. Returns when every candidate's socket is closed, or its time is over."""
        clock = asyncio.get_running_loop().time
        began = clock()
        metrics.DRAIN_SECONDS.set_function(lambda: clock() - began)
        self._gate.is_draining = True
        candidates = self._registry.candidates()
        log.info("hub drains", candidates=len(candidates), in_ms=self._in_ms)
        consoles = asyncio.create_task(self._consoles.drain(self._in_ms), name="drain-consoles")
        for candidate in candidates:
            candidate.drain(self._in_ms)
        await self._retire_all(candidates, began)
        # Sockets whose handshake was under way when the gate closed.
        for candidate in self._registry.candidates():
            candidate.retire()
        await self._end_consoles(consoles)
        if not await self._registry.wait_empty(LAST_S):
            log.warning("hub drained with candidates left", left=len(self._registry))
        log.info("hub drained", candidates=len(candidates), took_ms=round(1000 * (clock() - began)))

    async def _retire_all(self, candidates: Sequence[RegisteredSocket], began: float) -> None:
        clock = asyncio.get_running_loop().time
        for number, candidate in enumerate(candidates, 1):
            pause_s = began + self._in_ms / 1000 * number / len(candidates) - clock()
            if pause_s > STEP_S:
                await is_set_within(self._hurried, pause_s)
            candidate.retire()

    async def _end_consoles(self, ending: asyncio.Task[None]) -> None:
        hurried = asyncio.create_task(self._hurried.wait())
        await asyncio.wait((ending, hurried), timeout=self._in_ms / 1000, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if not ending.done():
            ending.cancel()
            self._consoles.end_all(CloseCode.DRAINING)
            await asyncio.wait((ending,))
