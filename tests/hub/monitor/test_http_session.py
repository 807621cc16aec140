"""Events by HTTP requests at a real hub; the rules are those of the socket."""

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

from db.models import (
    AttemptAnswer,
    Connection,
    ExamEnrollment,
    Instruction,
    MonitoringEvent,
    RejectedEvent,
    SessionEnd,
    User,
    UserSession,
)
from db.queries.console import instructions
from hub.ingest.batcher import Offer
from hub.ingest.writer import Ingest
from hub.monitor.admission import Admission
from hub.monitor.orphans import OrphanCloser
from hub.settings import HubSettings
from protocol import monitor
from protocol.attempts import AttemptStatus
from protocol.codes import CloseCode
from protocol.limits import FRAME_BYTES, HEARTBEAT_MS, SILENT_HEARTBEATS, TAIL_MS
from tests.candidates import system_events
from tests.hub.monitor.conftest import CandidateClient, events, make_candidate, until, with_timing


class Poster:
    """A candidate's client without a socket."""

    def __init__(self, http: httpx.AsyncClient, candidate: CandidateClient, token: str) -> None:
        self.http = http
        self.candidate = candidate
        self.token = token
        self.stream = ""

    async def post(self, path: str, body: object) -> httpx.Response:
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        return await self.http.post(path, content=content, headers=headers)

    async def open(self, **changes: Any) -> httpx.Response:
        body_fields = {
            "attempt_id": self.candidate.attempt_id,
            "boot": self.candidate.boot,
            "acked": 0,
            "next_seq": 1,
            "client": {"name": "test", "version": "1"},
            "mono": 0,
            "at": 0,
        } | changes
        response = await self.post("/monitor/streams", body_fields)
        if response.is_success:
            self.stream = response.json()["stream"]
        return response

    async def deliver(self, first: int | None = None, last: int = 0, **more: Any) -> httpx.Response:
        body_fields = {"stream": self.stream} | more
        if first is not None:
            body_fields |= {"first_seq": first, "events": events(first, last).events}
        return await self.post("/monitor/events", body_fields)


@pytest.fixture
async def poster(http: httpx.AsyncClient, candidate: CandidateClient) -> Poster:
    poster = Poster(http, candidate, await candidate.token())
    assert (await poster.open()).status_code == 200
    return poster


async def stored(engine: AsyncEngine, stream: str | UUID) -> list[int]:
    async with engine.connect() as conn:
        found = await conn.execute(
            select(MonitoringEvent.seq).where(MonitoringEvent.stream_id == UUID(str(stream))).order_by("seq")
        )
        return list(found.scalars())


async def test_delivered_events_are_stored_when_the_response_comes(poster: Poster, engine: AsyncEngine) -> None:
    response = await poster.deliver(1, 3)
    assert response.status_code == 200, response.text
    assert response.json()["seq"] == 3
    assert (response.json()["rejected"], response.json()["instructions"]) == ([], [])
    assert response.json()["window"] == {"events": 1_000, "bytes": 512 * 1024}
    assert response.json()["attempt"]["status"] == "in_progress"
    assert await stored(engine, poster.stream) == [1, 2, 3]


async def test_a_stream_is_opened_as_by_a_hello_and_continued(poster: Poster, candidate: CandidateClient) -> None:
    await poster.deliver(1, 3)
    again = (await poster.open(stream=poster.stream, acked=2, next_seq=5)).json()
    assert (again["stream"], again["committed"], again["previous"]) == (poster.stream, 3, None)
    peer, welcome = await candidate.enter(stream=UUID(poster.stream), acked=3, next_seq=5)
    assert (str(welcome.stream), welcome.committed) == (poster.stream, 3)
    assert (welcome.queue_key, welcome.upload_token[:10]) == (again["queue_key"], again["upload_token"][:10])
    await peer.connection.close()


