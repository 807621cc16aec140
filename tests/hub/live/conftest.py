from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.settings import HubSettings
from tests.hub.live.consoles import Hub
from tests.hub.live.room import Room, make_room
from tests.hub.serving import serve


@pytest.fixture
async def room(engine: AsyncEngine) -> Room:
    return await make_room(engine)


@pytest.fixture
async def hub(settings: HubSettings, engine: AsyncEngine) -> AsyncIterator[Hub]:
    hub = Hub(settings, engine)
    async with AsyncExitStack() as stack:
        for part in hub.parts():
            await stack.enter_async_context(part)
        hub.address = await stack.enter_async_context(serve(hub.app()))
        yield hub
