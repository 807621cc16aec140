"""Shared parts of the tests of a candidate: a client, and a hub that accepts everything."""

import asyncio
from random import Random
from typing import Any
from uuid import UUID

from tests.veritas.client.peer import Peer, Talk
from veritas.client import (
    Candidate,
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
    """Use a client, wait for its end, and ignore how it ended."""
    async with candidate:
        assert candidate._task is not None
        await asyncio.wait({candidate._task})
