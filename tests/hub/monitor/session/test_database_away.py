"""While events cannot be stored, a client that keeps sending hears answers to its pings and stays connected."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.monitor.times import SessionTimes
from protocol import monitor
from tests.hub.monitor.conftest import CandidateClient, events, with_timing


@with_timing(session=SessionTimes(silence_ms=2_000), tick_s=0.05)
async def test_a_client_that_pings_while_events_wait_for_the_database_is_not_closed(
    candidate: CandidateClient, engine: AsyncEngine
) -> None:
    peer, _ = await candidate.enter()
    async with engine.connect() as holder:
        await holder.execute(text("LOCK TABLE monitoring_events IN SHARE MODE"))
        await peer.send(events(1, 1))
        # Twice as long as a silent client may stay: the only frames that come are pongs.
        for seq in range(2, 12):
            await peer.send(events(seq, seq))
            await peer.send(monitor.Ping(seq))
            assert (await peer.receive(monitor.Pong)).at == seq
            await holder.execute(text("SELECT pg_sleep(0.4)"))
        await holder.rollback()
    acked = 0
    while acked < 11:
        acked = (await peer.receive(monitor.Ack)).seq
    assert acked == 11
