"""Monitoring over HTTP, for networks without WebSockets: open a stream for a client's queue, and deliver its events.

The rules for sequence numbers are those of the socket (docs/wire/README.md). Events must never be acknowledged before
they are stored, and an invalid event never causes the loss of others.
"""

from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from litestar import Request, Router, post
from litestar.di import NamedDependency, Provide
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK

from db.errors import BadRequest, Ended, Forbidden, NotFound
from hub.auth.guards import BEARER, Bearer, Principal, attempt_place, principal_as, provide_bearer
from hub.errors import Busy, Disconnected, Expired, Full, Gap, Invalid, OverQuota, Superseded, Unauthenticated, problems
from hub.monitor import http_session
from hub.monitor.admission import Admission, make_welcome
from hub.monitor.http_session import Taken
from hub.settings import HubSettings
from protocol import limits
from protocol.codec import decode_delivery
from protocol.errors import TooLarge
from protocol.limits import Limits, Window
from protocol.monitor import Attempt, Client, Hello, Instruct, Mark, Previous, Rejected
from protocol.roles import Role

_BY_BEARER: Final = "bearer"
"""The token of a hello whose user signed in with the request."""


class NewStream(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a socket's `hello`, without the sign-in."""

    attempt_id: UUID
    boot: UUID
    stream: UUID | None = None
    acked: int
    next_seq: int
    client: Client
    mono: int
    at: int
    acked_mac: str = ""
    pending: list[Mark] = []


class StreamOpened(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a socket's `welcome`, and the pending instructions."""

    stream: UUID
    committed: int
    rejected: list[Rejected]
    previous: Previous | None
    window: Window
    limits: Limits
    heartbeat_ms: int
    server_at: int
    attempt: Attempt
    queue_key: str
    upload_token: str
    mac: str
    last: Mark | None
    instructions: list[Instruct]


@post(
    "/streams",
    status_code=HTTP_200_OK,
    summary="Open a stream without a socket",
    security=BEARER,
    responses=problems(BadRequest, Unauthenticated, Expired, Forbidden, NotFound, Ended, OverQuota, Busy),
    dependencies={"principal": Provide(principal_as(Role.STUDENT))},
)
async def open_stream(
    request: Request[Any, Any, Any],
    data: JSONBody[NewStream],
    candidates: NamedDependency[Admission],
    settings: NamedDependency[HubSettings],
    principal: NamedDependency[Principal],
) -> StreamOpened:
    """Open a connection of the attempt, as `hello` does. It ends after three heartbeats without a request."""
    fields = {field: getattr(data, field) for field in data.__struct_fields__}
    place = attempt_place(request, data.attempt_id, settings.keys.data)
    admitted = await http_session.begin(candidates, Hello(token=_BY_BEARER, **fields), principal, place=place)
    welcome = make_welcome(admitted, candidates.registry.window, settings.keys)
    return StreamOpened(
        stream=welcome.stream,
        committed=welcome.committed,
        rejected=welcome.rejected,
        previous=welcome.previous,
        window=welcome.window,
        limits=welcome.limits,
        heartbeat_ms=welcome.heartbeat_ms,
        server_at=welcome.server_at,
        attempt=welcome.attempt,
        queue_key=welcome.queue_key,
        upload_token=welcome.upload_token,
        mac=welcome.mac,
        last=welcome.last,
        instructions=admitted.pending,
    )


_SEQ: Final[dict[str, Any]] = {"type": "integer", "minimum": 0, "maximum": limits.SEQ_MAX}
_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "description": "One event. An invalid event is rejected alone, and keeps its number",
    "properties": {
        "type": {"type": "string", "examples": ["paste"]},
        "at": {"type": "integer", "description": "The client's wall clock, ms since the epoch"},
        "mono": {"type": "integer", "description": "The client's monotonic clock, ms"},
        "data": {"type": "object"},
        "severity": {"type": ["string", "null"]},
    },
    "required": ["type", "at", "mono"],
}
_DELIVERY: Final[dict[str, Any]] = {
    "type": "object",
    "description": "The content of the frames of a socket, in this order: lost, events, done",
    "properties": {
        "stream": {"type": "string", "format": "uuid"},
        "lost": {
            "oneOf": [
                {"type": "null"},
                {
                    "type": "object",
                    "properties": {"to_seq": _SEQ, "reason": {"type": "string", "maxLength": limits.NAME_CHARS}},
                    "required": ["to_seq", "reason"],
                },
            ]
        },
        "first_seq": _SEQ | {"description": "The number of the first event; required if there are events"},
        "events": {"type": "array", "items": _EVENT, "maxItems": limits.EVENTS_PER_FRAME},
        "done": {
            "type": "array",
            "maxItems": limits.ACTIONS,
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "integer", "minimum": 1, "maximum": limits.INSTRUCTION_MAX},
                    "ok": {"type": "boolean"},
                    "code": {"type": ["string", "null"], "maxLength": limits.NAME_CHARS},
                },
                "required": ["id", "ok"],
            },
        },
    },
    "required": ["stream"],
}


@dataclass
class _DeliveryOperation(Operation):
    """The documentation of the body. It is decoded event by event, so no struct describes it."""

    def __post_init__(self) -> None:
        schema = cast("Schema", _DELIVERY)
        self.request_body = RequestBody({"application/json": OpenAPIMediaType(schema=schema)}, required=True)


@post(
    "/events",
    status_code=HTTP_200_OK,
    summary="Deliver events without a socket",
    security=BEARER,
    operation_class=_DeliveryOperation,
    responses=problems(
        *(BadRequest, Invalid, Unauthenticated, Expired, Forbidden, NotFound),
        *(Gap, Superseded, Disconnected, Ended, TooLarge, OverQuota, Full, Busy),
    ),
    dependencies={"bearer": Provide(provide_bearer)},
    request_max_body_size=limits.FRAME_BYTES,
)
async def deliver_events(
    request: Request[Any, Any, Any],
    candidates: NamedDependency[Admission],
    settings: NamedDependency[HubSettings],
    bearer: NamedDependency[Bearer],
) -> Taken:
    """Store events, and answer after they are stored. Events that are stored already are acknowledged again.

    An access token needs an open connection. The upload token of a welcome is valid for its attempt until a day after
    the end, with or without a connection.
    """
    delivered = decode_delivery(await request.body())
    return await http_session.deliver(
        candidates,
        bearer,
        delivered,
        place_of=lambda attempt_id: attempt_place(request, attempt_id, settings.keys.data),
    )


router: Final = Router(path="/monitor", tags=["monitoring"], route_handlers=[open_stream, deliver_events])
