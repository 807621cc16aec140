"""Candidates' clients of a real hub, frame by frame."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncEngine
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from db.models import ExamAttempt
from db.queries.accounts import credentials
from db.queries.console import instructions
from hub.auth import tokens
from hub.auth.keys import Keys
from hub.auth.tickets import draw_secret, hash_secret
from hub.monitor.admission import Admission
from hub.settings import HubSettings
from hub.sockets import now_ms
from hub.timing import Timing
from protocol import monitor
from protocol.attempts import OVER, AttemptStatus
from protocol.codec import Encoding, decode_to_candidate, encode
from protocol.events import Event
from protocol.roles import Role
from tests import factories
from tests.hub.conftest import MANY_HELLOS

_T = TypeVar("_T")
PATIENCE_S = 10.0


class Peer:
    """One socket to `/ws/monitor`."""

    def __init__(self, connection: ClientConnection, encoding: Encoding) -> None:
        self.connection = connection
        self.encoding = encoding
        self.acked_mac = ""
        """The proof of the last acknowledgement; acknowledgements are returned without theirs."""

    async def send(self, frame: Any) -> None:
        await self.connection.send(encode(frame, self.encoding))

    async def send_raw(self, data: str | bytes) -> None:
        await self.connection.send(data)

    async def receive(self, shape: type[_T]) -> _T:
        """The next frame, which must be of this shape."""
        async with asyncio.timeout(PATIENCE_S):
            frame = decode_to_candidate(await self.connection.recv(), self.encoding)
        assert isinstance(frame, shape), frame
        if isinstance(frame, monitor.Ack):
            self.acked_mac, frame = frame.mac, msgspec.structs.replace(frame, mac="")
        return frame

    async def closed(self) -> int:
        """Wait until the hub has closed the socket; return the code."""
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await self.connection.recv()
        assert self.connection.close_code is not None
        return self.connection.close_code


class CandidateClient:
    """One student's attempt, and any number of sockets to it."""

    def __init__(
        self, url: str, engine: AsyncEngine, secret: str, exam_id: UUID, attempt_id: UUID, student_id: UUID
    ) -> None:
        self.url = url.replace("http", "ws") + "/ws/monitor"
        self.secret = secret
        self.engine = engine
        self.exam_id = exam_id
        self.attempt_id = attempt_id
        self.student_id = student_id
        self.boot = uuid4()
        self.stack = contextlib.AsyncExitStack()
        self.session = uuid4()
        """The last sign-in."""

    async def sign_in(self, exam_id: UUID | None = None, user_id: UUID | None = None) -> UUID:
        self.session = uuid4()
        async with self.engine.begin() as conn:
            await credentials.open_session(
                conn,
                session=self.session,
                user_id=user_id or self.student_id,
                token_hash=hash_secret(draw_secret()),
                exam_id=exam_id,
            )
        return self.session

    async def revoke(self, session: UUID | None = None) -> None:
        async with self.engine.begin() as conn:
            await credentials.revoke_session(conn, session or self.session)

    async def set_status(self, status: AttemptStatus, *, ago_ms: int = 0) -> None:
        """Change the status of the attempt in PostgreSQL; `ago_ms` is how long ago it ended."""
        ended = func.now() - timedelta(milliseconds=ago_ms)
        values = {"status": status, "completed_at": ended if status in OVER else None}
        async with self.engine.begin() as conn:
            await conn.execute(update(ExamAttempt).where(ExamAttempt.id == self.attempt_id).values(**values))

    async def ticket(
        self, *, purpose: str = "monitor", exam_id: UUID | None = None, lifetime: timedelta = timedelta(seconds=30)
    ) -> str:
        secret, session = draw_secret(), await self.sign_in(exam_id)
        async with self.engine.begin() as conn:
            await credentials.issue_ticket(
                conn,
                ticket_hash=hash_secret(secret),
                user_id=self.student_id,
                session=session,
                purpose=purpose,
                lifetime=lifetime,
            )
        return secret

    @property
    def keys(self) -> Keys:
        return Keys((self.secret,), self.secret)

    async def token(self, *, user_id: UUID | None = None, left_ms: int = 600_000) -> str:
        """An access token of a new sign-in that expires in `left_ms`."""
        session = await self.sign_in(user_id=user_id)
        made_ms = now_ms() + left_ms - 1000 * tokens.LIFETIME_S
        claims = tokens.make_claims(user_id or self.student_id, Role.STUDENT, "Ada", session, now_ms=made_ms)
        return tokens.sign(claims, self.keys)

    async def connect(self, encoding: Encoding = Encoding.JSON, **options: Any) -> Peer:
        options = {"subprotocols": [Subprotocol(encoding)], "compression": None, "proxy": None} | options
        return Peer(await self.stack.enter_async_context(connect(self.url, **options)), encoding)

    async def hello(self, **changes: Any) -> monitor.Hello:
        if "ticket" not in changes and "token" not in changes:
            changes["ticket"] = await self.ticket()
        client = monitor.Client("test", "1")
        hello = monitor.Hello(
            attempt_id=self.attempt_id, boot=self.boot, acked=0, next_seq=1, client=client, mono=0, at=0
        )
        return msgspec.structs.replace(hello, **changes)

    async def enter(self, encoding: Encoding = Encoding.JSON, **hello: Any) -> tuple[Peer, monitor.Welcome]:
        peer = await self.connect(encoding)
        await peer.send(await self.hello(**hello))
        return peer, await peer.receive(monitor.Welcome)