async def test_stored_events_are_acknowledged_again_and_new_ones_beside_them_are_stored(
    poster: Poster, engine: AsyncEngine
) -> None:
    await poster.deliver(1, 3)
    assert (await poster.deliver(1, 3)).json()["seq"] == 3
    assert (await poster.deliver(2, 5)).json()["seq"] == 5
    assert (await poster.deliver()).json()["seq"] == 5, "a request without events gets a response, too"
    assert await stored(engine, poster.stream) == [1, 2, 3, 4, 5]


async def test_a_gap_returns_what_is_committed_and_stores_nothing(poster: Poster, engine: AsyncEngine) -> None:
    await poster.deliver(1, 3)
    response = await poster.deliver(5, 6, done=[{"id": 1, "ok": True}])
    assert (response.status_code, response.json()["code"], response.json()["committed"]) == (409, "gap", 3)
    assert await stored(engine, poster.stream) == [1, 2, 3]


async def test_a_bad_event_does_not_affect_others_and_its_code_is_returned_each_time(
    poster: Poster, engine: AsyncEngine
) -> None:
    good = '{"type":"copy","at":1,"mono":1}'
    bad = ['{"type":"ended","at":1,"mono":1}', '{"type":"copy","at":1,"mono":1,"data":{"x":"\\ud800"}}', "7"]
    body = f'{{"stream":"{poster.stream}","first_seq":1,"events":[{",".join([good, *bad, good])}]}}'.encode()
    for _ in range(2):
        response = (await poster.post("/monitor/events", body)).json()
        assert (response["seq"], [event["seq"] for event in response["rejected"]]) == (5, [2, 3, 4])
        assert [event["code"] for event in response["rejected"]] == ["bad_type", "bad_unicode", "bad_shape"]
    async with engine.connect() as conn:
        assert (await conn.execute(select(func.count()).select_from(RejectedEvent))).scalar_one() == 3


async def test_lost_events_come_before_those_that_follow(poster: Poster, engine: AsyncEngine) -> None:
    lost = {"to_seq": 4, "reason": "overflow"}
    for _ in range(2):
        assert (await poster.deliver(5, 6, lost=lost)).json()["seq"] == 6
    assert await stored(engine, poster.stream) == [1, 4, 5, 6]
    response = await poster.deliver(lost={"to_seq": 0, "reason": "overflow"})
    assert (response.status_code, response.json()["code"]) == (400, "bad_request")


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
    response = await poster.post("/monitor/events", body.replace(b"%s", poster.stream.encode()))
    assert response.status_code == status, response.text


async def test_instructions_come_with_the_response_until_they_are_done(
    poster: Poster, candidate: CandidateClient, engine: AsyncEngine
) -> None:
    async with engine.begin() as conn:
        await instructions.issue_instructions(
            conn,
            candidate.exam_id,
            None,
            action="message",
            body={"text": "ten minutes left"},
            actor_id=candidate.student_id,
            command_id=uuid4(),
        )
    for _ in range(2):
        (instruction,) = (await poster.deliver()).json()["instructions"]
        assert (instruction["id"], instruction["action"], instruction["body"]) == (
            1,
            "message",
            {"text": "ten minutes left"},
        )
    assert (await poster.deliver(1, 1, done=[{"id": 1, "ok": True}])).json()["instructions"] == []

    async def is_done() -> bool:
        async with engine.connect() as conn:
            return (await conn.execute(select(Instruction.state))).scalar_one() == "done"

    await until(is_done)


async def test_the_newest_connection_wins_by_socket_or_by_requests(poster: Poster, candidate: CandidateClient) -> None:
    peer, welcome = await candidate.enter(boot=uuid4())
    superseded = await poster.deliver(1, 1)
    assert (superseded.status_code, superseded.json()["code"]) == (409, "superseded")
    assert (await poster.open(stream=poster.stream)).status_code == 200
    assert await peer.closed() == CloseCode.SUPERSEDED
    assert (await poster.deliver(1, 1)).status_code == 200
    poster.stream = str(welcome.stream)
    assert (await poster.deliver(1, 1)).json()["code"] == "superseded"


