"""Stage 1 of 9: one candidate's bytes arrive; acknowledgements and instructions leave (docs/path-of-an-event.md).

A thin shell around `session.py`: it carries effects out and decides nothing. Once the hello is answered, the handler
always sits in `receive()`: a server that stops reading also stops seeing pongs, and would cut a healthy client.
"""

import asyncio
import time
from collections.abc import Sequence
from uuid import UUID

import msgspec
import structlog
from litestar import websocket
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import AWAY, NotFound
from db.queries import instructions, streams
from db.queries.streams import Opening
from hub import metrics, wire
from hub.auth.guards import Person, admit_socket, origin_allowed
from hub.errands import Errands
from hub.errors import Forbidden, HubError, close_code_of
from hub.ingest.batcher import Fate, Offer, Stored, Work
from hub.ingest.writer import Ingest
from hub.live.presence import Presence
from hub.monitor.answers import Answers
from hub.monitor.roll import Roll
from hub.monitor.session import Answer, Close, Effect, Open, Send, Session, Store
from hub.settings import HubSettings
from protocol.codec import Encoding, decode_candidate, encode
from protocol.codes import CloseCode
from protocol.errors import ProtocolError
from protocol.events import Batch
from protocol.limits import HEARTBEAT_MS, Limits, Window
from protocol.monitor import Ack, Attempt, Hello, HubFrame, Instruct, Welcome

log = structlog.get_logger(__name__)

OUTBOX_BYTES = 256 * 1024
FLUSH_S = 5.0
"""How long frames may still leave before a close code overtakes them."""

OPEN_S = 10.0
"""How long a hello may wait for PostgreSQL before its client is told to come again."""


class Entrance(msgspec.Struct, frozen=True):
    """An accepted hello: who it is, the stream to go on with, and what is still to be asked of the client."""

    person: Person
    opening: Opening
    waiting: list[Instruct]


class CandidateDoor:
    """Where candidates come in: what the sockets of this hub work with."""

    def __init__(
        self,
        settings: HubSettings,
        engine: AsyncEngine,
        ingest: Ingest,
        presence: Presence,
        roll: Roll,
        answers: Answers,
        errands: Errands,
        *,
        hub_id: UUID,
    ) -> None:
        self.settings = settings
        self.engine = engine
        self.ingest = ingest
        self.presence = presence
        self.roll = roll
        self.answers = answers
        self.errands = errands
        self.hub_id = hub_id

    async def enter(self, hello: Hello) -> Entrance:
        """Check who says hello and open the stream of its queue; what is still to be asked of it comes along.

        Raises HubError, NotFound, or what PostgreSQL and the network raise.
        """
        async with self.engine.begin() as conn:
            person = await admit_socket(conn, hello.ticket, hello.token, "monitor", self.settings)
            opening = await streams.open_connection(conn, hello, person.user_id, self.hub_id)
            if not person.may_sit(opening.exam_id):
                raise Forbidden("this sign-in is good for another exam")
            waiting = await instructions.pending(conn, [opening.attempt_id])
        return Entrance(person, opening, waiting.get(opening.attempt_id, []))

    def abandon(self, entering: asyncio.Task[Entrance]) -> None:
        """Nobody waits for this hello any more: if it still opens a connection, record that it ended."""
        if not entering.cancelled() and entering.exception() is None:
            self.errands.start(self.leave(entering.result().opening, "gone"))

    async def leave(self, opening: Opening, cause: str) -> None:
        """Record that a connection has ended, and why."""
        try:
            async with self.engine.begin() as conn:
                await streams.close_connection(conn, opening.attempt_id, opening.generation, cause)
        except AWAY as error:
            log.warning("close not recorded", attempt_id=str(opening.attempt_id), error=type(error).__name__)

    async def serve(self, socket: wire.Socket) -> None:
        """Take one candidate from handshake to close."""
        encoding = await wire.accept(socket)
        if encoding is None:
            return
        metrics.SOCKETS.labels(kind="monitor").inc()
        try:
            await CandidateSocket(self, socket, encoding).run()
        finally:
            metrics.SOCKETS.labels(kind="monitor").dec()


