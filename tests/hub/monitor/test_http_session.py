"""Events by requests: the law of the sockets over HTTP, at a real hub."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from db.models import AttemptAnswer, Connection, ExamEnrollment, Instruction, MonitoringEvent, RejectedEvent, User
from db.queries.console import instructions
from hub.ingest.batcher import Offer
from hub.ingest.writer import Ingest
from hub.monitor import orphans
from hub.monitor.admission import Admission
from hub.settings import HubSettings
from protocol import monitor
from protocol.attempts import AttemptStatus
from protocol.codes import CloseCode
from protocol.limits import FRAME_BYTES, HEARTBEAT_MS, SILENT_HEARTBEATS, TAIL_MS
from tests.candidates import system_events
from tests.hub.monitor.conftest import SeededAttempt, events, sit, until


class Poster:
    """A candidate's client without a socket."""

    def __init__(self, http: httpx.AsyncClient, seeded: SeededAttempt, token: str) -> None:
        self.http = http
        self.seeded = seeded
        self.token = token
        self.stream = ""

    async def post(self, path: str, body: object) -> httpx.Response:
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        return await self.http.post(path, content=content, headers=headers)

    async def open(self, **changes: Any) -> httpx.Response:
        said = {
            "attempt_id": self.seeded.attempt_id,
            "boot": self.seeded.boot,
            "acked": 0,
            "next_seq": 1,
            "client": {"name": "test", "version": "1"},
            "mono": 0,
            "at": 0,
        } | changes
        answer = await self.post("/monitor/streams", said)
        if answer.is_success:
            self.stream = answer.json()["stream"]
        return answer

    async def deliver(self, first: int | None = None, last: int = 0, **more: Any) -> httpx.Response:
        said = {"stream": self.stream} | more
        if first is not None:
            said |= {"first_seq": first, "events": events(first, last).events}
        return await self.post("/monitor/events", said)


@pytest.fixture
async def poster(http: httpx.AsyncClient, seeded: SeededAttempt) -> Poster:
    poster = Poster(http, seeded, await seeded.token())
    assert (await poster.open()).status_code == 200
    return poster


async def stored(engine: AsyncEngine, stream: str | UUID) -> list[int]:
    async with engine.connect() as conn:
        found = await conn.execute(
            select(MonitoringEvent.seq).where(MonitoringEvent.stream_id == UUID(str(stream))).order_by("seq")
        )
        return list(found.scalars())


async def test_what_is_delivered_is_stored_when_it_is_answered(poster: Poster, engine: AsyncEngine) -> None:
    answer = await poster.deliver(1, 3)
    assert answer.status_code == 200, answer.text
    assert answer.json()["seq"] == 3
    assert (answer.json()["rejected"], answer.json()["instructions"]) == ([], [])
    assert answer.json()["window"] == {"events": 1_000, "bytes": 512 * 1024}
    assert answer.json()["attempt"]["status"] == "in_progress"
    assert await stored(engine, poster.stream) == [1, 2, 3]


async def test_a_stream_is_opened_as_by_a_hello_and_gone_on_with(poster: Poster, seeded: SeededAttempt) -> None:
    await poster.deliver(1, 3)
    again = (await poster.open(stream=poster.stream, acked=2, next_seq=5)).json()
    assert (again["stream"], again["committed"], again["previous"]) == (poster.stream, 3, None)
    peer, welcome = await seeded.enter(stream=UUID(poster.stream), acked=3, next_seq=5)
    assert (str(welcome.stream), welcome.committed) == (poster.stream, 3)
    assert (welcome.queue_key, welcome.upload_token[:10]) == (again["queue_key"], again["upload_token"][:10])
    await peer.connection.close()


async def test_what_was_stored_is_acknowledged_again_and_what_straddles_goes_on(
    poster: Poster, engine: AsyncEngine
) -> None:
    await poster.deliver(1, 3)
    assert (await poster.deliver(1, 3)).json()["seq"] == 3
    assert (await poster.deliver(2, 5)).json()["seq"] == 5
    assert (await poster.deliver()).json()["seq"] == 5, "nothing new is an answer too"
    assert await stored(engine, poster.stream) == [1, 2, 3, 4, 5]


async def test_a_gap_says_what_is_committed_and_stores_nothing(poster: Poster, engine: AsyncEngine) -> None:
    await poster.deliver(1, 3)
    answer = await poster.deliver(5, 6, done=[{"id": 1, "ok": True}])
    assert (answer.status_code, answer.json()["code"], answer.json()["committed"]) == (409, "gap", 3)
    assert await stored(engine, poster.stream) == [1, 2, 3]