@with_timing(silent_s=0.05)
async def test_a_connection_without_requests_ends_as_silent_and_can_be_opened_again(
    poster: Poster, candidate: CandidateClient, engine: AsyncEngine
) -> None:
    await poster.deliver(1, 1)
    async with engine.begin() as conn:
        long_ago = timedelta(milliseconds=SILENT_HEARTBEATS * HEARTBEAT_MS + 100)
        await conn.execute(update(Connection).values(heard_at=Connection.heard_at - long_ago))

    async def is_closed() -> bool:
        async with engine.connect() as conn:
            return (await conn.execute(select(Connection.cause))).scalar_one() == "silent"

    await until(is_closed)
    async with engine.connect() as conn:
        assert ("connection_lost", {"cause": "silent", "generation": 1}) in await system_events(
            conn, candidate.attempt_id
        )
    gone = await poster.deliver(2, 2)
    assert (gone.status_code, gone.json()["code"]) == (409, "disconnected")
    assert (await poster.open(stream=poster.stream, acked=1, next_seq=2)).json()["committed"] == 1
    assert (await poster.deliver(2, 2)).json()["seq"] == 2


async def test_a_connection_with_recent_requests_stays_open(
    poster: Poster, engine: AsyncEngine, admission: Admission
) -> None:
    async with engine.begin() as conn:
        long_ago = func.now() - timedelta(hours=1)
        await conn.execute(update(Connection).values(heard_at=long_ago, opened_at=long_ago))
    await poster.deliver(1, 1)
    closer = OrphanCloser(admission.engine, admission.lease, admission.registry, admission.close_log)
    await closer.close_silent()
    await closer.close_orphans()
    assert (await poster.deliver(2, 2)).status_code == 200


async def test_an_upload_token_delivers_events_of_its_attempt_and_nothing_else(
    poster: Poster, candidate: CandidateClient, neighbor: CandidateClient, engine: AsyncEngine
) -> None:
    _, welcome = await candidate.enter(stream=UUID(poster.stream))
    peer, elsewhere = await candidate.enter(boot=uuid4())
    _, foreign = await neighbor.enter()
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
    again = await candidate.connect()
    await again.send(await candidate.hello(token=poster.token))
    assert await again.closed() == CloseCode.UNAUTHENTICATED
    poster.stream = str(welcome.stream)
    async with engine.begin() as conn:
        await conn.execute(update(User).where(User.id == candidate.student_id).values(is_active=False))
    assert (await poster.deliver(3, 3)).status_code == 404


@pytest.mark.parametrize(
    ("reason", "status"),
    [(SessionEnd.SIGNED_OUT, 200), *((end, 401) for end in SessionEnd if end is not SessionEnd.SIGNED_OUT)],
)
async def test_an_upload_token_ends_with_a_session_that_someone_ended(
    poster: Poster, candidate: CandidateClient, engine: AsyncEngine, reason: SessionEnd, status: int
) -> None:
    _, welcome = await candidate.enter(stream=UUID(poster.stream))
    poster.token = welcome.upload_token
    assert (await poster.deliver(1, 1)).status_code == 200
    async with engine.begin() as conn:
        await conn.execute(update(UserSession).values(ended_at=func.now(), end_reason=reason))
    assert (await poster.deliver(2, 2)).status_code == status


async def test_late_events_are_stored_for_a_day_after_the_end(poster: Poster, candidate: CandidateClient) -> None:
    await poster.deliver(1, 1)
    await candidate.set_status(AttemptStatus.ENDED)
    response = (await poster.deliver(2, 3)).json()
    assert (response["seq"], response["attempt"]["status"]) == (3, "ended")
    opened = (await poster.open(stream=poster.stream, acked=3, next_seq=6)).json()
    assert (opened["committed"], opened["attempt"]["status"]) == (3, "ended")
    await candidate.set_status(AttemptStatus.ENDED, ago_ms=TAIL_MS + 1_000)
    for late in (await poster.deliver(4, 5), await poster.open(stream=poster.stream, acked=3, next_seq=6)):
        assert (late.status_code, late.json()["code"]) == (410, "ended")


