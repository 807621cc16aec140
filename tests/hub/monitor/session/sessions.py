"""Sessions to test with, and helpers that read their effects."""

from uuid import UUID

from hub.monitor.session import CandidateSession, Close, Effect, Send, Store
from protocol import limits, monitor
from protocol.attempts import AttemptStatus
from protocol.codes import CloseCode
from protocol.events import Batch, Entry

ID = UUID("0192f0c1-2d3e-7000-8000-000000000001")
HELLO = monitor.Hello(
    ticket="t", attempt_id=ID, boot=ID, acked=0, next_seq=1, client=monitor.Client("x", "1"), mono=5, at=6
)


def welcome(
    committed: int = 0, *, age_ms: int = 0, status: AttemptStatus = AttemptStatus.IN_PROGRESS
) -> monitor.Welcome:
    return monitor.Welcome(
        stream=ID,
        committed=committed,
        window=limits.Window(),
        limits=limits.Limits(),
        heartbeat_ms=limits.HEARTBEAT_MS,
        server_at=(ID.int >> 80) + age_ms,
        attempt=monitor.Attempt(status),
        auth_until=0,
    )


def batch(first: int, last: int, size: int = 10) -> Batch:
    return Batch(first, last, tuple(Entry(seq, "copy", 0, 0, "{}") for seq in range(first, last + 1)), size)


def opened(committed: int = 0, *, age_ms: int = 0) -> CandidateSession:
    session = CandidateSession(0)
    session.receive(HELLO, 0)
    session.opened(welcome(committed, age_ms=age_ms), [])
    return session


def closes(effects: list[Effect]) -> list[CloseCode]:
    return [effect.code for effect in effects if isinstance(effect, Close)]


def frames(effects: list[Effect]) -> list[monitor.HubFrame]:
    return [effect.frame for effect in effects if isinstance(effect, Send)]


def stores(effects: list[Effect]) -> list[tuple[int, int]]:
    return [(effect.batch.first_seq, effect.batch.last_seq) for effect in effects if isinstance(effect, Store)]
