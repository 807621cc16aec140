"""Absences: connections of dead hubs end, and who is gone for long is named: an outage first, then a silence.

Thin: load, judge, store. Nothing here reaches a rule's verdict or a board: what is stated are facts that weigh nothing.
While PostgreSQL did not answer us it answered nobody: hubs and candidates then get time to be back before any of this.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from uuid_utils.compat import uuid7

from db.queries.connections import hub_leases, lost_connections
from db.queries.connections.lost_connections import CohortOutage, LossReport, LostClient
from judgement.outage import LEAST, Cohort, Loss, find_cohorts
from workers import metrics

log = structlog.get_logger(__name__)

LOOK_S: Final = 2.0
MISSED_S: Final = 3 * LOOK_S
"""After so long without a look that went well, we know nothing of who could have been back by now."""

CATCH_UP_S: Final = 86_400.0
"""How far back the first look looks: nobody may have been looking over night."""

PATIENCE_S: Final = float(hub_leases.LEASE_S)
STATED_AT_ONCE: Final = 200
"""How many attempts are locked in one transaction: their candidates' hellos wait for it."""


class Lookout:
    """Looks after the absent; one for a process, and any number of processes."""

    def __init__(self, engine: AsyncEngine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._looked_s = float("-inf")
        self._patient_until_s = 0.0
        self._within_s = CATCH_UP_S

    async def look(self) -> None:
        """End what dead hubs left open, then name outages and silences. Raises what PostgreSQL's absence raises."""
        now_s = self._clock()
        if now_s - self._looked_s > MISSED_S:
            self._patient_until_s = now_s + PATIENCE_S
            self._within_s = CATCH_UP_S
        if now_s < self._patient_until_s:
            await self._ask()
        else:
            await self._end_dead_hubs()
            await self._name_absences()
            self._within_s = lost_connections.WITHIN_S
        self._looked_s = self._clock()

    async def _ask(self) -> None:
        async with self._engine.connect() as conn:
            await lost_connections.list_lost_clients(conn)

    async def _end_dead_hubs(self) -> None:
        ended = [hub_leases.CLOSED_AT_ONCE]
        while ended[-1] == hub_leases.CLOSED_AT_ONCE:
            async with self._engine.begin() as conn:
                ended.append(len(await hub_leases.end_dead_leases(conn)))
            metrics.ABSENCES.labels(kind=hub_leases.HUB_GONE).inc(ended[-1])
        if any(ended[1:]):
            log.warning("connections of dead hubs closed", connections=sum(ended[1:]))

    async def _name_absences(self) -> None:
        outages = 0
        stated = STATED_AT_ONCE
        while stated:
            async with self._engine.begin() as conn:
                due = await _find_due(conn, self._within_s) if await lost_connections.try_lock(conn) else []
                told = await lost_connections.record_losses(conn, due)
            outages += _count(told)
            # Whoever was left out is just saying hello: the next look sees whether that went well.
            stated = len(told) if len(due) == STATED_AT_ONCE else 0
        if outages:
            log.warning("cohort outage", attempts=outages)


def due_of(client: Sequence[LostClient], cohorts: Sequence[Cohort]) -> list[LossReport]:
    """Say what is due of whom: an outage once the grace is over, unless a silence came first; then the silence."""
    outages: dict[UUID, CohortOutage] = {}
    for cohort in cohorts:
        named = CohortOutage(cohort.group or uuid7(), cohort.lost, cohort.of)
        outages.update(dict.fromkeys(cohort.attempts, named))
    due = []
    for one in client:
        if one.is_silent or one.away_ms < lost_connections.GRACE_S * 1000:
            continue
        outage = outages.get(one.attempt_id) if one.outage is None else None
        is_silent = one.away_ms >= lost_connections.SILENT_S * 1000
        if outage is not None or is_silent:
            due.append(LossReport(one, outage, is_silent))
    return due


async def _find_due(conn: AsyncConnection, within_s: float) -> list[LossReport]:
    """What is to be stated now: of those gone longest, as many as one transaction may hold."""
    client = await lost_connections.list_lost_clients(conn, within_s)
    crowded = {exam_id for exam_id, lost in Counter(one.exam_id for one in client).items() if lost >= LEAST}
    losses = [Loss(one.attempt_id, one.exam_id, one.lost_at_ms, one.outage) for one in client if one.exam_id in crowded]
    cohorts = find_cohorts(losses, await lost_connections.count_online(conn, crowded))
    return due_of(client, cohorts)[:STATED_AT_ONCE]


def _count(told: Sequence[LossReport]) -> int:
    """Count what was stated; of how many that was an outage."""
    outages = sum(one.outage is not None for one in told)
    metrics.ABSENCES.labels(kind="cohort_outage").inc(outages)
    metrics.ABSENCES.labels(kind="heartbeat_missed").inc(sum(one.is_silent for one in told))
    return outages
