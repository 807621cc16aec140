"""The candidate's instructions, over real sockets."""

import asyncio
from random import Random
from typing import Any

from tests.veritas.client.peer import Peer, Talk
from tests.veritas.client.seeded import candidate_of


async def test_an_instruction_is_carried_out_once_and_answered_every_time(peer: Peer, at_once: Random) -> None:
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
    results = sorted((answer["id"], answer["ok"], answer["code"]) for answer in answers)
    assert results == [
        (1, True, None),
        (1, True, None),
        (2, False, "no_screen"),
        (3, False, "unsupported"),
        (4, False, "failed"),
    ]
