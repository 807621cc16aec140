"""Turns of the event loop for new requests and handshakes, in a fair order of their networks.

A request needs about half a millisecond of the event loop, in some fifteen steps. If hundreds arrive together and all
begin at once, each step of each acknowledgement waits for all of them. So one begins in every fourth turn of the loop:
then a turn has about four steps of requests, and the open sockets have theirs in between. Never limits how many
requests run, or how long one takes.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

import msgspec

REQUEST_TURNS: Final = 4
"""One request begins in so many turns."""

HANDSHAKE_GAP_S: Final = 0.002
"""The shortest time between two handshakes. One needs half a millisecond, so a flood of them leaves most of the
processor to the open sockets. 5,000 clients that come back need ten seconds, about as long as their hellos."""

DROP_PER_TURN: Final = 100
"""How many requests of clients that have left may end in one turn: each needs a few microseconds."""

ACCEPT_PER_TURN: Final = 1
"""How many connections are accepted in one turn; the others wait in the kernel."""


class _Waiting(msgspec.Struct, eq=False):
    turn: asyncio.Future[bool]
    is_gone: Callable[[], bool]


class RequestTurns:
    """Lets one request begin in every `turns` turns, and not within `gap_s` of the one before. For one event loop."""

    def __init__(self, turns: int, gap_s: float = 0.0) -> None:
        self._turns = turns
        self._gap_s = gap_s
        self._lanes: OrderedDict[str, deque[_Waiting]] = OrderedDict()
        self._is_scheduled = False

    async def wait(self, network: str, is_gone: Callable[[], bool]) -> bool:
        """Wait until a request of this network may begin. Return False if its client has left before."""
        loop = asyncio.get_running_loop()
        if not self._is_scheduled:
            self._schedule(loop)
            return True
        waiting = _Waiting(loop.create_future(), is_gone)
        self._lanes.setdefault(network, deque()).append(waiting)
        return await waiting.turn

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_scheduled = True
        if self._gap_s:
            loop.call_later(self._gap_s, self._pass_turn, loop, self._turns - 1)
        else:
            loop.call_soon(self._pass_turn, loop, self._turns - 1)

    def _pass_turn(self, loop: asyncio.AbstractEventLoop, left: int) -> None:
        if left:
            loop.call_soon(self._pass_turn, loop, left - 1)
            return
        self._is_scheduled = False
        if self._begin_next() or self._lanes:
            self._schedule(loop)

    def _begin_next(self) -> bool:
        """Let the next request begin whose client is still there. Return whether there was one."""
        dropped = 0
        while self._lanes and dropped < DROP_PER_TURN:
            waiting = self._pop()
            if waiting.turn.done():
                continue  # its task was cancelled
            begins = not waiting.is_gone()
            waiting.turn.set_result(begins)
            if begins:
                return True
            dropped += 1
        return False

    def _pop(self) -> _Waiting:
        """Return the next request of the network whose turn it is; its further ones come after the other networks."""
        network, lane = self._lanes.popitem(last=False)
        waiting = lane.popleft()
        if lane:
            self._lanes[network] = lane
        return waiting
