"""The candidate's socket, `/ws/monitor`: every frame both sides may send (WIRE §2).

Frames are tagged structs, tag field `t`. New fields have defaults and are never retyped; unknown fields are skipped.
"""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from protocol import limits
from protocol.attempts import OVER, AttemptStatus
from protocol.codes import RejectCode
from protocol.events import Event
from protocol.limits import Limits, Window


class Client(msgspec.Struct, frozen=True):
    """Who is speaking, for the record."""

    name: str
    version: str


class Hello(msgspec.Struct, tag_field="t", tag="hello", frozen=True, kw_only=True):
    """The first frame: who I am, which queue I hold, how far I know it to be stored.

    Exactly one of `ticket` and `token`. `boot` names the client's queue and survives reload and reconnect.
    """

    ticket: str | None = None
    token: str | None = None
    attempt_id: UUID
    boot: UUID
    stream: UUID | None = None
    acked: int
    next_seq: int
    can: list[str] = []
    client: Client
    mono: int
    at: int


class Events(msgspec.Struct, tag_field="t", tag="events", frozen=True):
    """Contiguous events, numbered from `first_seq`."""

    first_seq: Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": limits.SEQ_MAX})]
    events: Annotated[list[Event], Meta(extra_json_schema={"minItems": 1, "maxItems": limits.EVENTS_PER_FRAME})]


class Lost(msgspec.Struct, tag_field="t", tag="lost", frozen=True):
    """From my next number to `to_seq` I no longer have the events."""

    to_seq: int
    reason: str


class Ping(msgspec.Struct, tag_field="t", tag="ping", frozen=True):
    """A heartbeat with the sender's clock."""

    at: int


class Done(msgspec.Struct, tag_field="t", tag="done", frozen=True):
    """An instruction was carried out, or could not be: then `code` says why."""

    id: int
    ok: bool
    code: str | None = None


class Auth(msgspec.Struct, tag_field="t", tag="auth", frozen=True):
    """Renew the sign-in in band; nothing is answered unless the token is refused."""

    token: str


class Bye(msgspec.Struct, tag_field="t", tag="bye", frozen=True):
    """Store what you have, acknowledge it, close."""


class Span(msgspec.Struct, frozen=True):
    """What `lost` says, in a delivery."""

    to_seq: int
    reason: str


class Report(msgspec.Struct, frozen=True):
    """What `done` says, in a delivery."""

    id: int
    ok: bool
    code: str | None = None


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """The body of `POST /monitor/events`: what frames would say on a socket, in this order: lost, events, done."""

    stream: UUID
    lost: Span | None = None
    first_seq: Annotated[int, Meta(extra_json_schema={"minimum": 0, "maximum": limits.SEQ_MAX})] = 0
    events: Annotated[list[Event], Meta(extra_json_schema={"maxItems": limits.EVENTS_PER_FRAME})] = []
    done: Annotated[list[Report], Meta(max_length=limits.ACTIONS)] = []


CandidateFrame = Hello | Events | Lost | Ping | Done | Auth | Bye


class Rejected(msgspec.Struct, frozen=True):
    """One number whose event was refused, and why."""

    seq: int
    code: RejectCode


class Attempt(msgspec.Struct, frozen=True):
    """How the attempt stands; `deadline` in ms since the epoch."""

    status: AttemptStatus
    deadline: int | None = None
    paused: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nothing but what the client's queue still holds is taken for it."""
        return self.status in OVER


class Previous(msgspec.Struct, frozen=True):
    """The stream the client named, which is not gone on with; it holds all up to `committed`."""

    stream: UUID
    committed: int


class Welcome(msgspec.Struct, tag_field="t", tag="welcome", frozen=True, kw_only=True):
    """Where to go on: all up to `committed` of `stream` is stored; `rejected` repeats those above `hello.acked`.

    With `previous` the stream is new: the client drops what the old one holds and numbers the rest anew from 1.
    `queue_key`, 32 bytes in base64url, is for encrypting the queue a client keeps: the same for all of an attempt's
    connections. `upload_token` is good for `POST /monitor/events` of this attempt until a day after its end.
    """

    stream: UUID
    committed: int
    rejected: list[Rejected] = []
    previous: Previous | None = None
    window: Window
    limits: Limits
    heartbeat_ms: int
    server_at: int
    attempt: Attempt
    auth_until: int
    queue_key: str = ""
    upload_token: str = ""


class AttemptChanged(msgspec.Struct, tag_field="t", tag="attempt", frozen=True):
    """How the attempt stands now, whenever that has changed; once it is over, send what the queue holds and no more."""

    status: AttemptStatus
    deadline: int | None = None
    paused: bool = False


class Ack(msgspec.Struct, tag_field="t", tag="ack", frozen=True):
    """All up to `seq` is stored, sent only after COMMIT; `rejected` names the numbers refused in this step."""

    seq: int
    rejected: list[Rejected] = []


class WindowChanged(msgspec.Struct, tag_field="t", tag="window", frozen=True):
    """Absolute totals a client may have unacknowledged; 0 means stop until the next `window`."""

    events: int
    bytes: int
    retry_ms: int | None = None


class Instruct(msgspec.Struct, tag_field="t", tag="instruct", frozen=True, kw_only=True):
    """Something a person asks of the client; numbered per attempt, sent again on reconnect until `done`."""

    id: int
    action: str
    issued_at: int
    valid_until: int | None = None
    body: dict[str, str] = {}


class Rotate(msgspec.Struct, tag_field="t", tag="rotate", frozen=True):
    """The stream is a day old: have everything acknowledged, then say hello again for a new one."""


class Pong(msgspec.Struct, tag_field="t", tag="pong", frozen=True):
    """The answer to `ping`, with both clocks."""

    at: int
    server_at: int


class Error(msgspec.Struct, tag_field="t", tag="error", frozen=True):
    """What was wrong with the last frame; a close may follow."""

    code: str
    detail: str
    retry_ms: int | None = None


class Drain(msgspec.Struct, tag_field="t", tag="drain", frozen=True):
    """The hub is going away: keep sending until closed with 4505, then come back within `in_ms`, at random."""

    in_ms: int


HubFrame = Welcome | AttemptChanged | Ack | WindowChanged | Instruct | Rotate | Pong | Drain | Error
