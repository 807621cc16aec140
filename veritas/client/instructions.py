"""Instructions from the hub: each is carried out once, and its result is sent as often as the hub asks.

Never opens a socket and never retries an instruction that failed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection

from protocol.monitor import Done, Instruct

OnInstruction = Callable[[Instruct], Awaitable[str | None]]
"""Carries out an instruction. Returns None on success, else a short code with the reason."""

_logger = logging.getLogger("veritas.client")


class Instructions:
    """Instructions of one attempt, in order. `send` sends a result if there is a connection."""

    def __init__(
        self, can: Collection[str], carry_out: OnInstruction | None, send: Callable[[Done], Awaitable[None]]
    ) -> None:
        self.can = list(can) if carry_out else []
        """Actions that this client supports."""
        self._carry_out = carry_out
        self._send_result = send
        self._waiting: asyncio.Queue[Instruct] = asyncio.Queue()
        self._answers: dict[int, Done | None] = {}

    async def take(self, instruct: Instruct) -> None:
        """Accept an instruction once. If it already has a result, send the result again."""
        if instruct.action not in self.can:
            self._answers[instruct.id] = Done(instruct.id, ok=False, code="unsupported")
        if instruct.id not in self._answers:
            self._answers[instruct.id] = None
            self._waiting.put_nowait(instruct)
        await self._answer(instruct.id)

    async def obey(self) -> None:
        """Carry out instructions one after the other, until cancelled."""
        while True:
            instruct = await self._waiting.get()
            assert self._carry_out is not None
            try:
                code = await self._carry_out(instruct)
            except Exception:
                _logger.exception("instruction %s failed", instruct.id)
                code = "failed"
            self._answers[instruct.id] = Done(instruct.id, ok=code is None, code=code)
            await self._answer(instruct.id)

    async def _answer(self, number: int) -> None:
        done = self._answers[number]
        if done is not None:
            await self._send_result(done)
