import asyncio
import logging
import socket
from collections.abc import Iterator

import pytest

from hub import metrics
from hub.network_faults import CountLostWrites


@pytest.fixture
def counting() -> Iterator[None]:
    count_lost_writes = CountLostWrites()
    logger = logging.getLogger("asyncio")
    logger.addFilter(count_lost_writes)
    yield
    logger.removeFilter(count_lost_writes)


@pytest.mark.usefixtures("counting")
async def test_writes_to_a_peer_that_has_left_are_counted_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    left = metrics.NETWORK_FAULTS.labels(kind="client_left")
    before = left._value.get()
    ours, theirs = socket.socketpair()
    _, writer = await asyncio.open_connection(sock=ours)
    theirs.close()
    for _ in range(20):
        writer.write(b"x")
    writer.transport.abort()
    assert left._value.get() > before
    assert [record for record in caplog.records if record.name == "asyncio" and record.levelno > logging.INFO] == []


@pytest.mark.usefixtures("counting")
def test_other_warnings_of_asyncio_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("asyncio").warning("something else")
    assert [record.message for record in caplog.records] == ["something else"]
