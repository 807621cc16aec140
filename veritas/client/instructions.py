"""What people ask of a candidate's client: each carried out once, answered as often as the hub asks.

Never here: a socket of its own, or a second try of what failed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection

from protocol.monitor import Done, Instruct

OnInstruction = Callable[[Instruct], Awaitable[str | None]]
"""Carries out an instruction; None means done, a short code says why it could not be."""

_logger = logging.getLogger("veritas.client")


class Instructions:
    """The instructions of one attempt, in order; `say` sends an answer if there is a connection to send it on."""

    def __init__(
        self, can: Collection[str], carry_out: OnInstruction | None, say: Callable[[Done], Awaitable[None]]
    ) -> None:
        self.can = list(can) if carry_out else []
        """The actions this client understands."""
        self._carry_out = carry_out
        self._say = say
        self._waiting: asyncio.Queue[Instruct] = asyncio.Queue()
        self._answers: dict[int, Done | None] = {}

    async def take(self, instruct: Instruct) -> None:
        """Take an instruction once; one that was answered before is answered again, the hub had not heard."""
        if instruct.action not in self.can:
            self._answers[instruct.id] = Done(instruct.id, ok=False, code="unsupported")
        if instruct.id not in self._answers:
            self._answers[instruct.id] = None
            self._waiting.put_nowait(instruct)
        await self._answer(instruct.id)

    async def obey(self) -> None:
        """Carry them out one after the other, until cancelled."""
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
            await self._say(done)
