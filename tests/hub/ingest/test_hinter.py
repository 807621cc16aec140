import asyncio
from collections.abc import Collection
from uuid import UUID, uuid4

from db.hints import Hints
from hub.ingest.hinter import Hinter


class Heard(Hints):
    """Hints that go nowhere but into a list."""

    def __init__(self) -> None:
        self.jobs: list[set[UUID]] = []
        self.came = asyncio.Event()

    async def enqueue_evaluate(self, attempts: Collection[UUID]) -> None:
        self.jobs.append(set(attempts))
        self.came.set()


async def test_a_lone_hint_goes_out_at_once_and_those_after_it_together() -> None:
    heard, attempts = Heard(), [uuid4() for _ in range(5)]
    async with asyncio.timeout(5), Hinter(heard) as hinter:
        hinter.hint(frozenset(attempts[:1]))
        await heard.came.wait()
        heard.came.clear()
        for attempt in attempts[1:]:
            hinter.hint(frozenset({attempt}))
        await heard.came.wait()
    assert heard.jobs == [{attempts[0]}, set(attempts[1:])]
