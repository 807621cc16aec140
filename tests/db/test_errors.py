import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import AWAY, Conflict, ForeignStream, NotFound, RequestError, SettingsError, sqlstate_of


async def test_the_sqlstate_of_an_error_of_postgresql_is_known(engine: AsyncEngine) -> None:
    async with engine.connect() as conn:
        with pytest.raises(DBAPIError) as failure:
            await conn.execute(text("SELECT 1 / 0"))
    assert sqlstate_of(failure.value) == "22012"


@pytest.mark.parametrize("error", [SQLAlchemyError("x"), OSError("x"), ValueError("x")])
def test_other_errors_have_no_sqlstate(error: Exception) -> None:
    assert sqlstate_of(error) == ""


@pytest.mark.parametrize("error", [SQLAlchemyError("x"), ConnectionRefusedError("x"), TimeoutError()])
def test_errors_of_a_database_that_is_away_are_recognized(error: Exception) -> None:
    assert isinstance(error, AWAY)


def test_an_error_of_a_request_does_not_mean_that_the_database_is_away() -> None:
    assert not isinstance(RequestError("x"), AWAY)


def test_a_conflict_names_the_earlier_change() -> None:
    conflict = Conflict("changed", by="Ada", at=7)
    assert (str(conflict), conflict.by, conflict.at) == ("changed", "Ada", 7)
    assert (Conflict("changed").by, Conflict("changed").at) == (None, None)


def test_special_errors_have_the_meaning_of_their_parent() -> None:
    assert issubclass(ForeignStream, NotFound)
    assert not issubclass(SettingsError, RequestError)
