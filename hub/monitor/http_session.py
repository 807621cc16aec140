"""Deliveries: what a candidate's frames would say on a socket, by requests; beside stages 1 to 5 of an event's path.

The law is the sessions' own (`session.py`): each request is one, begun where PostgreSQL says its stream stands, and
what it stores goes the way of all batches. Nothing is acknowledged before its COMMIT, and nothing is kept here between
two requests.
"""

import asyncio
import time
from collections.abc import Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import BadRequest, Forbidden, NotFound
from db.queries.connections import connections, http_connections
from db.queries.connections.http_connections import Target
from db.queries.console import instructions
from hub import metrics, sockets
from hub.auth.guards import Bearer, Principal
from hub.errors import Busy, Disconnected, Full, Gap, Superseded
from hub.ingest.batcher import BatchResult, GivenUp, Offer, PendingBatch
from hub.monitor.admission import Admission, AdmittedCandidate
from hub.monitor.session import CandidateSession, Close, Compare, Effect, RecordResult, Send, Store
from protocol.codec import Delivered, Received
from protocol.codes import CloseCode
from protocol.events import Batch
from protocol.limits import Window
from protocol.monitor import Ack, Attempt, Error, Hello, Instruct, Rejected


class Taken(msgspec.Struct, frozen=True):
    """What became of a delivery: all up to `seq` of its stream is stored, and what is to be done next."""

    seq: int
    rejected: list[Rejected]
    window: Window
    instructions: list[Instruct]
    attempt: Attempt


async def begin(admission: Admission, hello: Hello, principal: Principal) -> AdmittedCandidate:
    """Open a connection by requests, as a hello opens a socket's. Raises BadRequest, and as the door does."""
    for effect in CandidateSession(0).receive(hello, 0):
        if isinstance(effect, Send) and isinstance(effect.frame, Error):
            raise BadRequest(effect.frame.detail)
    return await admission.enter_by_requests(hello, principal)


async def deliver(admission: Admission, bearer: Bearer, delivered: Delivered) -> Taken:
    """Take a delivery as a session takes frames, and wait until it is stored.

    Raises Gap, Full when there is no room just now, Superseded or Disconnected when another has taken over, or the
    connection has ended; BadRequest, Busy, NotFound, Forbidden and Ended as for a hello.
    """
    async with admission.engine.begin() as conn:
        target = await http_connections.find_target(conn, delivered.stream, bearer.student_id)
        _check(bearer, target)
        if bearer.principal is not None:
            await http_connections.record_request(conn, target.attempt_id, delivered.stream)
        waiting = (await instructions.list_pending(conn, [target.attempt_id])).get(target.attempt_id, [])
        known = await _refused_before(conn, delivered, target)
    session, rejected = await _Delivery(admission, target, delivered).run()
    answered = {done.id for done in delivered.done}
    return Taken(
        seq=session.committed,
        rejected=sorted({one.seq: one for one in (*known, *rejected)}.values(), key=lambda one: one.seq),
        window=admission.registry.window,
        instructions=[one for one in waiting if one.id not in answered],
        attempt=target.attempt,
    )


class _Delivery:
    """One delivery on its way: a thin shell around a session, which carries its effects out one by one."""

    def __init__(self, admission: Admission, target: Target, delivered: Delivered) -> None:
        self._admission = admission
        self._target = target
        self._delivered = delivered
        self._session = CandidateSession.resumed(target.committed, sockets.steady_ms())
        self._rejected: list[Rejected] = []

    async def run(self) -> tuple[CandidateSession, list[Rejected]]:
        frames: list[Received | None] = [self._delivered.lost, self._delivered.batch, *self._delivered.done]
        effects: list[Effect] = []
        for frame in frames:
            if frame is not None:
                effects += self._session.receive(frame, sockets.steady_ms())
        self._raise_fault(effects)
        size = 0 if self._delivered.batch is None else self._delivered.batch.size
        self._admission.budget.move(size)
        try:
            while effects:
                effects = [*effects[1:], *await self._perform(effects[0])]
        finally:
            self._admission.budget.move(-size)
        return self._session, self._rejected

    def _raise_fault(self, effects: Sequence[Effect]) -> None:
        """Refuse what a session would close its socket for, before any of it is stored."""
        code = next((effect.code for effect in effects if isinstance(effect, Close)), None)
        if code is None:
            return
        said = [
            effect.frame.detail for effect in effects if isinstance(effect, Send) and isinstance(effect.frame, Error)
        ]
        if code is CloseCode.GAP:
            raise Gap(said[-1], self._session.committed)
        raise BadRequest(said[-1])

    async def _perform(self, effect: Effect) -> list[Effect]:
        match effect:
            case Store(batch):
                return await self._store(batch)
            case Compare(entries):
                self._admission.resends.put(self._target.attempt_id, self._delivered.stream, entries)
            case RecordResult(done):
                self._admission.answers.put(self._target.attempt_id, done)
            case Send(Ack(_, rejected)):
                for one in rejected:
                    metrics.EVENTS_REJECTED.labels(code=one.code).inc()
                self._rejected += rejected
        return []

    async def _store(self, batch: Batch) -> list[Effect]:
        told: asyncio.Future[BatchResult] = asyncio.get_running_loop().create_future()

        def tell(fate: BatchResult) -> None:
            if not told.done():
                told.set_result(fate)

        if not self._admission.registry.window.events:
            raise Full("The hub cannot store more events right now. Try again in a moment.")
        began = time.perf_counter()
        work = PendingBatch(self._target.attempt_id, self._delivered.stream, batch, tell)
        if self._admission.ingest.offer(work) is Offer.FULL:
            raise Full("Too many events are waiting to be stored. Try again in a moment.")
        fate = await told
        if isinstance(fate, GivenUp):
            raise Busy("The events could not be stored in time. Send them again.")
        metrics.ACK_SECONDS.observe(time.perf_counter() - began)
        return self._session.stored(fate.refused)


async def _refused_before(conn: AsyncConnection, delivered: Delivered, target: Target) -> list[Rejected]:
    """Which of a delivery's numbers were refused when they came before: its answer may have been lost."""
    batch = delivered.batch
    if batch is None or batch.first_seq > target.committed:
        return []
    found = await connections.read_rejected(conn, delivered.stream, batch.first_seq - 1, target.committed)
    return [one for one in found if one.seq <= batch.last_seq]


def _check(bearer: Bearer, target: Target) -> None:
    """Whether this bearer may deliver to this stream now; an upload token delivers whoever is connected meanwhile."""
    if bearer.principal is None:
        if bearer.attempt_id != target.attempt_id:
            raise NotFound("The token is valid only for another attempt.")
    elif not bearer.principal.may_sit(target.exam_id):
        raise Forbidden("Your sign-in is valid only for another exam.")
    elif target.is_superseded:
        raise Superseded("A newer connection of this attempt has taken over.")
    elif not target.is_connected:
        raise Disconnected("The connection has ended. Open another one: POST /monitor/streams")
    if target.is_closed:
        raise Disconnected("The stream is closed. Its queue continues in another stream.")
