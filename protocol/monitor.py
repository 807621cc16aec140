"""The candidate's socket, `/ws/monitor`: all frames of both sides (docs/wire/README.md).

Frames are tagged structs; the tag field is `t`. A new field always has a default, a field never changes its type, and
unknown fields are ignored.
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
    """Name and version of the client program."""

    name: str
    version: str


class Mark(msgspec.Struct, frozen=True):
    """The sequence number of an event and its two clocks: enough to see whether another event has this number."""

    seq: int
    at: int
    mono: int


class Hello(msgspec.Struct, tag_field="t", tag="hello", frozen=True, kw_only=True):
    """The first frame: the attempt, the client's queue, and up to where the client knows it to be stored.

    Exactly one of `ticket` and `token`. `boot` identifies the client's queue and stays the same after a reload or a
    reconnect. `acked` is the last acknowledged sequence number and `acked_mac` the `mac` that came with it. `next_seq`
    is the next number to be used; a client that stores its queue takes it from the disk. `pending` has marks of events
    from `acked` on, in order.
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
    acked_mac: str = ""
    pending: list[Mark] = []


class Events(msgspec.Struct, tag_field="t", tag="events", frozen=True):
    """Contiguous events. The first one has the sequence number `first_seq`."""

    first_seq: Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": limits.SEQ_MAX})]
    events: Annotated[list[Event], Meta(extra_json_schema={"minItems": 1, "maxItems": limits.EVENTS_PER_FRAME})]


class Lost(msgspec.Struct, tag_field="t", tag="lost", frozen=True):
    """The client has lost the events from its next sequence number to `to_seq`."""

    to_seq: int
    reason: str


class Ping(msgspec.Struct, tag_field="t", tag="ping", frozen=True):
    """A heartbeat with the sender's clock, in ms."""

    at: int


class Done(msgspec.Struct, tag_field="t", tag="done", frozen=True):
    """The result of an instruction. If it could not be carried out, `code` says why."""

    id: int
    ok: bool
    code: str | None = None


class Auth(msgspec.Struct, tag_field="t", tag="auth", frozen=True):
    """Renew the sign-in on the open socket. There is no reply unless the token is refused."""

    token: str


class Bye(msgspec.Struct, tag_field="t", tag="bye", frozen=True):
    """Store and acknowledge what was sent, then close."""


class Span(msgspec.Struct, frozen=True):
    """The content of a `lost` frame, over HTTP."""

    to_seq: int
    reason: str


class InstructionResult(msgspec.Struct, frozen=True):
    """The content of a `done` frame, over HTTP."""

    id: int
    ok: bool
    code: str | None = None


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """The body of `POST /monitor/events`: the content of frames, processed in the order lost, events, done."""

    stream: UUID
    lost: Span | None = None
    first_seq: Annotated[int, Meta(extra_json_schema={"minimum": 0, "maximum": limits.SEQ_MAX})] = 0
    events: Annotated[list[Event], Meta(extra_json_schema={"maxItems": limits.EVENTS_PER_FRAME})] = []
    done: Annotated[list[InstructionResult], Meta(max_length=limits.ACTIONS)] = []


CandidateFrame = Hello | Events | Lost | Ping | Done | Auth | Bye


class Rejected(msgspec.Struct, frozen=True):
    """The sequence number of a rejected event, and why it was rejected."""

    seq: int
    code: RejectCode


class Attempt(msgspec.Struct, frozen=True):
    """The attempt's status. `deadline` in ms since the epoch."""

    status: AttemptStatus
    deadline: int | None = None
    paused: bool = False

    @property
    def is_over(self) -> bool:
        """Return whether the attempt has ended: then only the client's queue is still accepted."""
        return self.status in OVER


class Previous(msgspec.Struct, frozen=True):
    """The stream that the client named and that is not continued. It is stored up to `committed`."""

    stream: UUID
    committed: int


class Welcome(msgspec.Struct, tag_field="t", tag="welcome", frozen=True, kw_only=True):
    """The reply to `hello`. `stream` is stored up to `committed`; `rejected` repeats rejections above `hello.acked`.

    With `previous` the stream is new: the client drops what the old stream has stored and numbers the rest from 1
    again. `last` is the newest event stored above `hello.acked`, in the previous stream if there is one. If the client
    has another event with this number, its queue was set back: it drops nothing, and without `previous` it sends
    `hello` again with this number among its marks. `mac` proves that `committed` was acknowledged. `queue_key`, 32
    bytes in base64url, encrypts the queue that a client stores; it is the same for all connections of an attempt.
    `upload_token` authorizes `POST /monitor/events` until a day after the attempt's end.
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
    mac: str = ""
    last: Mark | None = None


class AttemptChanged(msgspec.Struct, tag_field="t", tag="attempt", frozen=True):
    """The attempt's status has changed. After its end the client sends the rest of its queue and records no more."""

    status: AttemptStatus
    deadline: int | None = None
    paused: bool = False


class Ack(msgspec.Struct, tag_field="t", tag="ack", frozen=True):
    """All events up to `seq` are stored; sent only after COMMIT. `rejected` lists the events rejected in this step.

    The client keeps `mac` with `seq` and sends it in its next `hello` as `acked_mac`.
    """

    seq: int
    rejected: list[Rejected] = []
    mac: str = ""


class WindowChanged(msgspec.Struct, tag_field="t", tag="window", frozen=True):
    """How much a client may have unacknowledged in total. 0 means: stop until the next `window`."""

    events: int
    bytes: int
    retry_ms: int | None = None


class Instruct(msgspec.Struct, tag_field="t", tag="instruct", frozen=True, kw_only=True):
    """An instruction of a user to the client. Numbered per attempt, sent again after a reconnect until `done`."""

    id: int
    action: str
    issued_at: int
    valid_until: int | None = None
    body: dict[str, str] = {}


class Rotate(msgspec.Struct, tag_field="t", tag="rotate", frozen=True):
    """The stream is a day old: wait until everything is acknowledged, then send `hello` again to get a new one."""


class Pong(msgspec.Struct, tag_field="t", tag="pong", frozen=True):
    """The reply to `ping`, with both clocks in ms."""

    at: int
    server_at: int


class Error(msgspec.Struct, tag_field="t", tag="error", frozen=True):
    """The error in the last frame. The socket may be closed after it."""

    code: str
    detail: str
    retry_ms: int | None = None


class Drain(msgspec.Struct, tag_field="t", tag="drain", frozen=True):
    """The hub shuts down: keep sending until closed with 4505, then reconnect at a random time within `in_ms`."""

    in_ms: int


HubFrame = Welcome | AttemptChanged | Ack | WindowChanged | Instruct | Rotate | Pong | Drain | Error
