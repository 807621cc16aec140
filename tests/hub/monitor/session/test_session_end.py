"""A session whose attempt has ended: its client gets the status, delivers its queue, and is closed."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hub.monitor.session import TIMES, CandidateSession, Close, Effect, Phase, Store
from protocol import limits, monitor
from protocol.attempts import OVER, AttemptStatus
from protocol.codes import CloseCode
from protocol.limits import Window
from tests.hub.monitor.session.sessions import HELLO, batch, closes, frames, opened, stores, welcome

ENDED = monitor.Attempt(AttemptStatus.ENDED, 99)
RUNNING = monitor.Attempt(AttemptStatus.IN_PROGRESS)
CHANGED = monitor.AttemptChanged(AttemptStatus.ENDED, 99)
MESSAGE = monitor.Instruct(id=1, action="end", issued_at=1, body={"reason": "it burns"})


def enter(
    *, next_seq: int, committed: int, pending: Sequence[monitor.Instruct] = (), previous: monitor.Previous | None = None
) -> tuple[CandidateSession, list[Effect]]:
    """A hello after the end."""
    session = CandidateSession(0)
    session.receive(msgspec.structs.replace(HELLO, next_seq=next_seq), 0)
    greeting = msgspec.structs.replace(welcome(committed, status=AttemptStatus.ENDED), previous=previous)
    return session, session.opened(greeting, pending)


def test_a_client_that_delivers_after_the_end_is_closed_also_if_the_clock_ticked_before_its_welcome() -> None:
    session = CandidateSession(0)
    assert session.tick(5) == []
    session.receive(msgspec.structs.replace(HELLO, next_seq=3), 10)
    assert session.tick(20) == []
    session.opened(welcome(0, status=AttemptStatus.ENDED), ())
    session.receive(batch(1, 2), 30)
    session.stored(())
    assert session.tick(30 + TIMES.quiet_ms - 1) == []
    assert closes(session.tick(30 + TIMES.quiet_ms)) == [CloseCode.ENDED]


@pytest.mark.parametrize("status", sorted(AttemptStatus))
def test_a_change_is_sent_once(status: AttemptStatus) -> None:
    session = opened()
    now = monitor.Attempt(status, 99, paused=status is AttemptStatus.PAUSED)
    assert frames(session.update_attempt(now)) == [monitor.AttemptChanged(status, 99, now.paused)]
    assert session.update_attempt(now) == []
    assert session.update_attempt(RUNNING) != []
    assert now.is_over == (status in OVER)


def test_the_status_of_the_welcome_is_not_sent_again() -> None:
    assert opened().update_attempt(RUNNING) == []


def test_no_status_is_sent_before_the_welcome_or_after_the_close() -> None:
    session = CandidateSession(0)
    assert session.update_attempt(ENDED) == []
    session.close(CloseCode.INTERNAL)
    assert session.update_attempt(ENDED) == []


def test_a_client_with_everything_acknowledged_is_closed_soon_after_the_end() -> None:
    session = opened(7)
    session.tick(50)
    assert frames(session.update_attempt(ENDED)) == [CHANGED]
    assert session.tick(50 + TIMES.quiet_ms - 1) == []
    assert session.tick(50 + TIMES.quiet_ms) == [Close(CloseCode.ENDED)]


def test_a_client_that_still_sends_stays_open() -> None:
    session = opened()
    session.update_attempt(ENDED)
    session.receive(batch(1, 2), TIMES.quiet_ms - 10)
    session.stored([])
    assert session.tick(TIMES.quiet_ms) == []
    session.receive(batch(3, 3), 2 * TIMES.quiet_ms - 20)
    assert session.tick(10 * TIMES.quiet_ms) == [], "its last batch is not stored yet"
    session.stored([])
    assert closes(session.tick(10 * TIMES.quiet_ms)) == [CloseCode.ENDED]


def test_a_client_that_never_stops_sending_is_closed_when_everything_is_stored() -> None:
    session = opened()
    session.update_attempt(ENDED)
    now = 0
    for seq in range(1, 1 + TIMES.linger_ms // 1_000):
        now = seq * 1_000
        assert session.tick(now - 1) == []
        session.receive(batch(seq, seq), now)
        session.stored([])
    assert closes(session.tick(now)) == [CloseCode.ENDED]


def test_a_client_with_an_empty_window_is_not_closed() -> None:
    session = opened()
    session.update_attempt(ENDED)
    session.set_window(Window(0, 0))
    assert session.tick(TIMES.quiet_ms) == []
    session.set_window(Window())
    assert closes(session.tick(TIMES.quiet_ms)) == [CloseCode.ENDED]


def test_an_attempt_that_is_reopened_keeps_its_client() -> None:
    session = opened()
    session.update_attempt(ENDED)
    session.update_attempt(monitor.Attempt(AttemptStatus.REOPENED))
    assert session.tick(TIMES.linger_ms - 1) == []
    assert session.phase is Phase.OPEN


def test_a_hello_after_the_end_with_an_empty_queue_is_welcomed_and_closed_at_once() -> None:
    _, effects = enter(next_seq=8, committed=7)
    assert isinstance(frames(effects)[0], monitor.Welcome)
    assert effects[-1] == Close(CloseCode.ENDED)


def test_a_pending_instruction_of_that_hello_can_get_its_result_first() -> None:
    session, effects = enter(next_seq=8, committed=7, pending=[MESSAGE])
    assert (frames(effects)[1:], closes(effects)) == ([MESSAGE], [])
    assert session.receive(monitor.Done(1, ok=True), 10) != []
    assert closes(session.tick(TIMES.quiet_ms)) == [CloseCode.ENDED]


def test_a_hello_after_the_end_delivers_its_queue_first() -> None:
    session, effects = enter(next_seq=10, committed=7)
    assert closes(effects) == []
    assert session.tick(TIMES.linger_ms - 1) == []
    assert stores(session.receive(batch(8, 9), TIMES.linger_ms - 1)) == [(8, 9)]
    assert closes(session.stored([])) == []
    assert closes(session.tick(TIMES.linger_ms + TIMES.quiet_ms)) == [CloseCode.ENDED]


def test_renumbered_events_count_for_the_queue() -> None:
    """A queue of ten, three of them stored in the old stream: seven will come, numbered from 1."""
    previous = monitor.Previous(UUID(int=3), 3)
    session, effects = enter(next_seq=11, committed=0, previous=previous)
    assert closes(effects) == []
    session.receive(batch(1, 6), 0)
    session.stored([])
    assert closes(session.tick(TIMES.linger_ms - 1)) == []
    session.receive(monitor.Lost(7, "overflow"), TIMES.linger_ms - 1)
    session.stored([])
    assert closes(session.tick(TIMES.linger_ms)) == [CloseCode.ENDED]


class Ending(RuleBasedStateMachine):
    """In any order of events around an end: 4410 comes only after it, with everything sent or announced stored."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.sent = 0
        self.is_over = False
        self.is_offered = False
        self.closed: list[CloseCode] = []

    @initialize(committed=st.integers(0, 5), held=st.integers(0, 5), status=st.sampled_from(AttemptStatus))
    def open(self, committed: int, held: int, status: AttemptStatus) -> None:
        self.session = CandidateSession(0)
        self.session.receive(msgspec.structs.replace(HELLO, next_seq=committed + held + 1), 0)
        self.announced = committed + held
        self.sent = committed
        self.is_over = status in OVER
        self.take(self.session.opened(welcome(committed, status=status), []))

    @rule(status=st.sampled_from(AttemptStatus))
    def change(self, status: AttemptStatus) -> None:
        if not self.closed:
            self.is_over = status in OVER
        self.take(self.session.update_attempt(monitor.Attempt(status)))

    @rule(count=st.integers(1, 3))
    def send(self, count: int) -> None:
        if not self.closed:
            self.sent += count
        self.take(self.session.receive(batch(self.sent - count + 1, self.sent), self.now))

    @precondition(lambda self: self.is_offered)
    @rule()
    def store(self) -> None:
        self.is_offered = False
        self.take(self.session.stored([]))

    @precondition(lambda self: self.is_offered)
    @rule()
    def hold(self) -> None:
        self.is_offered = False
        self.take(self.session.held(self.now))

    @rule(shut=st.booleans())
    def resize(self, shut: bool) -> None:
        self.take(self.session.set_window(Window(0, 0) if shut else Window()))

    @rule(ms=st.sampled_from([1, 300, TIMES.quiet_ms, TIMES.linger_ms]))
    def wait(self, ms: int) -> None:
        self.now += ms
        self.take(self.session.receive(monitor.Ping(1), self.now))
        self.take(self.session.tick(self.now))

    @invariant()
    def closes_only_when_allowed(self) -> None:
        if CloseCode.ENDED in self.closed:
            assert self.is_over
            assert self.session.committed >= max(self.announced, self.sent)

    def teardown(self) -> None:
        """It does come, once the client has sent what it announced and is quiet."""
        if self.closed or not self.is_over:
            return
        self.resize(shut=False)
        if self.announced > self.sent:
            self.send(self.announced - self.sent)
        for _ in range(8):
            if self.is_offered:
                self.store()
            self.wait(TIMES.quiet_ms)
        assert self.closed == [CloseCode.ENDED]

    def take(self, effects: list[Effect]) -> None:
        self.is_offered |= any(isinstance(effect, Store) for effect in effects)
        self.closed += closes(effects)
        if self.closed:
            self.is_offered = False


TestEnding = Ending.TestCase
TestEnding.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
assert TIMES.linger_ms <= limits.SILENT_HEARTBEATS * limits.HEARTBEAT_MS
