"""Admits candidates: checks a hello or a new token, and opens and closes the connection in PostgreSQL.

Never reads or sends a frame. A connection that was opened is always closed in PostgreSQL, even when no client waits for
it any more.
"""

import asyncio
from collections.abc import Callable
from typing import Final
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import AWAY, Forbidden, NotFound
from db.queries.connections import connections
from db.queries.connections.connections import OpenedConnection
from db.queries.console import instructions
from db.queries.events.system_events import ServerEvent, append_events
from hub import metrics, sockets
from hub.auth import tokens
from hub.auth.guards import Principal, admit_socket, using_ticket
from hub.auth.keys import Keys
from hub.auth.tickets import hash_secret
from hub.errors import Busy, OverQuota, Unauthenticated
from hub.ingest.batcher import Offer, PendingBatch
from hub.ingest.budget import Budget
from hub.ingest.duplicates import Duplicates
from hub.ingest.quotas import Quotas, RecentStudents
from hub.ingest.writer import Ingest
from hub.lease import Lease
from hub.monitor.ack_proof import AckProof
from hub.monitor.close_log import CloseLog
from hub.monitor.instruction_results import InstructionResults
from hub.monitor.registry import Registry
from hub.presence.presence import HubPresence
from hub.server.hello_queue import HelloQueue
from hub.settings import HubSettings
from hub.sockets import now_ms
from hub.tasks import DetachedTasks
from hub.timing import Timing
from protocol.limits import HEARTBEAT_MS, Limits, Window
from protocol.monitor import Hello, Instruct, Welcome
from protocol.roles import Role

log = structlog.get_logger(__name__)

_TOO_LATE: Final = "The connection could not be opened in time. Try again."


