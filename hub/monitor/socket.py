"""Stage 1 of 9: one candidate's socket: reads frames, sends acknowledgements (docs/path-of-an-event.md).

Carries out the effects of `session.py` and decides nothing itself. After the hello the handler always waits in
`receive()`: a server that stops reading does not see pongs either, and would close a healthy connection.
"""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from uuid import UUID

import structlog
from litestar import websocket
from litestar.di import NamedDependency

from db.errors import AWAY, RequestError
from db.queries.connections.connections import OpenedConnection, SocketKey
from hub import metrics, sockets
from hub.auth.guards import Principal, attempt_place
from hub.errors import OverQuota, close_code_of
from hub.handshake import needs_ticket
from hub.ingest.batcher import BatchResult, Offer, PendingBatch, Stored
from hub.monitor.ack_proof import AckProof
from hub.monitor.admission import Admission, AdmittedCandidate, make_welcome
from hub.monitor.close_log import PEER_GONE
from hub.monitor.fair_share import FairShare
from hub.monitor.session import CandidateSession, Close, Compare, Effect, Open, Phase, RecordResult, Renew, Send, Store
from hub.server.hello_queue import TooManyHellos
from protocol.codec import Encoding, decode_candidate, encode
from protocol.codes import CloseCode, ErrorCode
from protocol.errors import ProtocolError
from protocol.events import Batch, Entry
from protocol.limits import Window
from protocol.monitor import Ack, Attempt, Error, Hello, HubFrame, Instruct, Rotate

log = structlog.get_logger(__name__)


