"""Download everything that is stored about oneself, as JSON or as a page to read.

It is written while it is sent: it must never be in memory as a whole, and never hold a connection while its reader is
slow. The page loads nothing and runs nothing. The download is recorded in the audit log.
"""

import html
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, Schema
from litestar.params import FromQuery
from litestar.response import Stream
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Forbidden
from db.queries.student import own_data
from db.queries.student.attempt_view import Owner
from db.queries.student.own_data import SECTIONS, Values, Withheld
from db.unit import change
from hub.auth.guards import BEARER, Principal
from hub.errors import Expired, Invalid, Unauthenticated, problems
from hub.pages.headers import NOTHING_ALLOWED
from hub.rest.http.audit import AnyRequest, record_action

EVENTS: Final = "events"

HEADINGS: Final = {
    "account": "Your account",
    "sessions": "Your sign-ins",
    "recorded_actions": "Recorded actions of yours, with address and browser",
    "exams": "Your exams",
    "attempts": "Your attempts",
    "answers": "Your answers, every saved revision",
    "grades": "Your points and comments",
    "connections": "Connections of your exam page",
    "findings": "Findings about you, with the events they cite",
    "messages": "Messages to you during exams",
    "summaries": "Summaries for your teacher",
    "model_runs": "What was sent to a language model about you, and what it answered",
    "holds": "Reasons for which data about you are kept longer",
    "figures": "Your figures over all exams",
    "notices": "Notices that you acknowledged",
    EVENTS: "Recorded events",
}

WITHHELD: Final = (
    "Not in this file: findings that are not decided yet, which you see after the decision ({findings} now). Points, "
    "summaries and what a model wrote, before the results of an exam are released ({attempts} attempts now). Answer "
    "keys. Names of teachers. Labels that Veritas computes for teachers: ask your school about them."
)

_DOCUMENTED: Final = {
    200: ResponseSpec(dict[str, Any], media_type="application/json", generate_examples=False, description="Your data")
}


@dataclass
class _TwoFormats(Operation):
    """The documented route: Litestar describes one media type of an answer, and this one has two."""

    def __post_init__(self) -> None:
        """Add the page to the answer."""
        described = (self.responses or {}).get("200")
        if isinstance(described, OpenAPIResponse) and described.content is not None:
            described.content["text/html"] = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))


class DataFormat(StrEnum):
    """How the data are written."""

    JSON = "json"
    HTML = "html"


@get(
    "/me/data",
    summary="Download your data",
    security=BEARER,
    operation_class=_TwoFormats,
    responses={**_DOCUMENTED, **problems(Invalid, Unauthenticated, Expired, Forbidden)},
)
async def download_data(
    request: AnyRequest,
    engine: NamedDependency[AsyncEngine],
    principal: NamedDependency[Principal],
    format: FromQuery[DataFormat] = DataFormat.JSON,  # noqa: A002 - error messages use the name of the parameter
) -> Stream:
    """Download everything that is stored about you. After a sign-in by code, only of that exam."""
    owner = Owner(principal.user_id, principal.exam_id)
    async with change(engine, None) as unit:
        withheld = await own_data.count_withheld(unit.conn, owner)
        record_action(unit, request, principal.user_id, "download_data", "user", principal.user_id)
    write = write_html if format is DataFormat.HTML else write_json
    kind = "text/html" if format is DataFormat.HTML else "application/json"
    headers = {
        "Content-Disposition": f'attachment; filename="veritas-data.{format}"',
        "Content-Security-Policy": f"{NOTHING_ALLOWED}; style-src 'unsafe-inline'; sandbox",
        "Cache-Control": "no-store",
    }
    return Stream(write(read_parts(engine, owner), withheld), media_type=kind, headers=headers)


Part = tuple[str, list[Values]]


async def read_parts(engine: AsyncEngine, owner: Owner) -> AsyncIterator[Part]:
    """Read all sections in order, each in one or more parts. Between two parts no connection is held."""
    for name in SECTIONS:
        async with engine.connect() as conn:
            rows = await own_data.read_section(conn, name, owner)
        yield name, rows
    yield EVENTS, []
    async with engine.connect() as conn:
        streams = await own_data.list_streams(conn, owner)
    for stream_id in streams:
        after = 0
        while True:
            async with engine.connect() as conn:
                rows = await own_data.read_events(conn, stream_id, after)
            if not rows:
                break
            yield EVENTS, rows
            after = rows[-1]["seq"]


async def write_json(parts: AsyncIterator[Part], withheld: Withheld) -> AsyncIterator[bytes]:
    """Write one JSON object: a list of rows for each section."""
    head = {"written_at": datetime.now(UTC).isoformat(), "withheld": _describe(withheld)}
    yield msgspec.json.encode(head)[:-1]
    section = ""
    has_rows = False
    async for name, rows in parts:
        if name != section:
            yield (b"]" if section else b"") + b"," + msgspec.json.encode(name) + b":["
            section, has_rows = name, False
        for row in rows:
            yield (b"," if has_rows else b"") + msgspec.json.encode(row)
            has_rows = True
    yield b"]}"


async def write_html(parts: AsyncIterator[Part], withheld: Withheld) -> AsyncIterator[bytes]:
    """Write one page without scripts and without anything to load."""
    yield _PAGE.format(
        date=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", withheld=html.escape(_describe(withheld))
    ).encode()
    section = ""
    async for name, rows in parts:
        if name != section:
            yield f"<h2>{html.escape(HEADINGS[name])}</h2>\n".encode()
            section = name
        for row in rows:
            yield _write_row(row).encode()
    yield b"</main></body></html>\n"


def _write_row(row: Values) -> str:
    cells = "".join(
        f"<dt>{html.escape(name.replace('_', ' '))}</dt><dd>{html.escape(_write_value(value))}</dd>"
        for name, value in row.items()
        if value is not None
    )
    return f"<dl>{cells}</dl>\n"


def _write_value(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _describe(withheld: Withheld) -> str:
    return WITHHELD.format(findings=withheld.findings, attempts=withheld.attempts)


_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Your data in Veritas</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}}
dl{{border-top:1px solid #8888;padding-top:.5rem;display:grid;gap:.1rem 1rem;
grid-template-columns:minmax(8rem,max-content) 1fr}}
dt{{font-weight:600}}dd{{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}}</style></head>
<body><main><h1>Your data in Veritas</h1><p>Written at {date}. Times are in UTC.</p><p>{withheld}</p>
"""
