"""The door candidates come in by: what a hello, a new token and a goodbye mean to the record.

No frame is read or sent here; a connection that was opened is closed in the record, whoever still waits for it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import Forbidden
from db.queries.connections import connections
from db.queries.connections.connections import OpenedConnection
from db.queries.console import instructions
from hub import metrics
from hub.auth import tokens
from hub.auth.guards import Principal, admit_socket, spending
from hub.errors import Busy, Unauthenticated
from hub.ingest.budget import Budget
from hub.ingest.duplicates import Duplicates
from hub.ingest.writer import Ingest
from hub.lease import Lease
from hub.monitor.close_log import CloseLog
from hub.monitor.instruction_results import InstructionResults
from hub.monitor.registry import Registry
from hub.presence.presence import HubPresence
from hub.settings import HubSettings
from hub.tasks import DetachedTasks
from protocol.limits import HEARTBEAT_MS, Limits, Window
from protocol.monitor import Hello, Instruct, Welcome

TURN_S: Final = 5.0
"""How long a hello may wait for its turn: served later, its client would hardly wait for the end of it."""

GONE: Final = "gone"
"""The cause of a close that nobody named: the peer, or the network, ended the connection."""


class AdmittedCandidate(msgspec.Struct, frozen=True):
    """An accepted hello: who it is, the stream to go on with, what is still to be asked, and in which hub's name."""

    principal: Principal
    opening: OpenedConnection
    waiting: list[Instruct]
    hub_id: UUID


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """What the candidates' sockets of one hub work with."""

    settings: HubSettings
    engine: AsyncEngine
    ingest: Ingest
    resends: Duplicates
    budget: Budget
    presence: HubPresence
    registry: Registry
    answers: InstructionResults
    tasks: DetachedTasks
    lease: Lease
    close_log: CloseLog
    turns: asyncio.Semaphore
    """How many hellos may be with PostgreSQL at once: a storm of them waits here, and leaves the pool to others."""

    async def enter(
        self, hello: Hello, is_wanted: Callable[[], bool], *, by_ticket_only: bool = False
    ) -> AdmittedCandidate:
        """Check who says hello and open the stream of its queue; what is still to be asked of it comes along.

        A hello that is not wanted any more opens nothing: its client may be elsewhere by now, and stays there.
        Raises RequestError, or what PostgreSQL and the network raise.
        """
        if by_ticket_only and hello.ticket is None:
            raise Unauthenticated("Connect with a ticket: your origin cannot use a token.")
        if not self.lease.is_held:
            raise Busy("The hub is still starting. Try again in a moment.")
        hub_id = self.lease.hub_id
        async with spending(self.engine, hello.ticket), self.engine.begin() as conn:
            principal = await admit_socket(conn, hello.ticket, hello.token, "monitor", self.settings)
            entrance = await self._open(conn, hello, principal, hub_id)
            if not is_wanted():
                raise Busy("The connection could not be opened in time. Try again.")
        metrics.SERVER_LOST.inc(entrance.opening.server_lost)
        return entrance

    async def enter_by_requests(self, hello: Hello, principal: Principal) -> AdmittedCandidate:
        """Open the stream of a queue whose client has no socket. Raises as `enter` does."""
        if not self.lease.is_held:
            raise Busy("The hub is still starting. Try again in a moment.")
        async with self.take_turn(), self.engine.begin() as conn:
            entrance = await self._open(conn, hello, principal, self.lease.hub_id, by_requests=True)
        metrics.SERVER_LOST.inc(entrance.opening.server_lost)
        return entrance

    @asynccontextmanager
    async def take_turn(self) -> AsyncIterator[None]:
        """Wait until this hello may be with PostgreSQL; raises TimeoutError when that takes too long."""
        async with asyncio.timeout(TURN_S):
            await self.turns.acquire()
        try:
            yield
        finally:
            self.turns.release()

    async def _open(
        self, conn: AsyncConnection, hello: Hello, principal: Principal, hub_id: UUID, *, by_requests: bool = False
    ) -> AdmittedCandidate:
        opening = await connections.open_connection(conn, hello, principal.user_id, hub_id, by_requests=by_requests)
        _check_exam(principal, opening)
        waiting = await instructions.list_pending(conn, [opening.attempt_id])
        return AdmittedCandidate(principal, opening, waiting.get(opening.attempt_id, []), hub_id)

    async def renew(self, token: str, entrance: AdmittedCandidate) -> Principal:
        """Check a token sent in band: of the same person, good for the same exam. Raises as `enter` does."""
        async with self.engine.begin() as conn:
            principal = await admit_socket(conn, None, token, "monitor", self.settings)
        if principal.user_id != entrance.principal.user_id:
            raise Forbidden("The token belongs to another user.")
        _check_exam(principal, entrance.opening)
        return principal

    def abandon(self, entering: asyncio.Task[AdmittedCandidate], cause: str) -> None:
        """Nobody waits for this hello any more: if it still opens a connection, record that it ended."""
        if not entering.cancelled() and entering.exception() is None:
            self.close_log.put(entering.result().opening, cause)


def _check_exam(principal: Principal, opening: OpenedConnection) -> None:
    if not principal.may_sit(opening.exam_id):
        raise Forbidden("Your sign-in is valid only for another exam.")


def make_welcome(entrance: AdmittedCandidate, window: Window, secret: str) -> Welcome:
    """Tell a client where to go on, and what it needs for that."""
    opening = entrance.opening
    upload = tokens.make_upload_claims(
        entrance.principal.user_id, opening.attempt_id, now_ms=opening.server_ms, closes_ms=opening.closes_ms
    )
    return Welcome(
        stream=opening.stream_id,
        committed=opening.committed,
        rejected=opening.rejected,
        previous=opening.previous,
        window=window,
        limits=Limits(),
        heartbeat_ms=HEARTBEAT_MS,
        server_at=opening.server_ms,
        attempt=opening.attempt,
        auth_until=entrance.principal.auth_until,
        queue_key=tokens.derive_queue_key(opening.attempt_id, secret),
        upload_token=tokens.sign(upload, secret),
    )
