import logging
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy.exc
from litestar import Litestar, get, post
from litestar.di import Provide
from litestar.exceptions import HTTPException, InternalServerException
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from db.errors import (
    BadRequest,
    Conflict,
    Ended,
    Forbidden,
    ForeignStream,
    NotFound,
    NotOpen,
    RequestError,
    SettingsError,
)
from hub import errors
from hub.errors import MEANINGS, close_code_of, exception_handlers, interpret, meaning_of, problems
from hub.rest import auth, student
from hub.rest.exams import exams
from protocol.codes import CloseCode
from protocol.errors import Malformed, TooLarge
from tests.hub.serving import serve

SECRET = "what no stranger may read"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BadRequest("x"), 400, CloseCode.MALFORMED),
        (errors.Invalid("$.a", "x"), 400, CloseCode.MALFORMED),
        (errors.Unauthenticated("x"), 401, CloseCode.UNAUTHENTICATED),
        (errors.Expired("x"), 401, CloseCode.TOKEN_EXPIRED),
        (Forbidden("x"), 403, CloseCode.FORBIDDEN),
        (NotFound("x"), 404, CloseCode.FORBIDDEN),
        (Conflict("x"), 409, CloseCode.MALFORMED),
        (NotOpen("x"), 409, CloseCode.MALFORMED),
        (
            errors.NeedsConfirmation(
                [errors.RegisteredStudent(path="row 2", username="ada", name="Ada", registered_name="X")]
            ),
            409,
            CloseCode.MALFORMED,
        ),
        (errors.Gap("x", 3), 409, CloseCode.GAP),
        (errors.Superseded("x"), 409, CloseCode.SUPERSEDED),
        (errors.Disconnected("x"), 409, CloseCode.SILENT),
        (Ended("x"), 410, CloseCode.ENDED),
        (errors.Full("x"), 429, CloseCode.OVERLOADED),
        (ForeignStream("x"), 404, CloseCode.FORBIDDEN),
        (errors.TooManyFailures(3), 429, CloseCode.TOO_FAST),
        (errors.TooManyAccounts(), 429, CloseCode.TOO_FAST),
        (RecursionError(), 400, CloseCode.MALFORMED),
        (errors.Busy("x"), 503, CloseCode.OVERLOADED),
        (sqlalchemy.exc.TimeoutError("x"), 503, CloseCode.OVERLOADED),
        (ConnectionRefusedError("x"), 503, CloseCode.OVERLOADED),
        (TimeoutError(), 503, CloseCode.OVERLOADED),
        (HTTPException(status_code=405, detail="x"), 405, CloseCode.MALFORMED),
        (InternalServerException(SECRET), 500, CloseCode.INTERNAL),
        (ValueError(SECRET), 500, CloseCode.INTERNAL),
        (SettingsError(SECRET), 500, CloseCode.INTERNAL),
    ],
)
def test_every_error_has_one_status_and_one_close_code(error: Exception, status: int, code: CloseCode) -> None:
    assert meaning_of(error).status == status
    assert close_code_of(error) is code
    assert SECRET not in str(interpret(error))


def test_errors_of_the_protocol_keep_their_own_close_codes() -> None:
    assert close_code_of(Malformed("x")) is CloseCode.MALFORMED
    assert close_code_of(TooLarge("x")) is CloseCode.TOO_LARGE


def test_every_error_that_a_handler_raises_has_a_meaning() -> None:
    own = {errors.FrameworkError, errors._Unexpected}
    without = [kind for kind in _below(RequestError) if not set(kind.__mro__) & MEANINGS.keys()]
    assert set(without) == own


def test_every_problem_an_endpoint_documents_has_an_example() -> None:
    documented = problems(errors.Unauthenticated, errors.Expired, errors.Busy)
    assert sorted(documented) == [400, 401, 503]
    examples = [example.value for example in documented[401].examples or []]
    assert [value and value["code"] for value in examples] == ["unauthenticated", "expired"]


async def test_a_transient_error_of_postgresql_is_busy(engine: AsyncEngine) -> None:
    for state, status in (("57014", 503), ("55P03", 503), ("40P01", 503), ("53300", 503), ("22003", 500)):
        async with engine.connect() as conn:
            with pytest.raises(sqlalchemy.exc.DBAPIError) as failure:
                await conn.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$"))
        assert meaning_of(failure.value).status == status, state


async def test_an_absent_database_is_busy(tmp_path: Path) -> None:
    engine = create_async_engine(f"postgresql+asyncpg:///nothing?host={tmp_path}")
    with pytest.raises(OSError) as failure:
        async with engine.connect():
            pass
    assert meaning_of(failure.value).status == 503


async def test_a_lost_connection_is_busy(engine: AsyncEngine) -> None:
    async with engine.connect() as conn, engine.connect() as other:
        pid = (await conn.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        with pytest.raises(sqlalchemy.exc.DBAPIError) as failure:
            await conn.execute(text("SELECT 1"))
        await conn.invalidate()
    assert meaning_of(failure.value).status == 503


@get("/boom")
async def boom() -> None:
    raise ValueError(SECRET)


@post("/only-post")
async def only_post() -> None:
    return None


@get("/wait")
async def wait() -> None:
    raise errors.Busy("full", retry_s=7)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    app = Litestar([boom, only_post, wait], exception_handlers=exception_handlers, openapi_config=None)
    async with serve(app) as address, httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as client:
        yield client


async def test_an_unexpected_error_is_logged_and_not_shown(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    answer = await http.get("/boom")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:veritas:problem:internal",
        "title": "Something went wrong",
        "status": 500,
        "detail": "Something went wrong on our side. The error was logged.",
        "code": "internal",
    }
    (record,) = [record for record in caplog.records if record.name == "hub.errors"]
    assert record.getMessage() == "unexpected error at GET /boom"
    assert record.exc_info is not None


async def test_unknown_routes_and_wrong_methods_are_problems_too(http: httpx.AsyncClient) -> None:
    unknown, wrong = await http.get("/nowhere"), await http.get("/only-post")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert wrong.headers["allow"]


async def test_busy_has_a_time_to_retry(http: httpx.AsyncClient) -> None:
    answer = await http.get("/wait")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "7"
    assert answer.json()["detail"] == "full"


def test_the_documents_name_every_problem() -> None:
    parts = {
        name: Provide(lambda: None, sync_to_thread=False)
        for name in ("engine", "settings", "passwords", "failures", "notifier", "once", "batches")
    }
    schema = Litestar([auth.router, exams.router, student.router], dependencies=parts).openapi_schema.to_schema()
    login = schema["paths"]["/auth/login"]["post"]
    assert set(login["responses"]) == {"200", "400", "401", "403", "429", "503"}
    assert "application/problem+json" in login["responses"]["503"]["content"]
    for path in schema["paths"].values():
        for operation in path.values():
            assert operation["summary"]


def _below(kind: type[RequestError]) -> list[type[RequestError]]:
    return [below for child in kind.__subclasses__() for below in (child, *_below(child))]
