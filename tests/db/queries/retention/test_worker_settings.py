"""The last worker that started tells hubs what is done with data."""

from sqlalchemy.ext.asyncio import AsyncConnection

from db.queries.retention.worker_settings import DataSettings, read_data_settings, write_data_settings
from db.retention.times import Times


async def test_the_last_worker_counts(conn: AsyncConnection) -> None:
    assert await read_data_settings(conn) is None
    first = DataSettings(Times(events=1, reviews=2, answers=3, addresses=4))
    second = DataSettings(Times(events=5, reviews=6, answers=7, addresses=8), "model.example", is_model_local=False)
    for settings in (first, second):
        await write_data_settings(conn, settings)
        assert await read_data_settings(conn) == settings
