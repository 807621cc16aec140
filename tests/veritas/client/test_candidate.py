"""The candidate's client against a scripted hub, over real sockets."""

import asyncio
import contextlib
from random import Random
from typing import Any
from uuid import UUID

import pytest
from websockets.exceptions import ConnectionClosed

from protocol import monitor
from protocol.attempts import AttemptStatus
from protocol.codec import Encoding
from protocol.codes import RejectCode
from tests.veritas.client.peer import Peer, Talk
from tests.veritas.client.seeded import ATTEMPT, OTHER, STREAM, candidate_of, left_at_its_end
from veritas.client import (
    Candidate,
    Ended,
    Forbidden,
    HubFault,
    NotDrained,
    Note,
    Superseded,
    Unsendable,
)


def fields_of(note: Note) -> tuple[str, UUID | None, int, int | None]:
    return note.what, note.stream, note.seq, note.event.data["n"] if note.event else None


@pytest.mark.parametrize("encoding", Encoding)
async def test_recorded_events_arrive_and_are_acknowledged(peer: Peer, at_once: Random, encoding: Encoding) -> None:
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


async def test_after_a_cut_in_a_batch_the_client_resumes_at_the_stored_number(peer: Peer, at_once: Random) -> None:
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
    acked = [
        (note.stream, note.seq, note.event.data["n"]) for note in log if note.event is not None and note.what == "acked"
    ]
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


async def test_an_unreported_end_is_raised_when_the_block_is_left(peer: Peer, at_once: Random) -> None:
    async def play(talk: Talk) -> None:
        await talk.welcome()
        await talk.connection.close(4409, "superseded")

    peer.plays = [play]
    with pytest.raises(Superseded):
        await left_at_its_end(candidate_of(peer, at_once))


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
    assert [fields_of(note) for note in log if note.what != "recorded"] == [
        ("opened", STREAM, 0, None),
        ("acked", STREAM, 1, 1),
        ("opened", OTHER, 0, None),
        ("renumbered", OTHER, 1, 2),
        ("renumbered", OTHER, 2, 3),
        ("acked", OTHER, 1, 2),
        ("acked", OTHER, 2, 3),
    ]


async def test_events_stored_in_the_old_stream_are_acknowledged_and_the_rest_goes_to_the_new_one(
    peer: Peer, at_once: Random
) -> None:
    log: list[Note] = []

    async def first(talk: Talk) -> None:
        await talk.welcome()
        await talk.receive_events()
        await talk.connection.close(4500, "internal")

    async def second(talk: Talk) -> None:
        await talk.welcome(stream=str(OTHER), previous={"stream": str(STREAM), "committed": 2})
        first_seq, events = await talk.receive_events()
        assert (first_seq, [event["data"]["n"] for event in events]) == (1, [3])
        await talk.send("ack", seq=1)
        await talk.say_goodbye(1)

    peer.plays = [first, second]
    async with candidate_of(peer, at_once, log=log.append) as candidate:
        for number in (1, 2, 3):
            candidate.record("typing", {"n": number})
        await candidate.drained(5)
        assert (candidate.sent, candidate.acked) == (3, 3)
    assert [fields_of(note) for note in log if note.what != "recorded"] == [
        ("opened", STREAM, 0, None),
        ("acked", STREAM, 1, 1),
        ("acked", STREAM, 2, 2),
        ("opened", OTHER, 0, None),
        ("renumbered", OTHER, 1, 3),
        ("acked", OTHER, 1, 3),
    ]


