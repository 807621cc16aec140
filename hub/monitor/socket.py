"""Stage 1 of 9: one candidate's bytes arrive; acknowledgements and instructions leave (docs/path-of-an-event.md).

A thin shell around `session.py`: it carries effects out and decides nothing. Once the hello is answered, the handler
always sits in `receive()`: a server that stops reading also stops seeing pongs, and would cut a healthy client.
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
from hub.auth.guards import Principal
from hub.errors import close_code_of
from hub.handshake import needs_ticket
from hub.ingest.batcher import BatchResult, Offer, PendingBatch, Stored
from hub.monitor.admission import GONE, Admission, AdmittedCandidate, make_welcome
from hub.monitor.fair_share import FairShare
from hub.monitor.session import CandidateSession, Close, Compare, Effect, Open, Phase, RecordResult, Renew, Send, Store
from protocol.codec import Encoding, decode_candidate, encode
from protocol.codes import CloseCode, ErrorCode
from protocol.errors import ProtocolError
from protocol.events import Batch, Entry
from protocol.limits import Window
from protocol.monitor import Ack, Attempt, Error, Hello, HubFrame, Instruct, Rotate

log = structlog.get_logger(__name__)

OUTBOX_BYTES = 256 * 1024
FLUSH_S = 5.0
"""How long frames may still leave before a close code overtakes them."""

OPEN_S = 10.0
"""How long a hello may wait for PostgreSQL before its client is told to come again."""

RECORD_S = 2.0
"""How long a drained socket may wait for the record of its end: its client comes back at once, elsewhere."""


class CandidateSocket:
    """One candidate's connection."""

    def __init__(self, admission: Admission, socket: sockets.Socket, encoding: Encoding) -> None:
        self._admission = admission
        self._socket = socket
        self._encoding = encoding
        self._session = CandidateSession(sockets.steady_ms())
        self._outbox = sockets.Outbox(OUTBOX_BYTES)
        self._hello: Hello | None = None
        self._entrance: AdmittedCandidate | None = None
        self._principal: Principal | None = None
        self._sender = asyncio.create_task(self._send_all(), name="candidate-sender")
        self._closer: asyncio.Task[None] | None = None
        self._farewell: asyncio.Future[None] | None = None
        self._code: CloseCode | None = None
        self._is_gone = False
        self._is_offered = False
        self._offered_s = 0.0
        self._turn = FairShare()
        self._counted_bytes = 0

    @property
    def opening(self) -> OpenedConnection:
        """What the hello opened, once it was accepted."""
        assert self._entrance is not None
        return self._entrance.opening

    @property
    def attempt_id(self) -> UUID:
        """The attempt, once the hello was accepted."""
        return self.opening.attempt_id

    @property
    def standing(self) -> SocketKey:
        """Which connection of the attempt this is, and by which sign-in it stands now."""
        assert self._principal is not None
        return SocketKey(self.opening.generation, self._principal.session)

    async def run(self) -> None:
        """Read frames until the socket is gone, and leave nothing of it behind."""
        self._admission.registry.arrive(self)
        try:
            while (data := await sockets.receive(self._socket)) is not None:
                began = time.perf_counter()
                self._take(data)
                took_s = time.perf_counter() - began
                if self._hello is not None:
                    hello, self._hello = self._hello, None
                    await self._open(hello)
                if (pause_s := self._turn.spend(len(data), took_s)) is not None:
                    await asyncio.sleep(pause_s)
        except Exception:
            log.exception("candidate socket failed")
            self.close(CloseCode.INTERNAL)
        finally:
            await asyncio.shield(self._leave())

    # The roll and the drain call these; each returns at once.

    def close(self, code: CloseCode) -> None:
        """Close for a reason from outside."""
        self._perform(self._session.close(code))

    def change(self, attempt: Attempt) -> None:
        """Tell how the attempt stands, if that has changed."""
        self._perform(self._session.change(attempt))

    def instruct(self, waiting: Sequence[Instruct]) -> None:
        """Pass on what is still to be asked."""
        self._perform(self._session.instruct(waiting))

    def resize(self, window: Window) -> None:
        """Change how much the client may have unacknowledged."""
        self._perform(self._session.resize(window))

    def drain(self, in_ms: int) -> None:
        """Tell the client that this hub is going away."""
        self._perform(self._session.drain(in_ms))

    def retire(self) -> None:
        """Have what was taken stored, then close: the hub is going away."""
        self._perform(self._session.retire(sockets.steady_ms()))

    def tick(self, now_ms: int) -> None:
        """Let time pass."""
        self._perform(self._session.tick(now_ms))

    def _take(self, data: sockets.Frame) -> None:
        now = sockets.steady_ms()
        try:
            frame = decode_candidate(data, self._encoding)
        except ProtocolError as error:
            self._perform(self._session.refuse(error, now))
            return
        self._perform(self._session.receive(frame, now, wall_ms=sockets.now_ms()))

    def _perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(frame):
                    self._send(frame)
                case Store(batch):
                    self._store(batch)
                case Open(hello):
                    self._hello = hello
                case RecordResult(done):
                    self._admission.answers.put(self.attempt_id, done)
                case Compare(entries):
                    self._compare(entries)
                case Renew(token):
                    self._admission.tasks.start(self._renew(token))
                case Close(code):
                    self._code = code
                    self._closer = asyncio.create_task(self._close(code), name="candidate-closer")
        self._settle()

    def _send(self, frame: HubFrame) -> None:
        match frame:
            case Ack(seq, rejected):
                for one in rejected:
                    metrics.EVENTS_REJECTED.labels(code=one.code).inc()
                self._admission.presence.stored(self.opening, seq, sockets.now_ms())
            case Rotate():
                metrics.ROTATIONS.inc()
        if self._closer is not None or self._is_gone:
            return
        if not self._outbox.put(encode(frame, self._encoding)):
            self._outbox.clear()
            self.close(CloseCode.TOO_SLOW)

    def _store(self, batch: Batch) -> None:
        self._offered_s = time.perf_counter()
        work = PendingBatch(self.attempt_id, self.opening.stream_id, batch, self._told)
        self._is_offered = self._admission.ingest.offer(work) is Offer.TAKEN
        if not self._is_offered:
            self._perform(self._session.held(sockets.steady_ms()))

    def _compare(self, entries: Sequence[Entry]) -> None:
        self._admission.resends.put(self.attempt_id, self.opening.stream_id, entries)

    def _told(self, fate: BatchResult) -> None:
        self._is_offered = False
        if isinstance(fate, Stored):
            metrics.ACK_SECONDS.observe(time.perf_counter() - self._offered_s)
            self._perform(self._session.stored(fate.refused))
        else:
            self._perform(self._session.given_up())

    async def _open(self, hello: Hello) -> None:
        try:
            async with self._admission.take_turn():
                if self._is_wanted():
                    self._enter(await self._ask_in(hello))
        except AWAY as error:
            log.warning("hello not answered", error=type(error).__name__)
            self.close(CloseCode.OVERLOADED)
        except RequestError as error:
            self.close(close_code_of(error))

    async def _ask_in(self, hello: Hello) -> AdmittedCandidate:
        """Have the hello checked; what PostgreSQL has begun is ended, whether or not it is waited for."""
        by_ticket_only = needs_ticket(self._socket.headers)
        entering = self._admission.tasks.start(
            self._admission.enter(hello, self._is_wanted, by_ticket_only=by_ticket_only)
        )
        try:
            async with asyncio.timeout(OPEN_S):
                return await asyncio.shield(entering)
        except BaseException:
            entering.add_done_callback(partial(self._admission.abandon, cause=self._cause()))
            raise

    def _is_wanted(self) -> bool:
        """Whether somebody still waits for the hello's answer."""
        return self._session.phase is Phase.OPENING and not sockets.is_gone(self._socket)

    def _enter(self, entrance: AdmittedCandidate) -> None:
        self._entrance, self._principal = entrance, entrance.principal
        self._admission.registry.enter(self)
        self._admission.presence.opened(self.opening, sockets.now_ms())
        if entrance.hub_id != self._admission.lease.hub_id:
            # Opened in the name of a hub that was given up meanwhile: the record would never learn of its end.
            self.close(CloseCode.INTERNAL)
        welcome = make_welcome(entrance, self._admission.registry.window, self._admission.settings.jwt_secret)
        self._perform(self._session.opened(welcome, entrance.waiting))

    async def _renew(self, token: str) -> None:
        assert self._entrance is not None
        try:
            self._principal = await self._admission.renew(token, self._entrance)
        except AWAY as error:
            # The sign-in that stands is as good as before.
            log.warning("token not checked", error=type(error).__name__)
        except RequestError as error:
            code = close_code_of(error)
            name = ErrorCode.FORBIDDEN if code is CloseCode.FORBIDDEN else ErrorCode.UNAUTHENTICATED
            self._perform([Send(Error(name, str(error))), *self._session.close(code)])
        except Exception:
            log.exception("token not checked")
            self.close(CloseCode.INTERNAL)
        self._perform(self._session.renewed())

    async def _send_all(self) -> None:
        while (frame := await self._outbox.get()) is not None:
            if not await sockets.send(self._socket, frame):
                return

    async def _close(self, code: CloseCode) -> None:
        """Let what was said before leave first, but not for ever."""
        self._outbox.finish()
        await asyncio.wait((self._sender,), timeout=FLUSH_S)
        if code is CloseCode.DRAINING and self._entrance is not None:
            # Before its client can say hello elsewhere: that would close the connection under another name.
            await asyncio.wait((self._say_farewell(),), timeout=RECORD_S)
        await sockets.close(self._socket, code)

    def _say_farewell(self) -> "asyncio.Future[None]":
        if self._farewell is None:
            self._farewell = self._admission.close_log.put(self.opening, self._cause())
        return self._farewell

    def _cause(self) -> str:
        """What the record is told: a hub that goes away says `drain`, every other close the name of its code."""
        if self._code is CloseCode.DRAINING or sockets.was_shut_down(self._socket):
            return "drain"
        return GONE if self._code is None else self._code.reason

    async def _leave(self) -> None:
        if self._closer is not None:
            await self._closer
        self._sender.cancel()
        self._is_gone = True
        metrics.SOCKET_CLOSES.labels(kind="monitor", code=GONE if self._code is None else self._code.reason).inc()
        if self._entrance is not None:
            self._admission.registry.leave(self)
            self._admission.presence.closed(self.opening, sockets.now_ms())
            self._say_farewell()
        self._settle()

    def _settle(self) -> None:
        """Keep the budget; what was taken is still stored after the peer has left, and then this is gone for good."""
        is_dropped = self._session.phase is Phase.CLOSED and not self._is_offered
        held_bytes = 0 if is_dropped else self._session.outstanding_bytes
        if held_bytes != self._counted_bytes:
            self._admission.budget.move(held_bytes - self._counted_bytes)
            self._counted_bytes = held_bytes
        if self._is_gone and held_bytes == 0:
            self._admission.registry.depart(self)


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
