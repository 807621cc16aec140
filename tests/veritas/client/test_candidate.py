"""The candidate's client against a scripted hub, over real sockets."""

import asyncio
from random import Random
from typing import Any
from uuid import UUID

import pytest
from websockets.exceptions import ConnectionClosed

from protocol.codec import Encoding
from protocol.codes import RejectCode
from tests.veritas.client.peer import Peer, Talk
from veritas.client import (
    Candidate,
    ClosedForGood,
    Ended,
    Forbidden,
    HubFault,
    NotDrained,
    Note,
    Refused,
    Superseded,
    Unauthenticated,
    Unsendable,
)

ATTEMPT = UUID(int=42)
STREAM = UUID("0198c0de-0000-7000-8000-000000000001")
OTHER = UUID("0198c0de-0000-7000-8000-000000000002")


async def serve_all(talk: Talk) -> None:
    """A hub that takes everything."""
    await talk.welcome()
    while True:
        frame = await talk.receive()
        if frame["t"] == "events":
            await talk.send("ack", seq=frame["first_seq"] + len(frame["events"]) - 1)
        elif frame["t"] == "bye":
            await talk.connection.close(1000, "normal")
            return


def candidate_of(peer: Peer, at_once: Random, **options: Any) -> Candidate:
    return Candidate(peer.url, ATTEMPT, peer.ticket, proxy=None, random=at_once, **options)


async def left_at_its_end(candidate: Candidate) -> None:
    """Use a client like somebody who waits for its end but never asks how it ended."""
    async with candidate:
        assert candidate._task is not None
        await asyncio.wait({candidate._task})


@pytest.mark.parametrize("encoding", Encoding)
async def test_what_is_recorded_arrives_and_is_acknowledged(peer: Peer, at_once: Random, encoding: Encoding) -> None:
    frames: list[dict[str, Any]] = []

    async def play(talk: Talk) -> None:
        frames.append(await talk.welcome())
        first_seq, events = await talk.receive_events()
        frames.extend(events)
        assert first_seq == 1
        await talk.send("ack", seq=len(events))
        await talk.say_goodbye(len(events))

    peer.plays = [play]
    latencies: list[tuple[int, float]] = []
    options = {"encoding": encoding, "name": "test", "on_ack": lambda seq, ms: latencies.append((seq, ms))}
    async with candidate_of(peer, at_once, **options) as candidate:
        assert candidate.record("paste", {"chars": 12}, severity="low") == 1
        assert candidate.record("alive") == 2
        await candidate.drained(5)
        assert (candidate.sent, candidate.acked, candidate.stream) == (2, 2, STREAM)
    hello, paste, alive = frames
    assert {"ticket": "ticket-1", "attempt_id": str(ATTEMPT), "acked": 0, "next_seq": 3}.items() <= hello.items()
    assert hello["client"]["name"] == "test"
    assert hello["can"] == []
    assert {"type": "paste", "data": {"chars": 12}, "severity": "low"}.items() <= paste.items()
    assert alive["type"] == "alive"
    assert paste["mono"] <= alive["mono"] <= hello["mono"]
    assert [seq for seq, _ in latencies] == [1, 2]
    assert all(0 <= ms < 5_000 for _, ms in latencies)


async def test_a_cut_in_the_middle_of_a_batch_resumes_where_the_hub_stands(peer: Peer, at_once: Random) -> None:
    hellos: list[dict[str, Any]] = []
    log: list[Note] = []

    async def first(talk: Talk) -> None:
        hellos.append(await talk.welcome())
        await talk.receive_events()
        talk.connection.transport.abort()

    async def second(talk: Talk) -> None:
        hellos.append(await talk.welcome(committed=2))
        first_seq, events = await talk.receive_events()
        assert first_seq == 3
        assert [event["data"]["n"] for event in events] == [3, 4, 5]
        await talk.send("ack", seq=5)
        await talk.say_goodbye(5)

    peer.plays = [first, second]
    async with candidate_of(peer, at_once, log=log.append) as candidate:
        for number in range(1, 6):
            candidate.record("typing", {"n": number})
        await candidate.drained(5)
        assert candidate.connections == 2
    assert hellos[0]["boot"] == hellos[1]["boot"]
    assert (hellos[0]["stream"], hellos[1]["stream"]) == (None, str(STREAM))
    assert (hellos[1]["acked"], hellos[1]["next_seq"], hellos[1]["ticket"]) == (0, 6, "ticket-2")
    acked = [(note.stream, note.seq, note.event.data["n"]) for note in log if note.what == "acked"]
    assert acked == [(STREAM, number, number) for number in range(1, 6)]
    assert [note.seq for note in log if note.what == "recorded"] == [1, 2, 3, 4, 5]