async def test_a_rotation_waits_for_the_acknowledgement_sends_bye_and_reconnects(peer: Peer, at_once: Random) -> None:
    hellos: list[dict[str, Any]] = []
    rotating = asyncio.Event()

    async def first(talk: Talk) -> None:
        await talk.welcome()
        await talk.receive_events()
        await talk.send("rotate")
        rotating.set()
        await talk.send("instruct", id=1, action="sing", issued_at=1)
        assert (await talk.receive())["t"] == "done", "an event more in the old stream"
        await talk.send("ack", seq=1)
        await talk.say_goodbye(1)

    async def second(talk: Talk) -> None:
        hellos.append(await talk.welcome(stream=str(OTHER), previous={"stream": str(STREAM), "committed": 1}))
        first_seq, events = await talk.receive_events()
        assert (first_seq, [event["data"]["n"] for event in events]) == (1, [2])
        await talk.send("ack", seq=1)
        await talk.say_goodbye(1)

    peer.plays = [first, second]
    async with candidate_of(peer, at_once) as candidate:
        candidate.record("typing", {"n": 1})
        await rotating.wait()
        candidate.record("typing", {"n": 2})
        await candidate.drained(5)
        assert (candidate.sent, candidate.acked, candidate.stream) == (2, 2, OTHER)
    assert {"stream": str(STREAM), "acked": 1, "next_seq": 3}.items() <= hellos[0].items()


async def test_a_final_code_in_a_rotation_is_still_final(peer: Peer, at_once: Random) -> None:
    async def play(talk: Talk) -> None:
        await talk.welcome()
        await talk.send("rotate")
        assert (await talk.receive())["t"] == "bye"
        await talk.connection.close(4409, "superseded")

    peer.plays = [play]
    with pytest.raises(Superseded):
        await left_at_its_end(candidate_of(peer, at_once))


