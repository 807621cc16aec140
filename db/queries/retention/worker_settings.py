"""What workers do with students' data, as their settings say: times of retention, and where the language model runs.

Workers write it when they start, and hubs read it for the notice. With several workers the last one counts, so they
need the same settings. It never contains a key or a full address.
"""

from typing import Final

import msgspec
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import WorkerSettingsRecord
from db.retention.times import Times

_NAME: Final = "data"


class DataSettings(msgspec.Struct, frozen=True):
    """The times of retention, and the host of the language model (none: no model) and whether it is local."""

    times: Times
    model_host: str | None = None
    is_model_local: bool = True


async def write_data_settings(conn: AsyncConnection, settings: DataSettings) -> None:
    """Store the settings of this worker."""
    value = msgspec.to_builtins(settings)
    written = insert(WorkerSettingsRecord).values(name=_NAME, value=value)
    await conn.execute(
        written.on_conflict_do_update(index_elements=["name"], set_={"value": value, "written_at": func.now()})
    )


async def read_data_settings(conn: AsyncConnection) -> DataSettings | None:
    """Read the settings of the workers; None before the first worker has started."""
    found = await conn.execute(select(WorkerSettingsRecord.value).where(WorkerSettingsRecord.name == _NAME))
    value = found.scalar_one_or_none()
    return None if value is None else msgspec.convert(value, DataSettings)
