"""Registry of connected candidates: gives every session its clock, and polls PostgreSQL for status changes.

Every two seconds one query reads the status of their attempts and which sockets must close (a newer connection at
another hub, a revoked sign-in, a student removed from the roster), and a second one their pending instructions.
Notifications only make that faster. What a session does with it is decided in `session.py`, never here.
"""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, Protocol
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.engine import reading
from db.notify import Notification
from db.periodic import Periodic, is_set_within
from db.queries.connections import connections
from db.queries.connections.connections import SocketCheck, SocketKey
from db.queries.console import instructions
from hub.ingest.budget import Budget
from hub.sockets import steady_ms
from hub.tasks import Service
from protocol.codes import CloseCode
from protocol.limits import Window
from protocol.monitor import Attempt, Instruct

log = structlog.get_logger(__name__)

TICK_S: Final = 0.25
POLL_S: Final = 2.0
"""Short enough that, even on a busy machine, a superseded socket is closed within 3 s (docs/wire/README.md)."""

AT_ONCE: Final = 1_000
"""How many sockets one query checks, and one turn of the loop gives their clock."""


class RegisteredSocket(Protocol):
    """The part of a candidate's socket that the registry uses. Every method returns at once."""

    @property
    def attempt_id(self) -> UUID:
        """The attempt of this connection."""

    @property
    def socket_key(self) -> SocketKey:
        """The generation of this connection, and its sign-in."""

    @property
    def attempt(self) -> Attempt | None:
        """The state of the attempt that the client knows."""

    def close(self, code: CloseCode) -> None:
        """Close for a reason outside the session."""

    def update_attempt(self, attempt: Attempt) -> None:
        """Send the attempt's status if it has changed."""

    def instruct(self, pending: Sequence[Instruct]) -> None:
        """Send the pending instructions that are due."""

    def set_window(self, window: Window) -> None:
        """Change how much the client may have unacknowledged."""

    def drain(self, in_ms: int) -> None:
        """Tell the client that this hub shuts down."""

    def retire(self) -> None:
        """Store what was accepted, then close: this hub shuts down."""

    def tick(self, now_ms: int) -> None:
        """Check the deadlines of the session."""


class Registry(Service):
    """The candidates' sockets of one hub: all of them for the clock, the newest of each attempt for everything else."""

    def __init__(self, engine: AsyncEngine, budget: Budget, *, tick_s: float = TICK_S, poll_s: float = POLL_S) -> None:
        self._engine = engine
        self._budget = budget
        self.window = budget.window()
        """The window of every candidate now."""
        self._sockets: set[RegisteredSocket] = set()
        self._empty = asyncio.Event()
        self._newest: dict[UUID, RegisteredSocket] = {}
        self._notified: set[UUID] = set()
        self._poll_s = poll_s
        self._poll_due_s = 0.0
        self._poll = Periodic("candidates", poll_s, self._poll_database, at_once=True)
        self._loops = (Periodic("session-clock", tick_s, self._tick_all), self._poll)

    def __len__(self) -> int:
        return len(self._sockets)

    def add(self, candidate: RegisteredSocket) -> None:
        """Give a new socket its clock."""
        self._sockets.add(candidate)
        self._empty.clear()

    def remove(self, candidate: RegisteredSocket) -> None:
        """Forget a socket that is gone."""
        self._sockets.discard(candidate)
        if not self._sockets:
            self._empty.set()

    def register(self, candidate: RegisteredSocket) -> None:
        """Make this the attempt's newest socket at this hub, and close the older one."""
        older = self._newest.get(candidate.attempt_id)
        if older is not None and older.socket_key.generation > candidate.socket_key.generation:
            candidate.close(CloseCode.SUPERSEDED)
            return
        self._newest[candidate.attempt_id] = candidate
        if older is not None:
            older.close(CloseCode.SUPERSEDED)

    def unregister(self, candidate: RegisteredSocket) -> None:
        """Forget an attempt's socket, unless a newer one has replaced it."""
        if self._newest.get(candidate.attempt_id) is candidate:
            del self._newest[candidate.attempt_id]

    def has_socket(self, attempt_id: UUID, generation: int) -> bool:
        """Return whether the socket of this connection is the newest of its attempt here."""
        newest = self._newest.get(attempt_id)
        return newest is not None and newest.socket_key.generation == generation

    def candidates(self) -> list[RegisteredSocket]:
        """Return every socket, before and after its hello."""
        return list(self._sockets)

    def close_all(self, code: CloseCode) -> None:
        """Close every socket with this code."""
        for candidate in self.candidates():
            candidate.close(code)

    async def wait_empty(self, timeout_s: float) -> bool:
        """Wait until no socket is left. Returns whether that was in time."""
        return not self._sockets or await is_set_within(self._empty, timeout_s)

    def on_notification(self, notification: Notification) -> None:
        """Poll an attempt and its instructions now."""
        if notification.channel in ("instructions", "attempt") and notification.key in self._newest:
            self._notified.add(notification.key)
            self._poll.wake()

    async def _tick_all(self) -> None:
        now = steady_ms()
        window = self._budget.window()
        has_changed = window != self.window
        self.window = window
        for number, candidate in enumerate(self.candidates(), 1):
            try:
                candidate.tick(now)
                if has_changed:
                    candidate.set_window(window)
            except Exception:
                # A fault of one session must not stop the clock of the others.
                log.exception("session failed on its clock")
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _poll_database(self) -> None:
        notified, self._notified = self._notified, set()
        now_s = asyncio.get_running_loop().time()
        # Notifications for some never keep the others waiting.
        if now_s >= self._poll_due_s:
            self._poll_due_s = now_s + self._poll_s
            await self._poll_attempts(list(self._newest))
        elif notified:
            await self._poll_attempts(notified)

    async def _poll_attempts(self, attempt_ids: Collection[UUID]) -> None:
        # In parts: the loop must not wait while thousands of parameters are encoded.
        for part in batched(attempt_ids, AT_ONCE):
            newest = [(attempt_id, self._newest[attempt_id]) for attempt_id in part if attempt_id in self._newest]
            if not newest:
                continue
            polled = {attempt_id: candidate.socket_key for attempt_id, candidate in newest}
            known = [candidate.attempt for _, candidate in newest]
            async with reading(self._engine) as conn:
                self._apply(polled, await connections.check_sockets(conn, polled, known))
                await self._pass_instructions(conn, polled.keys())

    def _apply(self, polled: Mapping[UUID, SocketKey], found: Mapping[UUID, SocketCheck]) -> None:
        for attempt_id, finding in found.items():
            candidate = self._newest.get(attempt_id)
            # Since the query it may have renewed its sign-in, or a newer socket may have replaced it.
            if candidate is None or candidate.socket_key != polled[attempt_id]:
                continue
            if finding.code is None:
                candidate.update_attempt(finding.attempt)
            else:
                candidate.close(finding.code)

    async def _pass_instructions(self, conn: AsyncConnection, attempt_ids: Collection[UUID]) -> None:
        pending = await instructions.list_pending(conn, list(attempt_ids))
        for attempt_id, waiting in pending.items():
            candidate = self._newest.get(attempt_id)
            if candidate is not None:
                candidate.instruct(waiting)


def batched(items: Iterable[UUID], size: int) -> Iterator[list[UUID]]:
    """Split items into lists of at most this size."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part