async def test_window_zero_holds_everything_until_it_opens(peer: Peer, at_once: Random) -> None:
    go_on = asyncio.Event()

    async def play(talk: Talk) -> None:
        await talk.welcome(events=0)
        await talk.send("instruct", id=1, action="sing", issued_at=1)
        assert (await talk.receive())["t"] == "done"
        await go_on.wait()
        await talk.send("window", events=2, bytes=10_000)
        assert len((await talk.receive_events())[1]) == 2
        await talk.send("ack", seq=2)
        await talk.receive_events()
        await talk.send("ack", seq=3)
        await talk.say_goodbye(3)

    peer.plays = [play]
    async with candidate_of(peer, at_once) as candidate:
        for _ in range(3):
            candidate.record("alive")
        with pytest.raises(NotDrained, match="3 recorded events"):
            await candidate.drained(0.05)
        go_on.set()
        await candidate.drained(5)


class Recording(Random):
    """Backoff without waiting, that remembers how long it might have been."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float] = []

    def uniform(self, a: float, b: float) -> float:
        self.asked.append(b)
        return a


@pytest.mark.parametrize(("acknowledges_after", "longest_s"), [(False, 7.0), (True, 0.5)])
async def test_an_errors_wait_is_for_the_close_that_follows_it_and_no_later_one(
    peer: Peer, acknowledges_after: bool, longest_s: float
) -> None:
    async def first(talk: Talk) -> None:
        await talk.welcome()
        await talk.receive_events()
        await talk.send("error", code="busy", detail="later", retry_ms=7_000)
        if acknowledges_after:
            await talk.send("ack", seq=1)
        await talk.connection.close(4503, "overloaded")

    peer.plays, random = [first, serve_all], Recording()
    async with candidate_of(peer, random) as candidate:
        candidate.record("alive")
        await candidate.drained(5)
        candidate.record("alive")
        await candidate.drained(5)
    assert random.asked == [longest_s]


async def test_after_a_drain_the_client_comes_back_within_the_named_time(peer: Peer) -> None:
    async def first(talk: Talk) -> None:
        await talk.welcome()
        await talk.send("drain", in_ms=7_000)
        await talk.receive_events()
        await talk.send("ack", seq=1)
        await talk.connection.close(4505, "draining")

    peer.plays, random = [first, serve_all], Recording()
    async with candidate_of(peer, random) as candidate:
        candidate.record("alive")
        await candidate.drained(5)
        candidate.record("alive")
        await candidate.drained(5)
        assert candidate.connections == 2
    assert random.asked == [7.0]


@pytest.mark.parametrize("code", [1006, 1011, 1012, 4408, 4422, 4429, 4500, 4503, 4505])
async def test_after_these_codes_the_client_comes_back(peer: Peer, at_once: Random, code: int) -> None:
    async def first(talk: Talk) -> None:
        await talk.welcome()
        if code == 1006:
            talk.connection.transport.abort()
        else:
            await talk.connection.close(code, "again")

    peer.plays = [first, serve_all]
    async with candidate_of(peer, at_once) as candidate:
        candidate.record("alive")
        await candidate.drained(5)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (4401, Unauthenticated),
        (4403, Forbidden),
        (4409, Superseded),
        (4410, Ended),
        (4400, Refused),
        (4413, Refused),
        (1007, Refused),
        (1000, ClosedForGood),
    ],
)
async def test_after_a_final_code_the_client_stays_away_and_says_why(
    peer: Peer, at_once: Random, code: int, error: type[ClosedForGood]
) -> None:
    async def play(talk: Talk) -> None:
        await talk.receive()
        await talk.send("error", code="x", detail="because")
        await talk.connection.close(code, "final")

    peer.plays = [play]
    async with candidate_of(peer, at_once) as candidate:
        candidate.record("alive")
        with pytest.raises(error, match="because") as raised:
            await candidate.drained(5)
        assert raised.value.code == code
    assert peer.met == 1


async def test_an_unreported_end_is_raised_when_the_block_is_left(peer: Peer, at_once: Random) -> None:
    async def play(talk: Talk) -> None:
        await talk.welcome()
        await talk.connection.close(4409, "superseded")

    peer.plays = [play]
    with pytest.raises(Superseded):
        await left_at_its_end(candidate_of(peer, at_once))


async def test_instructions_are_carried_out_once_and_answered_as_often_as_asked(peer: Peer, at_once: Random) -> None:
    shown: list[str] = []
    answers: list[dict[str, Any]] = []
    answered = asyncio.Event()

    async def obey(instruct: Any) -> str | None:
        shown.append(instruct.body["text"])
        if instruct.body["text"] == "boom":
            raise RuntimeError
        return None if instruct.body["text"] == "hello" else "no_screen"

    async def first(talk: Talk) -> None:
        hello = await talk.welcome()
        assert hello["can"] == ["message"]
        for number, action, text in (
            (1, "message", "hello"),
            (2, "message", "bye"),
            (3, "pause", ""),
            (4, "message", "boom"),
        ):
            await talk.send("instruct", id=number, action=action, issued_at=1, body={"text": text})
        answers.extend([await talk.receive() for _ in range(4)])
        talk.connection.transport.abort()

    async def second(talk: Talk) -> None:
        await talk.welcome()
        await talk.send("instruct", id=1, action="message", issued_at=1, body={"text": "hello"})
        answers.append(await talk.receive())
        answered.set()
        await talk.say_goodbye(0)

    peer.plays = [first, second]
    async with candidate_of(peer, at_once, on_instruction=obey):
        await answered.wait()
    assert shown == ["hello", "bye", "boom"]
    told = sorted((one["id"], one["ok"], one["code"]) for one in answers)
    assert told == [
        (1, True, None),
        (1, True, None),
        (2, False, "no_screen"),
        (3, False, "unsupported"),
        (4, False, "failed"),
    ]


async def test_a_new_stream_gets_the_rest_from_one(peer: Peer, at_once: Random) -> None:
    log: list[Note] = []

    async def first(talk: Talk) -> None:
        await talk.welcome()
        await talk.receive_events()
        await talk.send("ack", seq=1)
        await talk.connection.close(4500, "internal")

    async def second(talk: Talk) -> None:
        await talk.welcome(stream=str(OTHER))
        first_seq, events = await talk.receive_events()
        assert (first_seq, [event["data"]["n"] for event in events]) == (1, [2, 3])
        await talk.send("ack", seq=2)
        await talk.say_goodbye(2)

    peer.plays = [first, second]
    async with candidate_of(peer, at_once, log=log.append) as candidate:
        for number in (1, 2, 3):
            candidate.record("typing", {"n": number})
        await candidate.drained(5)
    assert [(note.what, note.stream, note.seq, note.event.data["n"]) for note in log if note.what != "recorded"] == [
        ("acked", STREAM, 1, 1),
        ("renumbered", OTHER, 1, 2),
        ("renumbered", OTHER, 2, 3),
        ("acked", OTHER, 1, 2),
        ("acked", OTHER, 2, 3),
    ]


async def test_rejected_numbers_are_kept_with_their_reason(peer: Peer, at_once: Random) -> None:
    async def play(talk: Talk) -> None:
        await talk.welcome(rejected=[])
        await talk.receive_events()
        await talk.send("ack", seq=2, rejected=[{"seq": 2, "code": "bad_type"}])
        await talk.say_goodbye(2)

    peer.plays = [play]
    async with candidate_of(peer, at_once) as candidate:
        candidate.record("alive")
        candidate.record("Bad Type")
        await candidate.drained(5)
        assert candidate.rejected == {(STREAM, 2): RejectCode.BAD_TYPE}


async def test_a_quiet_client_says_that_it_is_alive_and_then_pings(peer: Peer, at_once: Random) -> None:
    seen: list[str] = []

    async def play(talk: Talk) -> None:
        await talk.welcome(events=1, heartbeat_ms=40)
        for _ in range(4):
            frame = await talk.receive()
            seen.append(frame["t"])
            if frame["t"] == "events":
                seen.append(frame["events"][0]["type"])
        await talk.connection.close(4410, "ended")

    peer.plays = [play]
    candidate = candidate_of(peer, at_once, alive_ms=20)
    with pytest.raises(Ended):
        await left_at_its_end(candidate)
    assert seen == ["events", "alive", "ping", "ping", "ping"]


async def test_frames_of_a_newer_hub_are_skipped(peer: Peer, at_once: Random) -> None:
    async def play(talk: Talk) -> None:
        await talk.welcome(a_new_field=1)
        await talk.send("astonish", how="much")
        await talk.receive_events()
        await talk.send("ack", seq=1)
        await talk.say_goodbye(1)

    peer.plays = [play]
    async with candidate_of(peer, at_once) as candidate:
        candidate.record("alive")
        await candidate.drained(5)


async def test_an_impossible_acknowledgement_ends_the_client_and_drops_nothing(peer: Peer, at_once: Random) -> None:
    async def play(talk: Talk) -> None:
        await talk.welcome()
        await talk.receive_events()
        await talk.send("ack", seq=9)
        await talk.receive()

    peer.plays = [play]
    async with candidate_of(peer, at_once) as candidate:
        candidate.record("alive")
        with pytest.raises(HubFault):
            await candidate.drained(5)
        assert (candidate.sent, candidate.acked) == (1, 0)


@pytest.mark.parametrize("data", [{"x": object()}, {"x": "\ud800"}, {"x": "y" * 70_000}])
async def test_what_cannot_be_sent_is_refused_before_it_gets_a_number(
    peer: Peer, at_once: Random, data: dict[str, Any]
) -> None:
    candidate = candidate_of(peer, at_once)
    with pytest.raises(Unsendable):
        candidate.record("typing", data)
    assert candidate.record("typing", {"x": "ok"}) == 1


async def test_a_hub_that_is_not_there_is_tried_again(peer: Peer, at_once: Random) -> None:
    tickets = 0

    async def ticket() -> str:
        nonlocal tickets
        tickets += 1
        if tickets < 3:
            raise ConnectionError("no hub")
        return "t"

    peer.plays = [serve_all]
    async with Candidate(peer.url, ATTEMPT, ticket, proxy=None, random=at_once) as candidate:
        candidate.record("alive")
        await candidate.drained(5)
    assert tickets == 3


async def test_a_ticket_that_will_never_come_ends_the_client(peer: Peer, at_once: Random) -> None:
    async def ticket() -> str:
        raise LookupError("signed out")

    async with Candidate(peer.url, ATTEMPT, ticket, proxy=None, random=at_once) as candidate:
        candidate.record("alive")
        with pytest.raises(LookupError, match="signed out"):
            await candidate.drained(5)


async def test_a_cut_by_the_client_itself_loses_nothing(peer: Peer, at_once: Random) -> None:
    stored: list[int] = []

    async def play(talk: Talk) -> None:
        await talk.welcome(committed=len(stored))
        try:
            while True:
                frame = await talk.receive()
                if frame["t"] == "bye":
                    await talk.connection.close(1000, "normal")
                    return
                if frame["t"] == "events":
                    skip = len(stored) + 1 - frame["first_seq"]
                    assert skip >= 0, "a gap"
                    stored.extend(event["data"]["n"] for event in frame["events"][skip:])
                    await talk.send("ack", seq=len(stored))
        except ConnectionClosed:
            return

    peer.plays = [play]
    async with candidate_of(peer, at_once) as candidate:
        for number in range(1, 301):
            candidate.record("typing", {"n": number})
            if number % 50 == 0:
                candidate.cut()
            await asyncio.sleep(0)
        await candidate.drained(5)
        assert candidate.acked == candidate.sent == 300
    assert stored == list(range(1, 301))
