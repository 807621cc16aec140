import asyncio
from collections.abc import Collection
from uuid import UUID, uuid4

from hub.ingest.job_notifier import JobNotifier


async def test_a_single_notification_is_sent_at_once_and_later_ones_together() -> None:
    jobs: asyncio.Queue[set[UUID]] = asyncio.Queue()
    attempts = [uuid4() for _ in range(5)]

    async def enqueue(gathered: Collection[UUID]) -> None:
        jobs.put_nowait(set(gathered))

    async with asyncio.timeout(5), JobNotifier(enqueue) as job_notifier:
        job_notifier.put(frozenset(attempts[:1]))
        assert await jobs.get() == {attempts[0]}
        for attempt in attempts[1:]:
            job_notifier.put(frozenset({attempt}))
        assert await jobs.get() == set(attempts[1:])
