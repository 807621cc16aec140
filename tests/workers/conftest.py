"""Attempts to evaluate."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from db.notify import Notifier
from tests.workers.rooms import Room
from workers.jobs.evaluate import Evaluator


@pytest.fixture
def room(engine: AsyncEngine) -> Room:
    return Room(engine)


@pytest.fixture
def evaluator(engine: AsyncEngine, notifier: Notifier) -> Evaluator:
    return Evaluator(engine, notifier)