async def test_a_bad_event_costs_its_neighbours_nothing_and_its_code_is_said_as_often_as_asked(
    poster: Poster, engine: AsyncEngine
) -> None:
    good = '{"type":"copy","at":1,"mono":1}'
    bad = ['{"type":"ended","at":1,"mono":1}', '{"type":"copy","at":1,"mono":1,"data":{"x":"\\ud800"}}', "7"]
    body = f'{{"stream":"{poster.stream}","first_seq":1,"events":[{",".join([good, *bad, good])}]}}'.encode()
    for _ in range(2):
        answer = (await poster.post("/monitor/events", body)).json()
        assert (answer["seq"], [one["seq"] for one in answer["rejected"]]) == (5, [2, 3, 4])
        assert [one["code"] for one in answer["rejected"]] == ["bad_type", "bad_unicode", "bad_shape"]
    async with engine.connect() as conn:
        assert (await conn.execute(select(func.count()).select_from(RejectedEvent))).scalar_one() == 3


async def test_what_was_lost_is_said_before_what_follows(poster: Poster, engine: AsyncEngine) -> None:
    lost = {"to_seq": 4, "reason": "overflow"}
    for _ in range(2):
        assert (await poster.deliver(5, 6, lost=lost)).json()["seq"] == 6
    assert await stored(engine, poster.stream) == [1, 4, 5, 6]
    answer = await poster.deliver(lost={"to_seq": 0, "reason": "overflow"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{}", 400),
        (b"[1]", 400),
        (b'{"stream":"x","events":[]}', 400),
        (b'{"stream":"%s","events":[{"type":"copy","at":1,"mono":1}]}', 400),
        (b'{"stream":"%s","first_seq":-1,"events":[{"type":"copy","at":1,"mono":1}]}', 400),
        (b'{"stream":"%s","done":[{"id":0,"ok":true}]}', 400),
        (b'{"stream":"%s","first_seq":1,"events":[' + b",".join([b"0"] * 501) + b"]}", 413),
        (b'{"stream":"%s","x":"' + b"y" * FRAME_BYTES + b'"}', 413),
        (b'{"x":' + b"[" * 3_000 + b"]" * 3_000 + b"}", 400),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(poster: Poster, body: bytes, status: int) -> None:
    answer = await poster.post("/monitor/events", body.replace(b"%s", poster.stream.encode()))
    assert answer.status_code == status, answer.text


async def test_instructions_come_with_the_answer_until_they_are_done(
    poster: Poster, seeded: SeededAttempt, engine: AsyncEngine
) -> None:
    async with engine.begin() as conn:
        await instructions.issue_instructions(
            conn,
            seeded.exam_id,
            None,
            action="message",
            body={"text": "ten minutes left"},
            actor_id=seeded.student_id,
            command_id=uuid4(),
        )
    for _ in range(2):
        (told,) = (await poster.deliver()).json()["instructions"]
        assert (told["id"], told["action"], told["body"]) == (1, "message", {"text": "ten minutes left"})
    assert (await poster.deliver(1, 1, done=[{"id": 1, "ok": True}])).json()["instructions"] == []

    async def is_done() -> bool:
        async with engine.connect() as conn:
            return (await conn.execute(select(Instruction.state))).scalar_one() == "done"

    await until(is_done)


async def test_the_newest_connection_wins_whichever_way_it_came(poster: Poster, seeded: SeededAttempt) -> None:
    peer, welcome = await seeded.enter(boot=uuid4())
    superseded = await poster.deliver(1, 1)
    assert (superseded.status_code, superseded.json()["code"]) == (409, "superseded")
    assert (await poster.open(stream=poster.stream)).status_code == 200
    assert await peer.closed() == CloseCode.SUPERSEDED
    assert (await poster.deliver(1, 1)).status_code == 200
    poster.stream = str(welcome.stream)
    assert (await poster.deliver(1, 1)).json()["code"] == "superseded"


async def test_a_connection_of_which_nothing_is_heard_ends_as_silent_and_is_opened_anew(
    poster: Poster, seeded: SeededAttempt, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "SILENT_S", 0.05)
    await poster.deliver(1, 1)
    async with engine.begin() as conn:
        long_ago = timedelta(milliseconds=SILENT_HEARTBEATS * HEARTBEAT_MS + 100)
        await conn.execute(update(Connection).values(heard_at=Connection.heard_at - long_ago))

    async def is_closed() -> bool:
        async with engine.connect() as conn:
            return (await conn.execute(select(Connection.cause))).scalar_one() == "silent"

    await until(is_closed)
    async with engine.connect() as conn:
        assert ("connection_lost", {"cause": "silent", "generation": 1}) in await system_events(conn, seeded.attempt_id)
    gone = await poster.deliver(2, 2)
    assert (gone.status_code, gone.json()["code"]) == (409, "disconnected")
    assert (await poster.open(stream=poster.stream, acked=1, next_seq=2)).json()["committed"] == 1
    assert (await poster.deliver(2, 2)).json()["seq"] == 2


async def test_a_connection_that_is_heard_of_stays(poster: Poster, engine: AsyncEngine, admission: Admission) -> None:
    async with engine.begin() as conn:
        long_ago = func.now() - timedelta(hours=1)
        await conn.execute(update(Connection).values(heard_at=long_ago, opened_at=long_ago))
    await poster.deliver(1, 1)
    looking = orphans.OrphanCloser(admission.engine, admission.lease, admission.registry, admission.close_log)
    await looking._close_silent()
    await looking._sweep()
    assert (await poster.deliver(2, 2)).status_code == 200


async def test_an_upload_token_delivers_its_attempts_events_and_does_nothing_else(
    poster: Poster, seeded: SeededAttempt, neighbour: SeededAttempt, engine: AsyncEngine
) -> None:
    _, welcome = await seeded.enter(stream=UUID(poster.stream))
    peer, elsewhere = await seeded.enter(boot=uuid4())
    _, foreign = await neighbour.enter()
    poster.token = welcome.upload_token
    assert (await poster.deliver(1, 2)).json()["seq"] == 2, "although another machine has taken over"
    poster.stream = str(elsewhere.stream)
    assert (await poster.deliver(1, 1)).status_code == 200
    await peer.send(events(1, 2))
    assert await peer.receive(monitor.Ack) == monitor.Ack(2), "a socket and requests of one queue do not overlap"
    poster.stream = str(foreign.stream)
    assert (await poster.deliver(1, 1)).status_code == 404
    assert (await poster.open()).status_code == 401
    assert (
        await poster.http.get("/student/exams", headers={"Authorization": f"Bearer {poster.token}"})
    ).status_code == 401
    again = await seeded.connect()
    await again.send(await seeded.hello(token=poster.token))
    assert await again.closed() == CloseCode.UNAUTHENTICATED
    poster.stream = str(welcome.stream)
    async with engine.begin() as conn:
        await conn.execute(update(User).where(User.id == seeded.student_id).values(is_active=False))
    assert (await poster.deliver(3, 3)).status_code == 404


async def test_the_tail_is_taken_after_the_end_for_a_day(poster: Poster, seeded: SeededAttempt) -> None:
    await poster.deliver(1, 1)
    await seeded.stand(AttemptStatus.ENDED)
    answer = (await poster.deliver(2, 3)).json()
    assert (answer["seq"], answer["attempt"]["status"]) == (3, "ended")
    opened = (await poster.open(stream=poster.stream, acked=3, next_seq=6)).json()
    assert (opened["committed"], opened["attempt"]["status"]) == (3, "ended")
    await seeded.stand(AttemptStatus.ENDED, ago_ms=TAIL_MS + 1_000)
    for late in (await poster.deliver(4, 5), await poster.open(stream=poster.stream, acked=3, next_seq=6)):
        assert (late.status_code, late.json()["code"]) == (410, "ended")


async def test_who_may_not_deliver_is_refused(poster: Poster, seeded: SeededAttempt, neighbour: SeededAttempt) -> None:
    poster.token = await neighbour.token()
    assert (await poster.deliver(1, 1)).status_code == 404
    assert (await poster.open()).status_code == 404
    poster.token = "nonsense"
    assert (await poster.deliver(1, 1)).status_code == 401
    poster.token = await seeded.token()
    async with seeded.engine.begin() as conn:
        mine = ExamEnrollment.student_id == seeded.student_id
        await conn.execute(update(ExamEnrollment).where(mine).values(removed_at=func.now()))
    assert (await poster.deliver(1, 1)).status_code == 404


@pytest.mark.parametrize(
    "changes",
    [{"acked": 3, "next_seq": 3}, {"mono": -1}, {"acked": -1}, {"client": {"name": "x" * 65, "version": "1"}}],
)
async def test_a_hello_that_contradicts_itself_is_refused(poster: Poster, changes: dict[str, Any]) -> None:
    answer = await poster.open(**changes)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


async def test_without_room_the_client_is_told_to_come_again(
    poster: Poster, engine: AsyncEngine, settings: HubSettings, admission: Admission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ingest, "offer", lambda *_: Offer.FULL)
    full = await poster.deliver(1, 3)
    assert (full.status_code, full.json()["code"], full.headers["Retry-After"]) == (429, "full", "1")
    monkeypatch.undo()
    load = settings.ingest_bytes
    admission.budget.move(load)
    await asyncio.sleep(0.6)
    assert (await poster.deliver(1, 3)).status_code == 429
    admission.budget.move(-load)
    await asyncio.sleep(0.6)
    assert (await poster.deliver(1, 3)).json()["seq"] == 3
    assert await stored(engine, poster.stream) == [1, 2, 3]
    assert admission.budget.used_bytes == 0


async def test_the_same_delivery_many_times_at_once_is_stored_once(poster: Poster, engine: AsyncEngine) -> None:
    answers = await asyncio.gather(*(poster.deliver(1, 20) for _ in range(6)))
    assert [(one.status_code, one.json()["seq"]) for one in answers] == [(200, 20)] * 6
    assert await stored(engine, poster.stream) == list(range(1, 21))


kinds = st.sampled_from(["copy", "answered", "draft_saved", "Bad Type", "ended"])
payloads = st.fixed_dictionaries(
    {},
    optional={
        "item": st.sampled_from(["q1", "q2", 3, "x" * 201]),
        "value": st.sampled_from(["a", None, 2**63, 1.5, ["b"]]),
        "text": st.sampled_from(["so", "so long", "\0"]),
    },
)
facts = st.fixed_dictionaries(
    {"type": kinds, "at": st.just(1), "mono": st.sampled_from([0, 5, -1])}, optional={"data": payloads}
)
steps = st.lists(st.one_of(st.lists(facts, min_size=1, max_size=6), st.integers(1, 5)), min_size=1, max_size=5)
"""Batches of events, and how many numbers were lost between them."""


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps, again=st.booleans())
async def test_the_same_events_give_the_same_rows_over_http_and_over_the_socket(
    url: str, engine: AsyncEngine, settings: HubSettings, steps: Sequence[Any], again: bool
) -> None:
    async with sit(url, engine, settings) as here, sit(url, engine, settings) as there:
        peer, welcome = await here.enter()
        rejected: dict[int, str] = {}
        seq = 0
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
            poster = Poster(http, there, await there.token())
            await poster.open()
            for step in steps:
                if isinstance(step, int):
                    seq += step
                    await peer.send(monitor.Lost(seq, "overflow"))
                    answer = (await poster.deliver(lost={"to_seq": seq, "reason": "overflow"})).json()
                else:
                    said = msgspec.json.encode(step)
                    await peer.send_raw(f'{{"t":"events","first_seq":{seq + 1},"events":{said.decode()}}}')
                    body = f'{{"stream":"{poster.stream}","first_seq":{seq + 1},"events":{said.decode()}}}'.encode()
                    for _ in range(1 + again):
                        answer = (await poster.post("/monitor/events", body)).json()
                    seq += len(step)
                ack = await peer.receive(monitor.Ack)
                assert ack.seq == answer["seq"] == seq
                rejected |= {one["seq"]: one["code"] for one in answer["rejected"]}
                assert {one.seq: one.code for one in ack.rejected}.items() <= rejected.items()
        assert await rows_of(engine, welcome.stream) == await rows_of(engine, UUID(poster.stream))


async def rows_of(engine: AsyncEngine, stream: UUID) -> list[Any]:
    """All that is kept of a stream's events, but for its name, and when that was."""
    rows: list[Any] = []
    event = (MonitoringEvent.seq, MonitoringEvent.event_type, MonitoringEvent.mono, MonitoringEvent.client_timestamp)
    async with engine.connect() as conn:
        for columns, table in (
            ((*event, MonitoringEvent.data_payload, MonitoringEvent.severity), MonitoringEvent),
            ((RejectedEvent.seq, RejectedEvent.code, RejectedEvent.raw), RejectedEvent),
            ((AttemptAnswer.seq, AttemptAnswer.item, AttemptAnswer.value), AttemptAnswer),
        ):
            found = await conn.execute(select(*columns).where(table.stream_id == stream).order_by(table.seq))
            rows.append([tuple(row) for row in found])
    return rows
