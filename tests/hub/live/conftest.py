from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import create_engine
from hub.settings import HubSettings
from tests.hub.consoles import Hub
from tests.hub.exam_room import Room, make_room
from tests.hub.serving import serve


@pytest.fixture
async def room(engine: AsyncEngine) -> Room:
    return await make_room(engine)


@pytest.fixture
async def hub(settings: HubSettings, engine: AsyncEngine) -> AsyncIterator[Hub]:
    watch_engine = create_engine(settings)
    hub = Hub(settings, engine, watch_engine)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(watch_engine.dispose)
        for part in hub.parts():
            await stack.enter_async_context(part)
        hub.address = await stack.enter_async_context(serve(hub.app()))
        yield hub