class CandidateSocket:
    """One candidate's connection."""

    def __init__(self, door: CandidateDoor, socket: wire.Socket, encoding: Encoding) -> None:
        self._door = door
        self._socket = socket
        self._encoding = encoding
        self._session = Session(wire.now_ms())
        self._outbox = wire.Outbox(OUTBOX_BYTES)
        self._hello: Hello | None = None
        self._opening: Opening | None = None
        self._sender = asyncio.create_task(self._send_all(), name="candidate-sender")
        self._closer: asyncio.Task[None] | None = None
        self._cause = "gone"
        self._instructed = 0
        self._offered_s = 0.0

    @property
    def attempt_id(self) -> UUID:
        """The attempt, once the hello was accepted."""
        assert self._opening is not None
        return self._opening.attempt_id

    @property
    def generation(self) -> int:
        """Which connection of the attempt this is; the highest wins."""
        assert self._opening is not None
        return self._opening.generation

    async def run(self) -> None:
        """Read frames until the socket is gone, and leave nothing of it behind."""
        self._door.roll.arrive(self)
        try:
            while (data := await wire.receive(self._socket)) is not None:
                self._take(data)
                if self._hello is not None:
                    hello, self._hello = self._hello, None
                    await self._open(hello)
        except Exception:
            log.exception("candidate socket failed")
            self._perform(self._session.close(CloseCode.INTERNAL))
        finally:
            await asyncio.shield(self._leave())

    def supersede(self) -> None:
        """Make room for a newer connection of the same attempt."""
        self._perform(self._session.close(CloseCode.SUPERSEDED))

    def instruct(self, waiting: Sequence[Instruct]) -> None:
        """Pass on those instructions that were not passed on yet."""
        new = [instruction for instruction in waiting if instruction.id > self._instructed]
        if new:
            self._instructed = new[-1].id
            self._perform(self._session.instruct(new))

    def tick(self, now_ms: int) -> None:
        """Let time pass."""
        self._perform(self._session.tick(now_ms))

    def _take(self, data: wire.Frame) -> None:
        now = wire.now_ms()
        try:
            frame = decode_candidate(data, self._encoding)
        except ProtocolError as error:
            self._perform(self._session.refuse(error, now))
            return
        if isinstance(frame, Batch) and self._opening is not None:
            self._door.presence.received(self.attempt_id, len(frame.entries), now)
        self._perform(self._session.receive(frame, now))

    def _perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(frame):
                    self._send(frame)
                case Store(batch):
                    self._store(batch)
                case Open(hello):
                    self._hello = hello
                case Answer(done):
                    self._door.answers.put(self.attempt_id, done)
                case Close(code):
                    self._cause = code.reason
                    self._closer = asyncio.create_task(self._close(code), name="candidate-closer")

    def _send(self, frame: HubFrame) -> None:
        if isinstance(frame, Ack):
            for rejected in frame.rejected:
                metrics.EVENTS_REJECTED.labels(code=rejected.code).inc()
        if self._closer is None and not self._outbox.put(encode(frame, self._encoding)):
            self._outbox.clear()
            self._perform(self._session.close(CloseCode.TOO_SLOW))

    def _store(self, batch: Batch) -> None:
        assert self._opening is not None
        self._offered_s = time.perf_counter()
        work = Work(self._opening.attempt_id, self._opening.stream_id, batch, self._told)
        if self._door.ingest.offer(work) is Offer.FULL:
            self._perform(self._session.held(wire.now_ms()))

    def _told(self, fate: Fate) -> None:
        if isinstance(fate, Stored):
            metrics.ACK_SECONDS.observe(time.perf_counter() - self._offered_s)
            self._perform(self._session.stored(fate.refused))
        else:
            self._perform(self._session.given_up())

    async def _open(self, hello: Hello) -> None:
        entering = self._door.errands.start(self._door.enter(hello))
        try:
            async with asyncio.timeout(OPEN_S):
                entrance = await asyncio.shield(entering)
        except NotFound:
            self._perform(self._session.close(CloseCode.FORBIDDEN))
        except HubError as error:
            self._perform(self._session.close(close_code_of(error)))
        except AWAY as error:
            log.warning("hello not answered", error=type(error).__name__)
            self._perform(self._session.close(CloseCode.OVERLOADED))
        else:
            self._enter(entrance)
        finally:
            if self._opening is None:
                entering.add_done_callback(self._door.abandon)

    def _enter(self, entrance: Entrance) -> None:
        self._opening = opening = entrance.opening
        self._door.roll.enter(self)
        self._door.presence.opened(opening.attempt_id, opening.exam_id, opening.ix, wire.now_ms())
        self._instructed = max((instruction.id for instruction in entrance.waiting), default=0)
        self._perform(self._session.opened(_welcome(opening, entrance.person), entrance.waiting))

    async def _send_all(self) -> None:
        while (frame := await self._outbox.get()) is not None:
            if not await wire.send(self._socket, frame):
                return

    async def _close(self, code: CloseCode) -> None:
        """Let what was said before leave first, but not for ever."""
        self._outbox.finish()
        await asyncio.wait((self._sender,), timeout=FLUSH_S)
        await wire.close(self._socket, code)

    async def _leave(self) -> None:
        self._door.roll.depart(self)
        if self._closer is not None:
            await self._closer
        self._sender.cancel()
        metrics.SOCKET_CLOSES.labels(kind="monitor", code=self._cause).inc()
        if self._opening is None:
            return
        self._door.roll.leave(self)
        self._door.presence.closed(self.attempt_id, wire.now_ms())
        self._door.errands.start(self._door.leave(self._opening, self._cause))


@websocket("/ws/monitor", summary="The candidate's socket")
async def monitor_socket(
    socket: wire.Socket, candidates: NamedDependency[CandidateDoor], settings: NamedDependency[HubSettings]
) -> None:
    """Serve one candidate's client; a foreign origin is refused before the handshake."""
    if not origin_allowed(socket.headers, settings):
        await socket.close()
        return
    await candidates.serve(socket)


def _welcome(opening: Opening, person: Person) -> Welcome:
    return Welcome(
        stream=opening.stream_id,
        committed=opening.committed,
        rejected=opening.rejected,
        window=Window(),
        limits=Limits(),
        heartbeat_ms=HEARTBEAT_MS,
        server_at=opening.server_ms,
        attempt=Attempt(opening.status, opening.deadline_ms),
        auth_until=person.auth_until,
    )
