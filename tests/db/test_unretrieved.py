import asyncio
import gc

import pytest
from asyncpg import ConnectionDoesNotExistError
from redis.exceptions import ConnectionError as RedisConnectionError

from db.unretrieved import note_unretrieved


async def abandon(error: Exception) -> list[str]:
    """Abandon a future with this exception; return what was noted."""
    noted: list[str] = []
    loop = asyncio.get_running_loop()
    note_unretrieved(loop, lambda: noted.append("lost"))
    try:
        loop.create_future().set_exception(error)
        gc.collect()
    finally:
        loop.set_exception_handler(None)
    return noted


@pytest.mark.parametrize("error", [ConnectionDoesNotExistError("gone"), ConnectionResetError(), RedisConnectionError()])
async def test_a_lost_connection_that_no_one_retrieves_is_no_error(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    assert await abandon(error) == ["lost"]
    assert caplog.records == []


async def test_any_other_unretrieved_exception_is_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> None:
    assert await abandon(ValueError("a fault of ours")) == []
    assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_what_fails_in_a_callback_is_logged_as_an_error_also_for_a_lost_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    noted: list[str] = []
    loop = asyncio.get_running_loop()
    note_unretrieved(loop, lambda: noted.append("lost"))

    def fail() -> None:
        raise ConnectionResetError

    loop.call_soon(fail)
    await asyncio.sleep(0)
    loop.set_exception_handler(None)
    assert noted == []
    assert len(caplog.records) == 1
