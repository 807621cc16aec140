"""Late sessions of one client on several hubs: the stream has no gaps or overlaps, and acknowledged events are stored.

Each session continues from what it saw stored when it was opened, and stores later, regardless of newer sessions that
have continued, declared numbers lost, or closed the stream meanwhile. The writers and PostgreSQL are real.
"""

import asyncio
import json
from collections.abc import Sequence
from uuid import UUID

import asyncpg
import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from uuid_utils.compat import uuid7

from db.engine import connect_writer
from db.settings import DatabaseSettings
from hub.ingest.batcher import Stored
from protocol.events import Entry, lost_entry
from tests.hub.ingest.workbench import PATIENCE_S, Workbench

HUBS = 2
ROWS = "SELECT seq, event_type, data_payload FROM monitoring_events WHERE stream_id = $1 ORDER BY seq"
hubs = st.integers(0, HUBS - 1)
sizes = st.lists(st.sampled_from([1, 1, 6]), min_size=1, max_size=3)


class Session(msgspec.Struct):
    """One connection of the client: its hub, and what it has seen committed."""

    hub: int
    committed: int


class Late(RuleBasedStateMachine):
    database: DatabaseSettings

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.stream_id = uuid7()
        self.sessions: list[Session] = []
        self.acked: set[int] = set()
        self.runner.run(self._begin())

    async def _begin(self) -> None:
        self.benches = [Workbench(self.database) for _ in range(HUBS)]
        for bench in self.benches:
            await bench.ingest.__aenter__()
        self.conn = await connect_writer(self.database)

    def teardown(self) -> None:
        self.runner.run(self._end())
        self.runner.close()

    async def _end(self) -> None:
        for bench in self.benches:
            await bench.ingest.__aexit__(None, None, None)
        await self.conn.close()

    @rule(hubs=st.lists(hubs, min_size=2, max_size=3))
    def hello(self, hubs: Sequence[int]) -> None:
        """Open sessions one after the other. The older ones are not informed."""
        rows = self.rows()
        if not rows or rows[-1]["event_type"] != "stream_closed":
            self.sessions += [Session(hub, rows[-1]["seq"] if rows else 0) for hub in hubs]

    @precondition(lambda self: self.sessions)
    @rule(turns=st.lists(st.tuples(st.integers(0, 3), sizes), min_size=1, max_size=6))
    def store(self, turns: Sequence[tuple[int, Sequence[int]]]) -> None:
        """The newest sessions or older ones store their next batches: events and lost spans."""
        for back, sizes in turns:
            if self.sessions:
                self.take_turn(self.sessions[-1 - back % len(self.sessions)], sizes)

    def take_turn(self, session: Session, sizes: Sequence[int]) -> None:
        entries = []
        seq = session.committed
        for size in sizes:
            seq += size
            entries.append(
                Entry(seq, "copy", 0, seq, "{}") if size == 1 else lost_entry(seq - size + 1, seq, "overflow")
            )
        if self.runner.run(self._store(session, entries)):
            session.committed = seq
            self.acked.update(entry.seq for entry in entries if entry.type == "copy")
        else:
            self.sessions.remove(session)

    async def _store(self, session: Session, entries: Sequence[Entry]) -> bool:
        publisher = self.benches[session.hub].offer_entries(self.stream_id, session.committed + 1, entries)
        return isinstance(await asyncio.wait_for(publisher.result, PATIENCE_S), Stored)

    @rule(hub=hubs)
    def reconnect(self, hub: int) -> None:
        """A writer loses its connection, and with it the positions in its memory."""
        for conn in self.benches[hub].opened:
            conn.terminate()

    @precondition(lambda self: self.sessions)
    @rule(chance=st.integers(0, 9))
    def close(self, chance: int) -> None:
        """Now and then the client continues in another stream."""
        rows = self.rows()
        if chance == 9 and rows and rows[-1]["event_type"] != "stream_closed":
            self.runner.run(self._close(rows[-1]["seq"] + 1))

    async def _close(self, seq: int) -> None:
        await self.conn.execute(
            "INSERT INTO monitoring_events (stream_id, seq, mono, client_timestamp, event_type, data_payload) "
            "VALUES ($1, $2, 0, now(), 'stream_closed', '{}')",
            self.stream_id,
            seq,
        )

    @invariant()
    def is_tiled(self) -> None:
        rows = self.rows()
        expected = 1
        for row in rows:
            assert first_of(row) == expected, [tuple(row) for row in rows]
            expected = row["seq"] + 1
        closed = [row["seq"] for row in rows if row["event_type"] == "stream_closed"]
        assert closed in ([], [expected - 1])

    @invariant()
    def what_was_acknowledged_is_stored(self) -> None:
        assert self.acked <= {row["seq"] for row in self.rows() if row["event_type"] == "copy"}

    def rows(self) -> list[asyncpg.Record]:
        return self.runner.run(self._rows(self.stream_id))

    async def _rows(self, stream_id: UUID) -> list[asyncpg.Record]:
        return list(await self.conn.fetch(ROWS, stream_id))


def first_of(row: asyncpg.Record) -> int:
    return int(json.loads(row["data_payload"])["from"]) if row["event_type"] == "events_lost" else int(row["seq"])


def test_late_sessions_leave_no_gap_or_overlap_and_lose_no_acknowledged_event(
    database: DatabaseSettings,
) -> None:
    def machine() -> Late:
        late = Late()
        late.database = database
        return late

    run_state_machine_as_test(
        machine,  # type: ignore[arg-type] # a factory is allowed too
        settings=settings(
            max_examples=20, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
