"""How a socket is kept, by the candidate over real sockets: which codes bring it back, when, where to, and as whom."""

import asyncio
from random import Random

import pytest

from tests.veritas.client.peer import Peer, Talk
from tests.veritas.client.seeded import ATTEMPT, candidate_of, left_at_its_end, serve_all
from veritas.client import (
    Access,
    Candidate,
    ClosedForGood,
    Ended,
    Forbidden,
    NotDrained,
    Refused,
    Superseded,
    Unauthenticated,
    link,
)


class Recording(Random):
    """Backoff without waiting, that remembers how long it might have been."""

    def __init__(self) -> None:
        super().__init__()
        self.bounds: list[float] = []

    def uniform(self, a: float, b: float) -> float:
        self.bounds.append(b)
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
    assert random.bounds == [longest_s]


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
    assert random.bounds == [7.0]


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


async def test_a_sign_in_is_renewed_in_band_before_it_ends(peer: Peer, at_once: Random) -> None:
    tokens = iter(["one", "two"])

    async def get_token() -> Access:
        return Access(next(tokens), 3_000)

    async def play(talk: Talk) -> None:
        await talk.welcome(auth_until=2_000)
        assert [await talk.receive(), await talk.receive()] == [
            {"t": "auth", "token": "one"},
            {"t": "auth", "token": "two"},
        ]
        await talk.connection.close(4403, "forbidden")

    peer.plays = [play]
    with pytest.raises(Forbidden):
        await left_at_its_end(candidate_of(peer, at_once, get_token=get_token))


async def test_a_renewal_that_fails_for_good_ends_the_client(peer: Peer, at_once: Random) -> None:
    async def get_token() -> Access:
        raise LookupError("signed out")

    async def play(talk: Talk) -> None:
        await talk.welcome(auth_until=2)
        await talk.connection.wait_closed()

    peer.plays = [play]
    with pytest.raises(LookupError, match="signed out"):
        await left_at_its_end(candidate_of(peer, at_once, get_token=get_token))


@pytest.mark.parametrize("code", [1006, 4500, 4503, 4505])
async def test_with_two_addresses_the_client_goes_on_at_the_other(
    peer: Peer, other: Peer, at_once: Random, code: int
) -> None:
    async def first(talk: Talk) -> None:
        await talk.welcome()
        await talk.receive_events()
        await talk.send("ack", seq=1)
        if code == 1006:
            talk.connection.transport.abort()
        else:
            await talk.connection.close(code, "again")

    async def second(talk: Talk) -> None:
        await talk.welcome(committed=1)
        assert (await talk.receive_events())[0] == 2
        await talk.send("ack", seq=2)
        await talk.say_goodbye(2)

    peer.plays, other.plays = [first], [second]
    urls = [peer.url, other.url]
    async with Candidate(urls, ATTEMPT, peer.ticket, proxy=None, random=at_once) as candidate:
        candidate.record("alive")
        await candidate.drained(5)
        candidate.record("alive")
        await candidate.drained(5)
    assert (peer.met, other.met) == (1, 1)


async def test_an_address_without_a_listener_is_skipped(peer: Peer, at_once: Random) -> None:
    peer.plays = [serve_all]
    urls = ["ws://127.0.0.1:9/ws", peer.url]
    async with Candidate(urls, ATTEMPT, peer.ticket, proxy=None, random=at_once) as candidate:
        candidate.record("alive")
        await candidate.drained(5)


class Slowest(Random):
    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002 - the signature is the library's
        return 60.0


async def test_hurry_ends_the_reconnect_delay(peer: Peer) -> None:
    async def first(talk: Talk) -> None:
        await talk.welcome()
        await talk.receive_events()
        await talk.send("ack", seq=1)
        await talk.connection.close(4503, "overloaded")

    peer.plays = [first, serve_all]
    async with candidate_of(peer, Slowest()) as candidate:
        candidate.record("alive")
        await candidate.drained(5)
        candidate.record("alive")
        with pytest.raises(NotDrained):
            await candidate.drained(0.2)
        candidate.hurry()
        await candidate.drained(5)


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


async def test_a_hub_that_is_frozen_is_left_for_the_next(
    peer: Peer, other: Peer, at_once: Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wait in ("PING_S", "CLOSE_TIMEOUT_S"):
        monkeypatch.setattr(link, wait, 0.1)
    moved = asyncio.Event()

    async def frozen(talk: Talk) -> None:
        await talk.welcome()
        talk.connection.transport.pause_reading()
        await moved.wait()
        talk.connection.transport.abort()

    peer.plays, other.plays = [frozen], [serve_all]
    urls = [peer.url, other.url]
    try:
        async with Candidate(urls, ATTEMPT, peer.ticket, proxy=None, random=at_once) as candidate:
            candidate.record("alive")
            await candidate.drained(5)
    finally:
        moved.set()
