"""Events by HTTP requests instead of a socket: each request is one short session; beside stages 1 to 5 of the path.

The rules are those of `session.py`. A request starts where its stream ends in PostgreSQL, and its batch is stored like
all others. Acknowledges nothing before COMMIT, and keeps nothing between two requests.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from db import answer_columns
from db.errors import BadRequest, Forbidden, NotFound
from db.queries.attempts import places
from db.queries.connections import connections, http_connections
from db.queries.connections.http_connections import Target
from db.queries.console import instructions
from hub import metrics, sockets
from hub.auth.guards import Bearer, Principal
from hub.errors import Busy, Disconnected, Full, Gap, OverQuota, Superseded
from hub.ingest.batcher import BatchResult, GivenUp, Offer, PendingBatch
from hub.monitor.ack_proof import AckProof
from hub.monitor.admission import Admission, AdmittedCandidate
from hub.monitor.session import OVER_QUOTA, CandidateSession, Close, Compare, Effect, RecordResult, Send, Store
from protocol.codec import Delivered, Received
from protocol.codes import CloseCode
from protocol.events import Batch
from protocol.limits import Window
from protocol.monitor import Ack, Attempt, Error, Hello, Instruct, Rejected


class Taken(msgspec.Struct, frozen=True):
    """Response to delivered events: the stream is stored up to `seq`. Also the window, status and instructions now.

    `mac` proves that `seq` was acknowledged: send it in the next `POST /monitor/streams` as `acked_mac`.
    """

    seq: int
    rejected: list[Rejected]
    window: Window
    instructions: list[Instruct]
    attempt: Attempt
    mac: str


async def begin(
    admission: Admission, hello: Hello, principal: Principal, *, place: str | None = None
) -> AdmittedCandidate:
    """Open a connection by requests, as a hello opens a socket's. Raises BadRequest, and like `Admission.admit`."""
    for effect in CandidateSession(0).receive(hello, 0):
        if isinstance(effect, Send) and isinstance(effect.frame, Error):
            raise BadRequest(effect.frame.detail)
    return await admission.admit_by_requests(hello, principal, place)


async def deliver(
    admission: Admission, bearer: Bearer, delivered: Delivered, *, place_of: Callable[[UUID], str]
) -> Taken:
    """Take delivered frames as a session does, and wait until they are stored.

    `place_of` returns the place of the request for an attempt; answers from a second place are recorded.

    Raises Gap; Full when there is no room now, and OverQuota when the attempt has sent too much; Superseded or
    Disconnected when a newer connection has replaced this one or it has ended; BadRequest, Busy, NotFound, Forbidden
    and Ended as for a hello.
    """
    async with admission.engine.begin() as conn:
        target = await http_connections.find_target(conn, delivered.stream, bearer.student_id)
        _check(bearer, target)
        if bearer.principal is not None:
            await http_connections.record_request(conn, target.attempt_id, delivered.stream)
        pending = (await instructions.list_pending(conn, [target.attempt_id])).get(target.attempt_id, [])
        refused_before = await _refused_before(conn, delivered, target)
        if _has_answers(delivered):
            await places.record_answers(conn, target.attempt_id, place_of(target.attempt_id))
    session, rejected = await _Delivery(admission, target, delivered).run()
    finished = {done.id for done in delivered.done}
    return Taken(
        seq=session.committed,
        rejected=sorted({event.seq: event for event in (*refused_before, *rejected)}.values(), key=lambda e: e.seq),
        window=admission.registry.window,
        instructions=[instruction for instruction in pending if instruction.id not in finished],
        attempt=target.attempt,
        mac=AckProof(target.attempt_id, admission.settings.keys.data).make(delivered.stream, session.committed),
    )


class _Delivery:
    """One delivery: runs its frames through a session and carries out the effects."""

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
                effects = [*effects[1:], *await self._carry_out(effects[0])]
        finally:
            self._admission.budget.move(-size)
        return self._session, self._rejected

    def _raise_fault(self, effects: Sequence[Effect]) -> None:
        """Refuse what would close a socket, before any of it is stored."""
        code = next((effect.code for effect in effects if isinstance(effect, Close)), None)
        if code is None:
            return
        details = [
            effect.frame.detail for effect in effects if isinstance(effect, Send) and isinstance(effect.frame, Error)
        ]
        if code is CloseCode.GAP:
            raise Gap(details[-1], self._session.committed)
        raise BadRequest(details[-1])

    async def _carry_out(self, effect: Effect) -> list[Effect]:
        match effect:
            case Store(batch):
                return await self._store(batch)
            case Compare(entries):
                self._admission.duplicates.put(self._target.attempt_id, self._delivered.stream, entries)
            case RecordResult(done):
                self._admission.results.put(self._target.attempt_id, done)
            case Send(Ack(_, rejected, _)):
                for event in rejected:
                    metrics.EVENTS_REJECTED.labels(code=event.code).inc()
                self._rejected += rejected
        return []

    async def _store(self, batch: Batch) -> list[Effect]:
        reported: asyncio.Future[BatchResult] = asyncio.get_running_loop().create_future()

        def on_result(result: BatchResult) -> None:
            if not reported.done():
                reported.set_result(result)

        if not self._admission.registry.window.events:
            raise Full("The hub cannot store more events right now. Try again in a moment.")
        began = time.perf_counter()
        pending = PendingBatch(self._target.attempt_id, self._delivered.stream, batch, on_result)
        if wait_ms := self._admission.quota_wait_ms(pending.attempt_id):
            raise OverQuota(OVER_QUOTA, wait_ms)
        if self._admission.offer(pending) is Offer.FULL:
            raise Full("Too many events are waiting to be stored. Try again in a moment.")
        result = await reported
        if isinstance(result, GivenUp):
            raise Busy("The events could not be stored in time. Send them again.")
        metrics.ACK_SECONDS.observe(time.perf_counter() - began)
        return self._session.stored(result.refused)


async def _refused_before(conn: AsyncConnection, delivered: Delivered, target: Target) -> list[Rejected]:
    """Return which of these numbers were refused earlier: the response to that delivery may have been lost."""
    batch = delivered.batch
    if batch is None or batch.first_seq > target.committed:
        return []
    found = await connections.read_rejected(conn, delivered.stream, batch.first_seq - 1, target.committed)
    return [event for event in found if event.seq <= batch.last_seq]


def _has_answers(delivered: Delivered) -> bool:
    batch = delivered.batch
    return batch is not None and any(entry.type in answer_columns.TYPES for entry in batch.entries)


def _check(bearer: Bearer, target: Target) -> None:
    """Raise unless this bearer may deliver to this stream now; an upload token may beside a newer connection."""
    if bearer.principal is None:
        if bearer.attempt_id != target.attempt_id:
            raise NotFound("The token is valid only for another attempt.")
    elif not bearer.principal.may_take(target.exam_id):
        raise Forbidden("Your sign-in is valid only for another exam.")
    elif target.is_superseded:
        raise Superseded("A newer connection of this attempt has taken over.")
    elif not target.is_connected:
        raise Disconnected("The connection has ended. Open another one: POST /monitor/streams")
    if target.is_closed:
        raise Disconnected("The stream is closed. Its queue continues in another stream.")
