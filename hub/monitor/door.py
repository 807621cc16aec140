"""The door candidates come in by: what a hello, a new token and a goodbye mean to the record.

No frame is read or sent here; a connection that was opened is closed in the record, whoever still waits for it.
"""

import asyncio
from collections.abc import Callable
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from db.queries import instructions, streams
from db.queries.streams import Opening
from hub import metrics
from hub.auth.guards import Person, admit_socket, spending
from hub.errands import Errands
from hub.errors import Busy, Forbidden, Unauthenticated
from hub.ingest.budget import Budget
from hub.ingest.resends import Resends
from hub.ingest.writer import Ingest
from hub.lease import Lease
from hub.live.presence import Presence
from hub.monitor.answers import Answers
from hub.monitor.farewells import Farewells
from hub.monitor.roll import Roll
from hub.settings import HubSettings
from protocol.monitor import Hello, Instruct

GONE: Final = "gone"
"""The cause of a close that nobody named: the peer, or the network, ended the connection."""


class Entrance(msgspec.Struct, frozen=True):
    """An accepted hello: who it is, the stream to go on with, what is still to be asked, and in which hub's name."""

    person: Person
    opening: Opening
    waiting: list[Instruct]
    hub_id: UUID


class CandidateDoor(msgspec.Struct, frozen=True, kw_only=True):
    """What the candidates' sockets of one hub work with."""

    settings: HubSettings
    engine: AsyncEngine
    ingest: Ingest
    resends: Resends
    budget: Budget
    presence: Presence
    roll: Roll
    answers: Answers
    errands: Errands
    lease: Lease
    farewells: Farewells
    turns: asyncio.Semaphore
    """How many hellos may be with PostgreSQL at once: a storm of them waits here, and leaves the pool to others."""

    async def enter(self, hello: Hello, is_wanted: Callable[[], bool], *, by_ticket_only: bool = False) -> Entrance:
        """Check who says hello and open the stream of its queue; what is still to be asked of it comes along.

        A hello that is not wanted any more opens nothing: its client may be elsewhere by now, and stays there.
        Raises HubError, DatabaseError, or what PostgreSQL and the network raise.
        """
        if by_ticket_only and hello.ticket is None:
            raise Unauthenticated("this origin may come in with a ticket only")
        if not self.lease.is_held:
            raise Busy("this hub has not begun yet")
        hub_id = self.lease.hub_id
        async with spending(self.engine, hello.ticket), self.engine.begin() as conn:
            person = await admit_socket(conn, hello.ticket, hello.token, "monitor", self.settings)
            opening = await streams.open_connection(conn, hello, person.user_id, hub_id)
            _check_exam(person, opening)
            waiting = await instructions.pending(conn, [opening.attempt_id])
            if not is_wanted():
                raise Busy("this hello was answered too late")
        metrics.SERVER_LOST.inc(opening.server_lost)
        return Entrance(person, opening, waiting.get(opening.attempt_id, []), hub_id)

    async def renew(self, token: str, entrance: Entrance) -> Person:
        """Check a token sent in band: of the same person, good for the same exam. Raises as `enter` does."""
        async with self.engine.begin() as conn:
            person = await admit_socket(conn, None, token, "monitor", self.settings)
        if person.user_id != entrance.person.user_id:
            raise Forbidden("this token is somebody else's")
        _check_exam(person, entrance.opening)
        return person

    def abandon(self, entering: asyncio.Task[Entrance], cause: str) -> None:
        """Nobody waits for this hello any more: if it still opens a connection, record that it ended."""
        if not entering.cancelled() and entering.exception() is None:
            self.farewells.put(entering.result().opening, cause)


def _check_exam(person: Person, opening: Opening) -> None:
    if not person.may_sit(opening.exam_id):
        raise Forbidden("this sign-in is good for another exam")