class AdmittedCandidate(msgspec.Struct, frozen=True):
    """An accepted hello: the user, the stream to continue, pending instructions, and the id of the hub at that time."""

    principal: Principal
    opening: OpenedConnection
    pending: list[Instruct]
    hub_id: UUID


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """The parts that all candidates' sockets of one hub share."""

    settings: HubSettings
    timing: Timing
    engine: AsyncEngine
    ingest: Ingest
    duplicates: Duplicates
    budget: Budget
    quotas: Quotas
    presence: HubPresence
    registry: Registry
    results: InstructionResults
    tasks: DetachedTasks
    lease: Lease
    close_log: CloseLog
    hellos: HelloQueue
    """How many hellos may use PostgreSQL at once; the others wait here, and leave the pool to the rest of the hub."""

    students: RecentStudents = msgspec.field(default_factory=RecentStudents)

    async def admit(
        self, hello: Hello, is_wanted: Callable[[], bool], *, place: str | None = None, by_ticket_only: bool = False
    ) -> AdmittedCandidate:
        """Check the sign-in of a hello, open the stream of its queue and read its pending instructions.

        A hello that is not wanted any more opens nothing: its client may have connected to another hub.
        Raises RequestError, or the errors of PostgreSQL and the network.
        """
        if by_ticket_only and hello.ticket is None:
            raise Unauthenticated("Connect with a ticket: your origin cannot use a token.")
        if not self.lease.is_held:
            raise Busy("The hub is still starting. Try again in a moment.")
        hub_id = self.lease.hub_id
        admitted = await self._admit_plain(hello, is_wanted, hub_id, place)
        if admitted is not None:
            return admitted
        async with using_ticket(self.engine, hello.ticket), self.engine.begin() as conn:
            principal = await admit_socket(conn, hello.ticket, hello.token, "monitor", self.settings)
            self._count_hello(principal)
            admitted = await self._open(conn, hello, principal, hub_id, place=place)
            if not is_wanted():
                raise Busy(_TOO_LATE)
        metrics.SERVER_LOST.inc(admitted.opening.server_lost)
        return admitted

    async def _admit_plain(
        self, hello: Hello, is_wanted: Callable[[], bool], hub_id: UUID, place: str | None
    ) -> AdmittedCandidate | None:
        """Admit in one statement, which commits by itself; None when this hello needs the steps or is refused.

        The statement waits for no other hello, so a client that is there before it is still there after it.
        """
        if (hello.ticket is None) is (hello.token is None) or self._is_over_quota(hello.attempt_id):
            return None
        claims = None if hello.token is None else tokens.verify(hello.token, self.settings.keys, now_ms=now_ms())
        ticket = None if hello.ticket is None else hash_secret(hello.ticket)
        session = None if claims is None else claims.sid
        async with self.engine.connect() as pooled:
            conn = await pooled.execution_options(isolation_level="AUTOCOMMIT")
            if not is_wanted():
                raise Busy(_TOO_LATE)
            found = await connections.sign_in_and_open(conn, hello, hub_id, ticket=ticket, session=session, place=place)
            if found is None:
                return None
            opening = found.opening
            pending = await _list_pending(conn, opening)
        until = claims.expires_at if claims else now_ms() + tokens.LIFETIME_S * 1000
        principal = Principal(
            found.user_id,
            Role.STUDENT,
            found.name,
            found.session,
            until,
            found.exam_id,
            is_self_made=found.is_self_made,
        )
        self.students.note(opening.attempt_id, principal.user_id)
        self.quotas.spend_hello(principal.user_id, sockets.steady_ms())
        return AdmittedCandidate(principal, opening, pending, hub_id)

    def _is_over_quota(self, attempt_id: UUID) -> bool:
        """Return whether the student of this attempt, if it has connected here, must wait before the next hello."""
        student_id = self.students.find(attempt_id)
        return student_id is not None and self.quotas.hello_wait_ms(student_id, sockets.steady_ms()) > 0

    async def admit_by_requests(self, hello: Hello, principal: Principal, place: str | None) -> AdmittedCandidate:
        """Open the stream of a queue whose client has no socket. Raises like `admit`."""
        if not self.lease.is_held:
            raise Busy("The hub is still starting. Try again in a moment.")
        self._count_hello(principal)
        async with self.hellos.turn(), self.engine.begin() as conn:
            admitted = await self._open(conn, hello, principal, self.lease.hub_id, place=place, by_requests=True)
        metrics.SERVER_LOST.inc(admitted.opening.server_lost)
        return admitted

    def offer(self, pending: PendingBatch) -> Offer:
        """Hand a batch to the ingest, and count it in the quota of its attempt if it was taken."""
        offer = self.ingest.offer(pending)
        if offer is Offer.TAKEN:
            batch = pending.batch
            self.quotas.spend(pending.attempt_id, len(batch.entries), batch.size, sockets.steady_ms())
        return offer

    def quota_wait_ms(self, attempt_id: UUID) -> int:
        """Return how long the next batch of this attempt must wait, in most cases 0. Records the first time."""
        wait_ms = self.quotas.wait_ms(attempt_id, sockets.steady_ms())
        if wait_ms and self.quotas.note(attempt_id):
            metrics.QUOTA_REACHED.labels(kind="events").inc()
            self.tasks.start(self._record_quota(attempt_id))
        return wait_ms

    async def _record_quota(self, attempt_id: UUID) -> None:
        try:
            async with self.engine.begin() as conn:
                await append_events(conn, attempt_id, [ServerEvent("quota_reached")])
        except AWAY as error:
            log.warning("quota not recorded", attempt_id=str(attempt_id), error=type(error).__name__)
        except NotFound:
            log.info("quota not recorded: the attempt is deleted", attempt_id=str(attempt_id))

    def _count_hello(self, principal: Principal) -> None:
        """Count a hello of a student who is signed in, so that no one else can use up the quota. Raises OverQuota."""
        wait_ms = self.quotas.spend_hello(principal.user_id, sockets.steady_ms())
        if wait_ms:
            metrics.QUOTA_REACHED.labels(kind="hellos").inc()
            raise OverQuota("You connect too often. Wait a moment before you connect again.", wait_ms)

    async def _open(
        self,
        conn: AsyncConnection,
        hello: Hello,
        principal: Principal,
        hub_id: UUID,
        *,
        place: str | None,
        by_requests: bool = False,
    ) -> AdmittedCandidate:
        proof = AckProof(hello.attempt_id, self.settings.keys.data)
        opening = await connections.open_connection(
            conn,
            hello,
            principal.user_id,
            hub_id,
            has_proof=lambda stream_id: proof.is_valid(stream_id, hello.acked, hello.acked_mac),
            place=place,
            by_requests=by_requests,
        )
        _check_exam(principal, opening)
        return AdmittedCandidate(principal, opening, await _list_pending(conn, opening), hub_id)

    async def renew(self, token: str, admitted: AdmittedCandidate) -> Principal:
        """Check a token sent on the socket: same user, valid for the same exam. Raises like `admit`."""
        async with self.engine.begin() as conn:
            principal = await admit_socket(conn, None, token, "monitor", self.settings)
        if principal.user_id != admitted.principal.user_id:
            raise Forbidden("The token belongs to another user.")
        _check_exam(principal, admitted.opening)
        return principal

    def abandon(self, admitting: asyncio.Task[AdmittedCandidate], cause: str) -> None:
        """Record the end of the connection that an abandoned hello has opened, if it has."""
        if not admitting.cancelled() and admitting.exception() is None:
            self.close_log.put(admitting.result().opening, cause)


async def _list_pending(conn: AsyncConnection, opening: OpenedConnection) -> list[Instruct]:
    if not opening.has_instructions:
        return []
    return (await instructions.list_pending(conn, [opening.attempt_id])).get(opening.attempt_id, [])


def _check_exam(principal: Principal, opening: OpenedConnection) -> None:
    if not principal.may_take(opening.exam_id):
        raise Forbidden("Your sign-in is valid only for another exam.")


def make_welcome(admitted: AdmittedCandidate, window: Window, keys: Keys) -> Welcome:
    """Build the welcome of an admitted candidate: where to continue, the limits, and the keys of its queue."""
    opening = admitted.opening
    owner = admitted.principal
    upload = tokens.make_upload_claims(
        owner.user_id, opening.attempt_id, owner.session, now_ms=opening.server_ms, closes_ms=opening.closes_ms
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
        auth_until=admitted.principal.auth_until,
        queue_key=tokens.derive_queue_key(opening.attempt_id, keys.data),
        upload_token=tokens.sign(upload, keys),
        mac=AckProof(opening.attempt_id, keys.data).make(opening.stream_id, opening.committed),
        last=opening.last,
    )
