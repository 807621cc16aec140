"""Open the connection of a plain hello in one statement: the function `open_connection` of migration 0009.

A hello is plain when it begins the first queue of its attempt or continues its stream without a gap, and nothing that
it needs is locked. For any other hello nothing is changed, and `connections.py` opens the connection in steps.
"""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Boolean, Integer, LargeBinary, Row, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from db.queries.connections import resume
from protocol.limits import OVERRUN_FACTOR, WINDOW_EVENTS
from protocol.monitor import Hello

_OPEN: Final = text(
    """
    SELECT * FROM open_connection(
        :attempt, :student, :ticket, :session, :hub, :boot, :stream, :new_stream, :acked, :next_seq, :mono,
        :seqs, :ats, :monos, :place, :by_requests, :stream_ms, :early_ms, :most
    )
    """
).bindparams(
    *(bindparam(name, type_=Uuid) for name in ("attempt", "student", "session", "hub", "boot", "stream", "new_stream")),
    *(bindparam(name, type_=BigInteger) for name in ("acked", "next_seq", "mono")),
    *(bindparam(name, type_=ARRAY(BigInteger)) for name in ("seqs", "ats", "monos")),
    bindparam("ticket", type_=LargeBinary),
    bindparam("place", type_=Text),
    bindparam("by_requests", type_=Boolean),
    *(bindparam(name, type_=BigInteger) for name in ("stream_ms", "early_ms")),
    bindparam("most", OVERRUN_FACTOR * WINDOW_EVENTS, Integer),
)


async def open_plain(
    conn: AsyncConnection,
    hello: Hello,
    hub: UUID,
    *,
    student_id: UUID | None = None,
    ticket: bytes | None = None,
    session: UUID | None = None,
    place: str | None = None,
    by_requests: bool = False,
) -> Row[Any] | None:
    """Open the connection and return what the function returns; None when the hello is not plain.

    Name one of a student who is signed in, the hash of a ticket, or a session. The function checks the last two, and
    uses up the ticket.
    """
    marks = hello.pending
    stream_ms, early_ms = resume.stream_ages_ms()
    opened = await conn.execute(
        _OPEN,
        {
            "attempt": hello.attempt_id,
            "student": student_id,
            "ticket": ticket,
            "session": session,
            "hub": hub,
            "boot": hello.boot,
            "stream": hello.stream,
            "new_stream": uuid7(),
            "acked": hello.acked,
            "next_seq": hello.next_seq,
            "mono": hello.mono,
            "seqs": [mark.seq for mark in marks],
            "ats": [mark.at for mark in marks],
            "monos": [mark.mono for mark in marks],
            "place": place,
            "by_requests": by_requests,
            "stream_ms": stream_ms,
            "early_ms": early_ms,
        },
    )
    row = opened.one()
    return None if row.stream_id is None else row
