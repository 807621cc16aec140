"""End the connections of dead hubs, and record clients that stay away, or are connected and silent.

It raises no flags and changes no board: the recorded events have no weight in any score. While this process could not
reach PostgreSQL, hubs and candidates could not either; then they get time to come back first.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from uuid_utils.compat import uuid7

from db.queries.connections import hub_leases, lost_connections, silent_clients
from db.queries.connections.lost_connections import LossReport, LostClient, OutageEvent
from judgement.outage import LEAST, CohortOutage, Loss, find_cohort_outages
from workers import metrics

log = structlog.get_logger(__name__)

EVERY_S: Final = 2.0
MISSED_S: Final = 3 * EVERY_S
"""After this time without a successful poll, it is unknown which clients could have reconnected."""

CATCH_UP_S: Final = 86_400.0
"""How far back the first poll searches: no worker may have been running over night."""

PATIENCE_S: Final = float(hub_leases.LEASE_S)
BATCH: Final = 200
"""The most attempts that one transaction locks: the hellos of their clients wait for it."""


STUCK_SHARE: Final = 0.5
"""When more than this share of a hub's clients is silent, and at least `LEAST`, the fault is the hub's."""


class LostConnectionDetector:
    """Records lost connections and silent clients. One for a process; any number of processes may run it."""

    def __init__(
        self,
        engine: AsyncEngine,
        clock: Callable[[], float] = time.monotonic,
        *,
        batch: int = BATCH,
        silent_s: float = lost_connections.SILENT_S,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._batch = batch
        self._silent_s = silent_s
        self._polled_s = float("-inf")
        self._patient_until_s = 0.0
        self._within_s = CATCH_UP_S

    async def poll(self) -> None:
        """End connections of dead hubs, then record outages, missed heartbeats and silences. Raises AWAY errors."""
        now_s = self._clock()
        if now_s - self._polled_s > MISSED_S:
            self._patient_until_s = now_s + PATIENCE_S
            self._within_s = CATCH_UP_S
        if now_s < self._patient_until_s:
            await self._check_database()
        else:
            await self._end_dead_hubs()
            await self._record_losses()
            await self._record_silences()
            self._within_s = lost_connections.WITHIN_S
        self._polled_s = self._clock()

    async def _check_database(self) -> None:
        async with self._engine.connect() as conn:
            await lost_connections.list_lost_clients(conn)

    async def _end_dead_hubs(self) -> None:
        ended = [hub_leases.CLOSED_AT_ONCE]
        while ended[-1] == hub_leases.CLOSED_AT_ONCE:
            async with self._engine.begin() as conn:
                ended.append(len(await hub_leases.end_dead_leases(conn)))
            metrics.LOST_CONNECTIONS.labels(kind=hub_leases.HUB_GONE).inc(ended[-1])
        if any(ended[1:]):
            log.warning("connections of dead hubs closed", connections=sum(ended[1:]))

    async def _record_losses(self) -> None:
        outages = 0
        has_more = True
        while has_more:
            async with self._engine.begin() as conn:
                due = await self._find_due(conn) if await lost_connections.try_lock(conn) else []
                recorded = await lost_connections.record_losses(conn, due)
            outages += _count(recorded)
            # The clients of the others are sending a hello now. The next poll checks them again.
            has_more = bool(recorded) and len(due) == self._batch
        if outages:
            log.warning("cohort outage", attempts=outages)

    async def _record_silences(self) -> None:
        """Record connected clients that send no events, and those that send events again."""
        async with self._engine.begin() as conn:
            if not await lost_connections.try_lock(conn):
                return
            await silent_clients.record_resumptions(conn, self._batch)
            silent = await silent_clients.list_silent_clients(conn, self._silent_s)
            counts = Counter(client.hub for client in silent)
            crowded = {hub for hub, count in counts.items() if count >= LEAST}
            stuck = find_stuck_hubs(counts, await silent_clients.count_connected(conn, crowded))
            due = [client for client in silent if client.hub not in stuck][: self._batch]
            recorded = await silent_clients.record_silences(conn, due)
        metrics.LOST_CONNECTIONS.labels(kind="client_silent").inc(len(recorded))
        if stuck:
            log.warning("most clients of a hub are silent: not recorded", hubs=len(stuck))

    async def _find_due(self, conn: AsyncConnection) -> list[LossReport]:
        """Find what to record now, the longest lost clients first, at most as many as one transaction may lock."""
        lost = await lost_connections.list_lost_clients(conn, self._within_s)
        counts = Counter(client.exam_id for client in lost)
        crowded = {exam_id for exam_id, count in counts.items() if count >= LEAST}
        losses = [
            Loss(client.attempt_id, client.exam_id, client.lost_at_ms, client.outage)
            for client in lost
            if client.exam_id in crowded
        ]
        cohort_outages = find_cohort_outages(losses, await lost_connections.count_online(conn, crowded))
        return list_reports(lost, cohort_outages)[: self._batch]


def find_stuck_hubs(silent: Mapping[UUID, int], connected: Mapping[UUID, int]) -> set[UUID]:
    """Find hubs of which most clients are silent. Then the hub does not store events; its clients are not to blame.

    >>> hub = UUID(int=1)
    >>> find_stuck_hubs({hub: 5}, {hub: 9}) == {hub}, find_stuck_hubs({hub: 5}, {hub: 10})
    (True, set())
    """
    return {hub for hub, count in connected.items() if silent[hub] > count * STUCK_SHARE}


def list_reports(lost: Sequence[LostClient], cohort_outages: Sequence[CohortOutage]) -> list[LossReport]:
    """List what is to be recorded about lost clients.

    An outage after `GRACE_S`, unless a missed heartbeat is recorded already; the missed heartbeat after `SILENT_S`.
    """
    events: dict[UUID, OutageEvent] = {}
    for outage in cohort_outages:
        event = OutageEvent(outage.group or uuid7(), outage.lost, outage.of)
        events.update(dict.fromkeys(outage.attempts, event))
    reports = []
    for client in lost:
        if client.is_silent or client.away_ms < lost_connections.GRACE_S * 1000:
            continue
        new_outage = events.get(client.attempt_id) if client.outage is None else None
        is_silent = client.away_ms >= lost_connections.SILENT_S * 1000
        if new_outage is not None or is_silent:
            reports.append(LossReport(client, new_outage, is_silent))
    return reports


def _count(recorded: Sequence[LossReport]) -> int:
    """Count the recorded events. Return how many of them were outages."""
    outages = sum(report.outage is not None for report in recorded)
    metrics.LOST_CONNECTIONS.labels(kind="cohort_outage").inc(outages)
    metrics.LOST_CONNECTIONS.labels(kind="heartbeat_missed").inc(sum(report.is_silent for report in recorded))
    return outages