def events(first: int, last: int, kind: str = "copy") -> monitor.Events:
    return monitor.Events(first, [Event(kind, 1_700_000_000_000, seq * 10) for seq in range(first, last + 1)])


@pytest.fixture
async def candidate(url: str, engine: AsyncEngine, settings: HubSettings) -> AsyncIterator[CandidateClient]:
    async with make_candidate(url, engine, settings) as candidate:
        yield candidate


@pytest.fixture
async def neighbor(url: str, engine: AsyncEngine, settings: HubSettings) -> AsyncIterator[CandidateClient]:
    """Another candidate at the same hub."""
    async with make_candidate(url, engine, settings) as candidate:
        yield candidate


@pytest.fixture
def admission(app: Litestar) -> Admission:
    """The admission of the hub."""
    provide: Any = app.dependencies["candidates"]
    admission: Admission = provide.dependency()
    return admission


@contextlib.asynccontextmanager
async def make_candidate(url: str, engine: AsyncEngine, settings: HubSettings) -> AsyncIterator[CandidateClient]:
    """A student with a running attempt. Leaving the context closes its sockets."""
    async with engine.begin() as conn:
        exam_id = await factories.make_exam(conn, await factories.make_user(conn, role=Role.TEACHER))
        student_id = await factories.make_user(conn)
        attempt_id = await factories.make_attempt(conn, exam_id, student_id)
    candidate = CandidateClient(url, engine, settings.jwt_secret, exam_id, attempt_id, student_id)
    async with candidate.stack:
        yield candidate


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Poll until something is true, for what sends no event."""
    async with asyncio.timeout(PATIENCE_S):
        while not await is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def with_timing(**changes: Any) -> pytest.MarkDecorator:
    """Give the hub of a test other intervals."""
    return pytest.mark.parametrize("timing", [Timing(**{"quotas": MANY_HELLOS} | changes)], ids=["timing"])


async def still_works(peer: Peer) -> None:
    """Check that this client's events are still stored and acknowledged; call it once per peer."""
    await peer.send(events(1, 3))
    assert await peer.receive(monitor.Ack) == monitor.Ack(3)


async def ask(candidate: CandidateClient, text: str) -> None:
    """Store an instruction: a teacher's message."""
    async with candidate.engine.begin() as conn:
        await instructions.issue_instructions(
            conn,
            candidate.exam_id,
            [candidate.attempt_id],
            action="message",
            body={"text": text},
            actor_id=candidate.student_id,
            command_id=uuid4(),
        )


async def polled_twice(candidate: CandidateClient, peer: Peer) -> None:
    """Wait until the hub has polled this candidate's status at least once from now on.

    One poll reads first the status and then the instructions, so the second instruction comes with a full poll.
    """
    for text_ in ("first", "second"):
        await ask(candidate, text_)
        assert (await peer.receive(monitor.Instruct)).body == {"text": text_}