class CandidateSocket:
    """One candidate's connection."""

    def __init__(self, admission: Admission, socket: sockets.Socket, encoding: Encoding) -> None:
        self._admission = admission
        self._timing = admission.timing
        self._socket = socket
        self._encoding = encoding
        self._session = CandidateSession(sockets.steady_ms(), self._timing.session)
        self._outbox = sockets.Outbox(self._timing.outbox_bytes)
        self._hello: Hello | None = None
        self._admitted: AdmittedCandidate | None = None
        self._key: SocketKey | None = None
        self._proof: AckProof | None = None
        self._sender = asyncio.create_task(self._send_all(), name="candidate-sender")
        self._closer: asyncio.Task[None] | None = None
        self._close_recorded: asyncio.Future[None] | None = None
        self._code: CloseCode | None = None
        self._is_gone = False
        self._is_offered = False
        self._offered_s = 0.0
        self._fair_share = FairShare()
        self._counted_bytes = 0

    @property
    def opening(self) -> OpenedConnection:
        """The connection that the hello opened, once it is accepted."""
        assert self._admitted is not None
        return self._admitted.opening

    @property
    def attempt_id(self) -> UUID:
        """The attempt, once the hello is accepted."""
        return self.opening.attempt_id

    @property
    def socket_key(self) -> SocketKey:
        """The generation of this connection, and its current sign-in."""
        assert self._key is not None
        return self._key

    @property
    def attempt(self) -> Attempt | None:
        """The state of the attempt that the client knows."""
        return self._session.attempt

    async def run(self) -> None:
        """Read frames until the socket is gone, then clean up."""
        self._admission.registry.add(self)
        try:
            while (data := await sockets.receive(self._socket)) is not None:
                began = time.perf_counter()
                self._take(data)
                took_s = time.perf_counter() - began
                if self._hello is not None:
                    hello, self._hello = self._hello, None
                    await self._open(hello)
                if (pause_s := self._fair_share.spend(len(data), took_s)) is not None:
                    await asyncio.sleep(pause_s)
        except Exception:
            log.exception("candidate socket failed")
            self.close(CloseCode.INTERNAL)
        finally:
            await asyncio.shield(self._leave())

    # The registry and the drain call these; each returns at once.

    def close(self, code: CloseCode) -> None:
        """Close for a reason outside the session."""
        self._carry_out(self._session.close(code))

    def update_attempt(self, attempt: Attempt) -> None:
        """Send the attempt's status if it has changed."""
        self._carry_out(self._session.update_attempt(attempt))

    def instruct(self, pending: Sequence[Instruct]) -> None:
        """Send the pending instructions that are due."""
        self._carry_out(self._session.instruct(pending))

    def set_window(self, window: Window) -> None:
        """Change how much the client may have unacknowledged."""
        self._carry_out(self._session.set_window(window))

    def drain(self, in_ms: int) -> None:
        """Tell the client that this hub shuts down."""
        self._carry_out(self._session.drain(in_ms))

    def retire(self) -> None:
        """Store what was accepted, then close: this hub shuts down."""
        self._carry_out(self._session.retire(sockets.steady_ms()))

    def tick(self, now_ms: int) -> None:
        """Check the deadlines of the session."""
        effects = self._session.tick(now_ms)
        if effects:
            self._carry_out(effects)

    def _take(self, data: sockets.Frame) -> None:
        now = sockets.steady_ms()
        try:
            frame = decode_candidate(data, self._encoding)
        except ProtocolError as error:
            self._carry_out(self._session.receive_invalid(error, now))
            return
        self._carry_out(self._session.receive(frame, now, wall_ms=sockets.now_ms()))

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(frame):
                    self._send(frame)
                case Store(batch):
                    self._store(batch)
                case Open(hello):
                    self._hello = hello
                case RecordResult(done):
                    self._admission.results.put(self.attempt_id, done)
                case Compare(entries):
                    self._compare(entries)
                case Renew(token):
                    self._admission.tasks.start(self._renew(token))
                case Close(code):
                    self._code = code
                    self._closer = asyncio.create_task(self._close(code), name="candidate-closer")
        self._update_budget()

    def _send(self, frame: HubFrame) -> None:
        match frame:
            case Ack(seq, rejected, _):
                for event in rejected:
                    metrics.EVENTS_REJECTED.labels(code=event.code).inc()
                self._admission.presence.stored(self.opening, seq, sockets.now_ms())
            case Rotate():
                metrics.ROTATIONS.inc()
        if self._closer is not None or self._is_gone:
            return
        if isinstance(frame, Ack):
            assert self._proof is not None
            frame = Ack(frame.seq, frame.rejected, self._proof.make(self.opening.stream_id, frame.seq))
        if not self._outbox.put(encode(frame, self._encoding)):
            self._outbox.clear()
            self.close(CloseCode.TOO_SLOW)

    def _store(self, batch: Batch) -> None:
        self._offered_s = time.perf_counter()
        pending = PendingBatch(self.attempt_id, self.opening.stream_id, batch, self._on_batch_result)
        wait_ms = self._admission.quota_wait_ms(self.attempt_id)
        if wait_ms:
            self._carry_out(self._session.over_quota(sockets.steady_ms(), wait_ms))
            return
        self._is_offered = self._admission.offer(pending) is Offer.TAKEN
        if not self._is_offered:
            self._carry_out(self._session.held(sockets.steady_ms()))

    def _compare(self, entries: Sequence[Entry]) -> None:
        self._admission.duplicates.put(self.attempt_id, self.opening.stream_id, entries)

    def _on_batch_result(self, result: BatchResult) -> None:
        self._is_offered = False
        if isinstance(result, Stored):
            metrics.ACK_SECONDS.observe(time.perf_counter() - self._offered_s)
            self._carry_out(self._session.stored(result.refused))
        else:
            self._carry_out(self._session.given_up())

    async def _open(self, hello: Hello) -> None:
        try:
            async with self._admission.hellos.turn():
                if self._is_wanted():
                    self._enter(await self._admit(hello))
        except TooManyHellos as error:
            refusal = Error(ErrorCode.BUSY, str(error), error.wait_ms)
            self._carry_out([Send(refusal), *self._session.close(CloseCode.OVERLOADED)])
        except AWAY as error:
            log.warning("hello not answered", error=type(error).__name__)
            self.close(CloseCode.OVERLOADED)
        except OverQuota as error:
            refusal = Error(ErrorCode.QUOTA, str(error), error.wait_ms)
            self._carry_out([Send(refusal), *self._session.close(close_code_of(error))])
        except RequestError as error:
            self.close(close_code_of(error))

    async def _admit(self, hello: Hello) -> AdmittedCandidate:
        """Check the hello. A transaction that has begun is finished even if the client does not wait for it."""
        by_ticket_only = needs_ticket(self._socket.headers)
        place = attempt_place(self._socket, hello.attempt_id, self._admission.settings.keys.data)
        admitting = self._admission.tasks.start(
            self._admission.admit(hello, self._is_wanted, place=place, by_ticket_only=by_ticket_only)
        )
        try:
            async with asyncio.timeout(self._timing.open_s):
                return await asyncio.shield(admitting)
        except BaseException:
            admitting.add_done_callback(partial(self._admission.abandon, cause=self._cause()))
            raise

    def _is_wanted(self) -> bool:
        """Return whether the client still waits for the welcome."""
        return self._session.phase is Phase.OPENING and not sockets.is_gone(self._socket)

    def _enter(self, admitted: AdmittedCandidate) -> None:
        self._admitted = admitted
        self._key = _key_of(admitted, admitted.principal)
        sockets.admit(self._socket)
        self._proof = AckProof(self.attempt_id, self._admission.settings.keys.data)
        self._admission.registry.register(self)
        self._admission.presence.opened(self.opening, sockets.now_ms())
        if admitted.hub_id != self._admission.lease.hub_id:
            # The lease was lost in the meantime: under the old id, the end of this connection would not be recorded.
            self.close(CloseCode.INTERNAL)
        welcome = make_welcome(admitted, self._admission.registry.window, self._admission.settings.keys)
        self._carry_out(self._session.opened(welcome, admitted.pending))

    async def _renew(self, token: str) -> None:
        assert self._admitted is not None
        try:
            self._key = _key_of(self._admitted, await self._admission.renew(token, self._admitted))
        except AWAY as error:
            # The current sign-in stays valid.
            log.warning("token not checked", error=type(error).__name__)
        except RequestError as error:
            code = close_code_of(error)
            name = ErrorCode.FORBIDDEN if code is CloseCode.FORBIDDEN else ErrorCode.UNAUTHENTICATED
            self._carry_out([Send(Error(name, str(error))), *self._session.close(code)])
        except Exception:
            log.exception("token not checked")
            self.close(CloseCode.INTERNAL)
        self._carry_out(self._session.renewed())

    async def _send_all(self) -> None:
        while (frame := await self._outbox.get()) is not None:
            if not await sockets.send(self._socket, frame):
                return

    async def _close(self, code: CloseCode) -> None:
        """Close the socket; frames that are queued already are sent first, for a limited time."""
        self._outbox.finish()
        await asyncio.wait((self._sender,), timeout=self._timing.send_rest_s)
        if code is CloseCode.DRAINING and self._admitted is not None:
            # Before its client connects to another hub: that would record the close with another cause.
            await asyncio.wait((self._record_close(),), timeout=self._timing.record_s)
        await sockets.close(self._socket, code)

    def _record_close(self) -> "asyncio.Future[None]":
        if self._close_recorded is None:
            self._close_recorded = self._admission.close_log.put(self.opening, self._cause())
        return self._close_recorded

    def _cause(self) -> str:
        """Return the cause to record: `drain` when the hub shuts down, else the name of the close code."""
        if self._code is CloseCode.DRAINING or sockets.was_shut_down(self._socket):
            return "drain"
        return PEER_GONE if self._code is None else self._code.reason

    async def _leave(self) -> None:
        if self._closer is not None:
            await self._closer
        self._sender.cancel()
        self._is_gone = True
        metrics.SOCKET_CLOSES.labels(kind="monitor", code=PEER_GONE if self._code is None else self._code.reason).inc()
        if self._admitted is not None:
            self._admission.registry.unregister(self)
            self._admission.presence.closed(self.opening, sockets.now_ms())
            self._record_close()
        self._update_budget()

    def _update_budget(self) -> None:
        """Count the outstanding bytes in the budget; forget the socket when it is gone and nothing is outstanding."""
        is_dropped = self._session.phase is Phase.CLOSED and not self._is_offered
        held_bytes = 0 if is_dropped else self._session.outstanding_bytes
        if held_bytes != self._counted_bytes:
            self._admission.budget.move(held_bytes - self._counted_bytes)
            self._counted_bytes = held_bytes
        if self._is_gone and held_bytes == 0:
            self._admission.registry.remove(self)


def _key_of(admitted: AdmittedCandidate, principal: Principal) -> SocketKey:
    return SocketKey(admitted.opening.generation, principal.session)


@websocket("/ws/monitor", summary="The candidate's socket")
async def monitor_socket(socket: sockets.Socket, candidates: NamedDependency[Admission]) -> None:
    """Serve one candidate's client, from handshake to close."""
    encoding = await sockets.accept(socket)
    if encoding is None:
        return
    metrics.SOCKETS.labels(kind="monitor").inc()
    try:
        await CandidateSocket(candidates, socket, encoding).run()
    finally:
        metrics.SOCKETS.labels(kind="monitor").dec()