async def test_a_user_who_may_not_deliver_is_refused(
    poster: Poster, candidate: CandidateClient, neighbor: CandidateClient
) -> None:
    poster.token = await neighbor.token()
    assert (await poster.deliver(1, 1)).status_code == 404
    assert (await poster.open()).status_code == 404
    poster.token = "nonsense"
    assert (await poster.deliver(1, 1)).status_code == 401
    poster.token = await candidate.token()
    async with candidate.engine.begin() as conn:
        mine = ExamEnrollment.student_id == candidate.student_id
        await conn.execute(update(ExamEnrollment).where(mine).values(removed_at=func.now()))
    assert (await poster.deliver(1, 1)).status_code == 404


@pytest.mark.parametrize(
    "changes",
    [{"acked": 3, "next_seq": 3}, {"mono": -1}, {"acked": -1}, {"client": {"name": "x" * 65, "version": "1"}}],
)
async def test_an_invalid_hello_is_refused(poster: Poster, changes: dict[str, Any]) -> None:
    response = await poster.open(**changes)
    assert (response.status_code, response.json()["code"]) == (400, "bad_request")


async def test_without_room_the_client_must_try_again(
    poster: Poster, engine: AsyncEngine, settings: HubSettings, admission: Admission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ingest, "offer", lambda *_: Offer.FULL)
    full = await poster.deliver(1, 3)
    assert (full.status_code, full.json()["code"], full.headers["Retry-After"]) == (429, "full", "1")
    monkeypatch.undo()
    load = settings.ingest_bytes
    admission.budget.move(load)

    async def is_closed() -> bool:
        return not admission.registry.window.events

    async def is_open() -> bool:
        return not await is_closed()

    await until(is_closed)
    assert (await poster.deliver(1, 3)).status_code == 429
    admission.budget.move(-load)
    await until(is_open)
    assert (await poster.deliver(1, 3)).json()["seq"] == 3
    assert await stored(engine, poster.stream) == [1, 2, 3]
    assert admission.budget.used_bytes == 0


async def test_the_same_delivery_many_times_at_once_is_stored_once(poster: Poster, engine: AsyncEngine) -> None:
    responses = await asyncio.gather(*(poster.deliver(1, 20) for _ in range(6)))
    assert [(response.status_code, response.json()["seq"]) for response in responses] == [(200, 20)] * 6
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
event_bodies = st.fixed_dictionaries(
    {"type": kinds, "at": st.just(1), "mono": st.sampled_from([0, 5, -1])}, optional={"data": payloads}
)
steps = st.lists(st.one_of(st.lists(event_bodies, min_size=1, max_size=6), st.integers(1, 5)), min_size=1, max_size=5)
"""Batches of events, and how many numbers were lost between them."""


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps, again=st.booleans())
async def test_the_same_events_give_the_same_rows_over_http_and_over_the_socket(
    url: str, engine: AsyncEngine, settings: HubSettings, steps: Sequence[Any], again: bool
) -> None:
    async with make_candidate(url, engine, settings) as here, make_candidate(url, engine, settings) as there:
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
                    response = (await poster.deliver(lost={"to_seq": seq, "reason": "overflow"})).json()
                else:
                    body_fields = msgspec.json.encode(step)
                    await peer.send_raw(f'{{"t":"events","first_seq":{seq + 1},"events":{body_fields.decode()}}}')
                    body = (
                        f'{{"stream":"{poster.stream}","first_seq":{seq + 1},"events":{body_fields.decode()}}}'.encode()
                    )
                    for _ in range(1 + again):
                        response = (await poster.post("/monitor/events", body)).json()
                    seq += len(step)
                ack = await peer.receive(monitor.Ack)
                assert ack.seq == response["seq"] == seq
                rejected |= {event["seq"]: event["code"] for event in response["rejected"]}
                assert {event.seq: event.code for event in ack.rejected}.items() <= rejected.items()
        assert await rows_of(engine, welcome.stream) == await rows_of(engine, UUID(poster.stream))


async def rows_of(engine: AsyncEngine, stream: UUID) -> list[Any]:
    """Everything stored about a stream's events, except the stream id and the server time."""
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
