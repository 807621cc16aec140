"""A room of attempts to judge."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.workers.rooms import Room


@pytest.fixture
def room(engine: AsyncEngine) -> Room:
    return Room(engine)