async def test_a_full_queue_states_what_it_dropped(peer: Peer, at_once: Random) -> None:
    log: list[Note] = []
    frames: list[dict[str, Any]] = []

    async def play(talk: Talk) -> None:
        await talk.welcome()
        frames.extend([await talk.receive(), await talk.receive()])
        await talk.send("ack", seq=5)
        await talk.say_goodbye(5)

    peer.plays = [play]
    candidate = candidate_of(peer, at_once, log=log.append, most_events=2)
    for number in range(1, 6):
        candidate.record("typing", {"n": number})
    async with candidate:
        await candidate.drained(5)
        assert (candidate.sent, candidate.acked, candidate.lost) == (5, 5, 3)
    assert frames[0] == {"t": "lost", "to_seq": 3, "reason": "overflow"}
    assert [event["data"]["n"] for event in frames[1]["events"]] == [4, 5]
    assert [fields_of(note)[2:] for note in log if note.what == "lost"] == [(1, 1), (2, 2), (3, 3)]
    assert [(note.seq, note.count, note.event is None) for note in log if note.what == "acked"] == [
        (3, 3, True),
        (4, 1, False),
        (5, 1, False),
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
        await talk.connection.close(4403, "forbidden")

    peer.plays = [play]
    candidate = candidate_of(peer, at_once, alive_ms=1)
    with pytest.raises(Forbidden):
        await left_at_its_end(candidate)
    assert seen == ["events", "alive", "ping", "ping", "ping"]


async def test_a_client_that_sends_and_hears_nothing_pings(peer: Peer, at_once: Random) -> None:
    """A hub that cannot store events acknowledges nothing; only the answer to a ping shows that it is there."""
    seen: list[str] = []

    async def play(talk: Talk) -> None:
        await talk.welcome(heartbeat_ms=60)
        while seen.count("ping") < 3:
            seen.append((await talk.receive())["t"])
        await talk.connection.close(4403, "forbidden")

    async def keep_recording(candidate: Candidate) -> None:
        while True:
            candidate.record("typing")
            await asyncio.sleep(0.005)

    peer.plays = [play]
    candidate = candidate_of(peer, at_once)
    recording = asyncio.create_task(keep_recording(candidate))
    with pytest.raises(Forbidden):
        await left_at_its_end(candidate)
    recording.cancel()
    assert seen.count("events") > 3


async def test_a_queue_that_was_set_back_is_delivered_in_a_new_stream(peer: Peer, at_once: Random) -> None:
    hellos: list[dict[str, Any]] = []
    stored: list[int] = []

    async def first(talk: Talk) -> None:
        hellos.append(await talk.welcome())
        await talk.receive_events()
        await talk.send("ack", seq=1, mac="proof")
        await talk.receive_events()
        talk.connection.transport.abort()

    async def with_another_event(talk: Talk) -> None:
        hellos.append(await talk.welcome(committed=2, last={"seq": 2, "at": 5, "mono": 5}))
        await talk.connection.wait_closed()

    async def in_a_new_stream(talk: Talk) -> None:
        previous = {"stream": str(STREAM), "committed": 1}
        hellos.append(await talk.welcome(stream=str(OTHER), previous=previous))
        first_seq, events = await talk.receive_events()
        stored.extend(event["data"]["n"] for event in events)
        await talk.send("ack", seq=first_seq + len(events) - 1)
        await talk.say_goodbye(first_seq + len(events) - 1)

    peer.plays = [first, with_another_event, in_a_new_stream]
    async with candidate_of(peer, at_once) as candidate:
        candidate.record("typing", {"n": 1})
        await candidate.drained(5)
        candidate.record("typing", {"n": 2})
        await candidate.drained(5)
    assert [(hello["acked"], hello["acked_mac"]) for hello in hellos] == [(0, ""), (1, "proof"), (1, "proof")]
    assert [mark["seq"] for mark in hellos[2]["pending"]] == [1, 2]
    assert stored == [2]


async def test_a_client_whose_attempt_is_over_and_stored_finishes_without_an_error(peer: Peer, at_once: Random) -> None:
    seen: list[str] = []

    async def play(talk: Talk) -> None:
        await talk.welcome()
        await talk.receive_events()
        await talk.send("attempt", status="ended", deadline=99)
        await talk.send("ack", seq=1)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                seen.append((await talk.receive())["t"])
        await talk.connection.close(4410, "ended")

    peer.plays = [play]
    async with candidate_of(peer, at_once, alive_ms=60) as candidate:
        candidate.record("copy")
        await candidate.drained(5)
        await candidate.finished()
        assert candidate.attempt == monitor.Attempt(AttemptStatus.ENDED, 99)
        assert (candidate.acked, candidate.connections) == (1, 1)
    assert seen == [], "the client sends nothing after the end"


async def test_events_recorded_while_the_attempt_ended_are_delivered_later(peer: Peer, at_once: Random) -> None:
    hellos: list[dict[str, Any]] = []

    async def end_it(talk: Talk) -> None:
        hellos.append(await talk.welcome(events=1))
        await talk.receive_events()
        candidate.record("copy", {"n": 2})
        await talk.send("ack", seq=1)
        await talk.connection.close(4410, "ended")

    async def take_the_rest(talk: Talk) -> None:
        hellos.append(await talk.welcome(committed=1, attempt={"status": "ended"}))
        assert (await talk.receive_events())[0] == 2
        await talk.send("ack", seq=2)
        await talk.connection.close(4410, "ended")

    peer.plays = [end_it, take_the_rest]
    async with candidate_of(peer, at_once) as candidate:
        candidate.record("copy", {"n": 1})
        await candidate.finished()
        assert (candidate.acked, candidate.connections) == (2, 2)
    assert [hello["next_seq"] for hello in hellos] == [2, 3]


async def test_a_client_that_is_refused_ends_and_keeps_its_queue(peer: Peer, at_once: Random) -> None:
    async def refuse(talk: Talk) -> None:
        await talk.receive()
        await talk.connection.close(4410, "ended")

    peer.plays = [refuse]
    async with candidate_of(peer, at_once) as candidate:
        candidate.record("copy")
        with pytest.raises(Ended):
            await candidate.drained(5)
        assert (candidate.sent, candidate.acked, candidate.connections) == (1, 0, 1)


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
async def test_an_event_that_cannot_be_sent_is_refused_before_it_gets_a_number(
    peer: Peer, at_once: Random, data: dict[str, Any]
) -> None:
    candidate = candidate_of(peer, at_once)
    with pytest.raises(Unsendable):
        candidate.record("typing", data)
    assert candidate.record("typing", {"x": "ok"}) == 1


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
