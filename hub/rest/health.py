"""Health checks and metrics of this hub, without sign-in. They must never name a user or an exam."""

from importlib.metadata import version
from typing import Final, Literal

import msgspec
from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.status_codes import HTTP_503_SERVICE_UNAVAILABLE
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.errors import AWAY
from db.notify import Notifier
from db.queries.events import partitions
from hub import metrics
from hub.handshake import Gate
from hub.settings import HubSettings


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the hub and its services. Without Redis the hub is slower, but healthy."""

    status: Literal["healthy", "unhealthy"]
    database: Literal["connected", "disconnected"]
    redis: Literal["connected", "disconnected"]
    partitions_ahead: int | None
    version: str | None
    """Only where the hub has no public URL: strangers need not know it. Otherwise it is in the log of the hub."""


class Readiness(msgspec.Struct, frozen=True):
    """Whether a load balancer should send traffic here, and if not, the reason."""

    ready: bool
    reason: str | None = None


@get("/health", summary="Read the state of this hub")
async def read_health(
    engine: NamedDependency[AsyncEngine], notifier: NamedDependency[Notifier], settings: NamedDependency[HubSettings]
) -> Health:
    """Return the state of the hub, its database and its Redis."""
    ahead = await _partitions_ahead(engine)
    return Health(
        status="unhealthy" if ahead is None else "healthy",
        database="disconnected" if ahead is None else "connected",
        redis="connected" if await notifier.is_alive() else "disconnected",
        partitions_ahead=ahead,
        version=None if settings.public_url else version("veritas-proctor"),
    )


@get("/health/live", summary="Check that the process is running")
async def read_liveness() -> Readiness:
    """Answer while the process is running. A process that answers should not be restarted."""
    return Readiness(ready=True)


@get("/health/ready", summary="Check that this hub accepts traffic")
async def read_readiness(engine: NamedDependency[AsyncEngine], gate: NamedDependency[Gate]) -> Response[Readiness]:
    """Answer 200 unless the hub drains, PostgreSQL is away, tomorrow has no partition, or events are outside of one."""
    reason = "draining" if gate.is_draining else await _unready(engine)
    if reason is None:
        return Response(Readiness(ready=True))
    return Response(Readiness(ready=False, reason=reason), status_code=HTTP_503_SERVICE_UNAVAILABLE)


@get("/metrics", summary="Read the metrics for Prometheus", include_in_schema=False)
async def read_metrics() -> Response[bytes]:
    """Return all metrics of this process."""
    return Response(generate_latest(metrics.REGISTRY), media_type=CONTENT_TYPE_LATEST)


async def _partitions_ahead(engine: AsyncEngine) -> int | None:
    try:
        async with reading(engine) as conn:
            return await partitions.count_days_ahead(conn)
    except AWAY:
        return None


async def _unready(engine: AsyncEngine) -> str | None:
    try:
        async with reading(engine) as conn:
            if await partitions.count_days_ahead(conn) < 1:
                return "no partition for tomorrow's events"
            if not await partitions.is_default_empty(conn):
                return "events outside every partition"
    except AWAY as error:
        return f"database: {type(error).__name__}"
    return None


router: Final = Router(path="/", tags=["system"], route_handlers=[read_health, read_liveness, read_readiness])
