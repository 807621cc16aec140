"""All sequence rules together: one client, any number of sessions and hubs, one store, steps in any order."""

from collections import deque
from collections.abc import Callable, Sequence

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from hub.monitor.session import CandidateSession, Close, Compare, Effect, Open, Phase, Send, Store
from protocol import limits, monitor
from protocol.codec import Encoding, decode_candidate, encode
from protocol.codes import CloseCode
from protocol.events import Batch, Entry, Event, lost_entry
from tests.hub.monitor.session.sessions import HELLO, welcome


class Table:
    """The stored rows of one stream; the first row of a number wins."""

    def __init__(self) -> None:
        self.rows: dict[int, Entry] = {}

    @property
    def committed(self) -> int:
        return max(self.rows, default=0)

    def commit(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self.rows.setdefault(entry.seq, entry)

    def rejected(self, above: int) -> list[monitor.Rejected]:
        rows = sorted(self.rows.values(), key=lambda row: row.seq)
        return [monitor.Rejected(row.seq, row.reject) for row in rows if row.reject is not None and row.seq > above]


class Queue:
    """A client's queue: events by number; some will be refused, some were lost before they were sent."""

    def __init__(self) -> None:
        self.read_rows: list[Event | None] = []
        self.spans: dict[int, int] = {}
        """Where a lost span begins, and its last number."""
        self.sent_ever = 0
        self.acked = 0
        self.rejected: set[int] = set()

    def record(self, count: int, *, bad: bool) -> None:
        for _ in range(count):
            seq = len(self.read_rows) + 1
            self.read_rows.append(Event("No Type" if bad else "copy", seq, seq, {"n": seq}))

    def lose(self, count: int) -> None:
        """Drop events that were never sent; a lost span that was sent stays as it is."""
        first, last = self.sent_ever + 1, min(self.sent_ever + count, len(self.read_rows))
        if last >= first and all(place is not None for place in self.read_rows[first - 1 : last]):
            self.read_rows[first - 1 : last] = [None] * (last - first + 1)
            self.spans[first] = last

    def frame(self, first: int, count: int) -> monitor.Events | monitor.Lost | None:
        """Return what can be sent from this number on: at most `count` events, or the lost span that begins here."""
        if first in self.spans:
            return monitor.Lost(self.spans[first], "overflow")
        events: list[Event] = []
        for place in self.read_rows[first - 1 : first - 1 + count]:
            if place is None:
                break
            events.append(place)
        return monitor.Events(first, events) if events else None


class Connection:
    """Both ends of one socket: frames under way in both directions, and the hub's session."""

    def __init__(self, encoding: Encoding, now_ms: int) -> None:
        self.encoding = encoding
        self.session = CandidateSession(now_ms)
        self.there: deque[str | bytes] = deque()
        self.back: deque[monitor.HubFrame] = deque()
        self.next_seq: int | None = None
        """The next number the client sends here; None before the welcome."""
        self.hello: monitor.Hello | None = None
        self.answer: monitor.Welcome | None = None
        self.in_flight: Batch | None = None
        self.is_committed = False
        self.is_held = False
        self.is_closed = False

    @property
    def is_with_writer(self) -> bool:
        """Whether a COMMIT may still come."""
        return self.in_flight is not None and not self.is_held and not self.is_committed


def last_of(frame: monitor.Events | monitor.Lost) -> int:
    return frame.to_seq if isinstance(frame, monitor.Lost) else frame.first_seq + len(frame.events) - 1


USUAL = ("send", "send", "arrive", "store", "store", "hear", "hear", "commit", "tick", "record", "connect")
UNUSUAL = ("repeat", "greet", "look_up", "welcome", "hold", "resize", "commit_late", "lose", "spoil")
TROUBLE = ("cut", "skip", "kill", "give_up", "retire", "supersede", "fail_over")


class Law(RuleBasedStateMachine):
    """Everything that can happen to one stream."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = 0
        self.queue = Queue()
        self.table = Table()
        self.current: Connection | None = None
        self.live: list[Connection] = []
        self.late: list[Batch] = []
        """Batches whose sessions are gone or have given them up; they may still be committed."""
        self.pick, self.count = 0, 1
        self.connect()

    # One rule for all: with many rules, Hypothesis leaves out half of them.
    @rule(what=st.sampled_from([*USUAL * 4, *UNUSUAL * 2, *TROUBLE]), pick=st.integers(0, 11), count=st.integers(1, 6))
    def happens(self, what: str, pick: int, count: int) -> None:
        self.pick, self.count = pick, count
        getattr(self, what)()

    # The client.

    def record(self) -> None:
        self.queue.record(self.count, bad=False)

    def spoil(self) -> None:
        self.queue.record(self.count, bad=True)

    def lose(self) -> None:
        self.queue.lose(self.count)

    def connect(self) -> None:
        """The client connects and is welcomed; no hub learns that an earlier connection has ended."""
        self.greet()
        assert self.current is not None
        self.arrive_at(self.current)
        self.look_up_for(self.current)
        self.perform(self.current, self.current.session.opened(answer_of(self.current), []))
        self.hear_all()

    def greet(self) -> None:
        """The client connects and waits for the welcome."""
        self.current = Connection(list(Encoding)[self.pick % 2], self.now_ms)
        self.live.append(self.current)
        self.put(msgspec.structs.replace(HELLO, acked=self.queue.acked, next_seq=len(self.queue.read_rows) + 1))

    def send(self) -> None:
        """Send one to three frames; they may arrive."""
        for _ in range(1 + self.pick % 3):
            self.queue.record(self.count, bad=False)
            self.send_from(0, self.count)
        if self.pick < 6 and self.current is not None:
            self.arrive_at(self.current)

    def repeat(self) -> None:
        """Send earlier events again, from any number, perhaps followed by new ones."""
        self.send_from(self.pick, 2 * self.count)

    def skip(self) -> None:
        """A faulty client: events after a number that was never sent."""
        if self.current is not None and self.current.next_seq is not None:
            self.queue.record(2, bad=False)
            frame = self.queue.frame(self.current.next_seq + 1, 1)
            if isinstance(frame, monitor.Events):
                self.put(frame)

    def hear(self) -> None:
        """The client reads the frames of its current connection."""
        for _ in range(self.count):
            if self.current is not None and self.current.back:
                self.take(self.current.back.popleft(), self.current)

    def hear_all(self) -> None:
        while self.current is not None and self.current.back:
            self.take(self.current.back.popleft(), self.current)

    def cut(self) -> None:
        """The client's side of its connection is gone; what it sent may still arrive."""
        self.current = None

    # The network and the hubs.

    def arrive(self) -> None:
        for connection in self.one(lambda it: it.there):
            self.arrive_at(connection)

    def look_up(self) -> None:
        for connection in self.one(lambda it: it.hello is not None and it.answer is None):
            self.look_up_for(connection)

    def welcome(self) -> None:
        for connection in self.one(lambda it: it.answer is not None and it.session.phase is Phase.OPENING):
            self.perform(connection, connection.session.opened(answer_of(connection), []))

    def commit(self) -> None:
        """A COMMIT that is not reported yet."""
        for connection in self.one(lambda it: it.is_with_writer):
            self.commit_of(connection)

    def store(self) -> None:
        """A COMMIT, perhaps long ago, that is reported to the session now."""
        for connection in self.one(lambda it: it.is_committed or it.is_with_writer):
            self.commit_of(connection)
            self.tell(connection)

    def hold(self) -> None:
        """The writer has no room."""
        for connection in self.one(lambda it: it.is_with_writer):
            connection.is_held = True
            self.perform(connection, connection.session.held(self.now_ms))

    def commit_late(self) -> None:
        """The batch of a session that is closed already: superseded, or of a frozen hub."""
        if self.late:
            self.table.commit(self.late.pop(self.pick % len(self.late)).entries)

    def tick(self) -> None:
        self.now_ms += 200 * self.count
        for connection in list(self.live):
            self.perform(connection, connection.session.tick(self.now_ms))

    def resize(self) -> None:
        for connection in self.one(lambda _: True):
            self.perform(connection, connection.session.set_window(limits.Window(self.count - 1, 1_000)))

    def kill(self) -> None:
        """A hub dies. Its batch is not committed, or PostgreSQL has received it and commits it late."""
        for connection in self.one(lambda _: True):
            self.close(connection)
            self.current = None if self.current is connection else self.current

    def give_up(self) -> None:
        """The writer ran out of time; it is unknown whether COMMIT was reached."""
        for connection in self.one(lambda it: it.in_flight is not None and not it.is_held):
            assert connection.in_flight is not None
            self.late.append(connection.in_flight)
            connection.in_flight = None
            self.perform(connection, connection.session.given_up())

    def retire(self) -> None:
        for connection in self.one(lambda _: True):
            self.perform(connection, connection.session.drain(1_000))
            self.perform(connection, connection.session.retire(self.now_ms))

    def supersede(self) -> None:
        """The hub of an older connection learns that there is a newer one."""
        for connection in self.one(lambda it: it is not self.live[-1]):
            self.perform(connection, connection.session.close(CloseCode.SUPERSEDED))

    def fail_over(self) -> None:
        """A standby without the newest rows takes over; every hub sees the new epoch and closes its sockets."""
        self.live, self.late, self.current = [], [], None
        for seq in sorted(self.table.rows)[-self.count :]:
            del self.table.rows[seq]

    # What must hold.

    @invariant()
    def stored_is_contiguous_and_as_sent(self) -> None:
        expected = 1
        for seq, row in sorted(self.table.rows.items()):
            if row.type == "events_lost":
                lost = msgspec.json.decode(row.payload)
                assert lost["from"] == expected
                assert lost["reason"] == "server_lost" or self.queue.spans[expected] == seq
            else:
                assert seq == expected
                assert says(row, self.queue.read_rows[seq - 1])
            expected = seq + 1
        assert expected - 1 <= self.queue.sent_ever

    @invariant()
    def outstanding_bytes_are_those_of_what_is_not_stored(self) -> None:
        for connection in self.live:
            session = connection.session
            assert (session.outstanding_bytes > 0) == (session.accepted > session.committed)

    def teardown(self) -> None:
        """Connect once more, and everything in the queue is stored."""
        self.connect()
        connection = self.current
        assert connection is not None
        while self.queue.acked < len(self.queue.read_rows):
            before = self.queue.acked
            self.send_from(0, 50)
            self.arrive_at(connection)
            while connection.in_flight is not None:
                self.commit_of(connection)
                self.tell(connection)
            self.hear_all()
            assert self.queue.acked > before
        self.stored_is_contiguous_and_as_sent()
        assert self.table.committed == len(self.queue.read_rows)
        assert {event.seq for event in self.table.rejected(0)} <= self.queue.rejected

    # Helpers.

    def one(self, condition: Callable[[Connection], object]) -> list[Connection]:
        """A live connection for which this is true, if there is one."""
        fitting = [connection for connection in self.live if condition(connection)]
        return [fitting[self.pick % len(fitting)]] if fitting else []

    def put(self, frame: msgspec.Struct) -> None:
        assert self.current is not None
        self.current.there.append(encode(frame, self.current.encoding))

    def send_from(self, back: int, count: int) -> None:
        if self.current is None or self.current.next_seq is None:
            return
        frame = self.queue.frame(max(1, self.current.next_seq - back), count)
        if frame is not None:
            self.put(frame)
            self.current.next_seq = max(self.current.next_seq, last_of(frame) + 1)
            self.queue.sent_ever = max(self.queue.sent_ever, last_of(frame))

    def take(self, frame: monitor.HubFrame, connection: Connection) -> None:
        queue = self.queue
        match frame:
            case monitor.Welcome():
                queue.acked = max(queue.acked, frame.committed)
                queue.rejected.update(event.seq for event in frame.rejected)
                connection.next_seq = frame.committed + 1
            case monitor.Ack():
                assert frame.seq <= queue.sent_ever
                queue.acked = max(queue.acked, frame.seq)
                queue.rejected.update(event.seq for event in frame.rejected)

    def arrive_at(self, connection: Connection) -> None:
        """Everything that is on its way reaches the session."""
        while connection.there and connection in self.live:
            frame = decode_candidate(connection.there.popleft(), connection.encoding)
            self.perform(connection, connection.session.receive(frame, self.now_ms))

    def look_up_for(self, connection: Connection) -> None:
        """The transaction of the hello: the end of the stream, and acknowledged events that are missing."""
        assert connection.hello is not None
        acked = connection.hello.acked
        if self.table.committed < acked:
            self.table.commit([lost_entry(self.table.committed + 1, acked, "server_lost")])
        connection.answer = msgspec.structs.replace(welcome(self.table.committed), rejected=self.table.rejected(acked))

    def commit_of(self, connection: Connection) -> None:
        assert connection.in_flight is not None
        self.table.commit(connection.in_flight.entries)
        connection.is_committed = True

    def tell(self, connection: Connection) -> None:
        connection.in_flight, connection.is_committed = None, False
        self.perform(connection, connection.session.stored([]))

    def perform(self, connection: Connection, effects: Sequence[Effect]) -> None:
        for effect in effects:
            assert not connection.is_closed, "nothing follows a close"
            match effect:
                case Open(hello):
                    connection.hello = hello
                case Send(frame):
                    assert not isinstance(frame, monitor.Ack) or frame.seq <= self.table.committed, "not stored yet"
                    connection.back.append(frame)
                case Store(batch):
                    assert connection.is_held or connection.in_flight is None, "one batch in flight at a time"
                    assert batch.first_seq == connection.session.committed + 1
                    assert batch.last_seq == batch.entries[-1].seq
                    assert batch.entries[0].seq == batch.first_seq or batch.entries[0].type == "events_lost"
                    connection.in_flight, connection.is_held = batch, False
                case Compare(entries):
                    assert entries
                    assert all(entry.seq <= connection.session.committed for entry in entries)
                case Close():
                    self.close(connection)

    def close(self, connection: Connection) -> None:
        """The socket is gone; a batch at a writer is not."""
        connection.is_closed = True
        self.live.remove(connection)
        left = 0
        if connection.in_flight is not None and not connection.is_held:
            left = connection.in_flight.size
            self.late.append(connection.in_flight)
        assert connection.session.phase is not Phase.CLOSED or connection.session.outstanding_bytes == left


def says(row: Entry, sent: Event | None) -> bool:
    """Return whether a row has what was sent under its number: the event, or its refusal."""
    assert sent is not None
    if sent.type != "copy":
        return row.reject is not None
    return row.reject is None and (row.at, row.payload) == (sent.at, f'{{"n":{row.seq}}}')


def answer_of(connection: Connection) -> monitor.Welcome:
    assert connection.answer is not None
    return connection.answer


def test_each_event_is_stored_once_and_in_order_after_any_steps() -> None:
    run_state_machine_as_test(
        Law,
        settings=settings(
            max_examples=150, stateful_step_count=80, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
