from datetime import UTC, datetime

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from db.partitions import DAYS_AHEAD, partitions_ahead
from protocol.metrics import BOTH, HUB
from tests.conftest import BEGAN


async def test_a_healthy_hub_is_healthy_and_connected(http: httpx.AsyncClient) -> None:
    health = (await http.get("/health")).json()
    assert (health["status"], health["database"], health["redis"]) == ("healthy", "connected", "connected")
    assert health["partitions_ahead"] == DAYS_AHEAD - (datetime.now(UTC).date() - BEGAN).days


async def test_a_ready_hub_answers_200(http: httpx.AsyncClient) -> None:
    answer = await http.get("/health/ready")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)


async def test_a_hub_without_tomorrows_partition_is_not_ready(http: httpx.AsyncClient, engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        today = (await conn.execute(text("SELECT current_date"))).scalar_one()
        for partition in partitions_ahead(today)[2:]:
            await conn.execute(text(f"DROP TABLE IF EXISTS {partition.name}"))
    answer = await http.get("/health/ready")
    assert (answer.status_code, answer.json()["reason"]) == (503, "no partition for tomorrow's events")


async def test_an_event_outside_every_partition_makes_a_hub_not_ready(
    http: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    async with engine.begin() as conn:
        await conn.execute(
            text(
                "INSERT INTO monitoring_events (stream_id, seq, mono, client_timestamp, event_type, data_payload)"
                " VALUES ('00000000-0000-7000-8000-000000000000', 1, 0, now(), 'copy', '{}')"
            )
        )
    answer = await http.get("/health/ready")
    assert (answer.status_code, answer.json()["reason"]) == (503, "events outside every partition")


async def test_liveness_needs_nothing(http: httpx.AsyncClient) -> None:
    assert (await http.get("/health/live")).status_code == 200


async def test_every_metric_of_the_hub_is_shown_under_its_name(http: httpx.AsyncClient) -> None:
    shown = (await http.get("/metrics")).text
    for name in HUB | BOTH:
        assert f"# HELP {name.removesuffix('_total')}" in shown
