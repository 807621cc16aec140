"""Turns of the event loop for new requests and handshakes: one begins in each, in a fair order of their networks.

A request needs about a millisecond of the event loop, in several steps. If hundreds arrive together and all begin at
once, each step of each acknowledgement waits for all of them. So one begins in one turn of the loop, and the open
sockets have theirs in between. Never limits how many requests run, or how long one takes.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

import msgspec

BEGIN_PER_TURN: Final = 1
DROP_PER_TURN: Final = 100
"""How many requests of clients that have left may end in one turn: each needs a few microseconds."""

ACCEPT_PER_TURN: Final = 1
"""How many connections are accepted in one turn; the others wait in the kernel."""


class _Waiting(msgspec.Struct, eq=False):
    turn: asyncio.Future[bool]
    is_gone: Callable[[], bool]


class RequestTurns:
    """Lets requests begin. For one event loop."""

    def __init__(self, per_turn: int = BEGIN_PER_TURN) -> None:
        self._per_turn = per_turn
        self._begun = 0
        self._lanes: OrderedDict[str, deque[_Waiting]] = OrderedDict()
        self._is_scheduled = False

    async def wait(self, network: str, is_gone: Callable[[], bool]) -> bool:
        """Wait until a request of this network may begin. Return False if its client has left before."""
        loop = asyncio.get_running_loop()
        if not self._lanes and self._begun < self._per_turn:
            self._begun += 1
            self._schedule(loop)
            return True
        waiting = _Waiting(loop.create_future(), is_gone)
        self._lanes.setdefault(network, deque()).append(waiting)
        self._schedule(loop)
        return await waiting.turn

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self._begin_some, loop)

    def _begin_some(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_scheduled, self._begun = False, 0
        dropped = 0
        while self._lanes and self._begun < self._per_turn and dropped < DROP_PER_TURN:
            waiting = self._pop()
            if waiting.turn.done():
                continue  # its task was cancelled
            begins = not waiting.is_gone()
            waiting.turn.set_result(begins)
            self._begun += begins
            dropped += not begins
        if self._begun or self._lanes:
            self._schedule(loop)

    def _pop(self) -> _Waiting:
        """Return the next request of the network whose turn it is; its further ones come after the other networks."""
        network, lane = self._lanes.popitem(last=False)
        waiting = lane.popleft()
        if lane:
            self._lanes[network] = lane
        return waiting
