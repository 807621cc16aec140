"""Monitoring without a websocket: a candidate's queue is opened and its events are taken by requests.

The law of numbers is the sockets' own (docs/wire); nothing is answered before it is stored, and no bad event costs its
neighbours.
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
from hub.auth.guards import BEARER, Bearer, Principal, principal_as, provide_bearer
from hub.errors import Busy, Disconnected, Expired, Full, Gap, Invalid, Superseded, Unauthenticated, problems
from hub.monitor import http_session
from hub.monitor.admission import Admission, make_welcome
from hub.monitor.http_session import Taken
from hub.settings import HubSettings
from protocol import limits
from protocol.codec import decode_delivery
from protocol.errors import TooLarge
from protocol.limits import Limits, Window
from protocol.monitor import Attempt, Client, Hello, Instruct, Previous, Rejected
from protocol.roles import Role

_BY_BEARER: Final = "bearer"
"""Stands in a hello for the sign-in its request came with."""


class NewStream(msgspec.Struct, frozen=True, kw_only=True):
    """What `hello` says on a socket, but for who is saying it."""

    attempt_id: UUID
    boot: UUID
    stream: UUID | None = None
    acked: int
    next_seq: int
    client: Client
    mono: int
    at: int


class StreamOpened(msgspec.Struct, frozen=True, kw_only=True):
    """What `welcome` says on a socket, and what is still to be asked."""

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
    instructions: list[Instruct]


@post(
    "/streams",
    status_code=HTTP_200_OK,
    summary="Open a queue's stream without a socket",
    security=BEARER,
    responses=problems(BadRequest, Unauthenticated, Expired, Forbidden, NotFound, Ended, Busy),
    dependencies={"principal": Provide(principal_as(Role.STUDENT))},
)
async def open_stream(
    data: JSONBody[NewStream],
    candidates: NamedDependency[Admission],
    settings: NamedDependency[HubSettings],
    principal: NamedDependency[Principal],
) -> StreamOpened:
    """Make this the attempt's newest connection, as a `hello` does; it ends when nothing comes for three heartbeats."""
    said = {field: getattr(data, field) for field in data.__struct_fields__}
    entrance = await http_session.begin(candidates, Hello(token=_BY_BEARER, **said), principal)
    welcome = make_welcome(entrance, candidates.registry.window, settings.jwt_secret)
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
        instructions=entrance.waiting,
    )


_SEQ: Final[dict[str, Any]] = {"type": "integer", "minimum": 0, "maximum": limits.SEQ_MAX}
_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "description": "One event; one that does not fit is refused alone, and keeps its number",
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
    "description": "What frames would say on a socket, in this order: lost, events, done",
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
        "first_seq": _SEQ | {"description": "The number of the first event; wanted when there are any"},
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
    """The body is read event by event, so no struct tells the document what it is."""

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
        *(Gap, Superseded, Disconnected, Ended, TooLarge, Full, Busy),
    ),
    dependencies={"bearer": Provide(provide_bearer)},
    request_max_body_size=limits.SOCKET_BYTES,
)
async def deliver_events(
    request: Request[Any, Any, Any],
    candidates: NamedDependency[Admission],
    bearer: NamedDependency[Bearer],
) -> Taken:
    """Store events, and answer once they are stored; what was stored before is acknowledged again.

    With an access token, in the name of the connection opened before; with the upload token of a welcome, whatever has
    become of that, for its attempt alone and until a day after its end.
    """
    delivered = decode_delivery(await request.body())
    return await http_session.deliver(candidates, bearer, delivered)


router: Final = Router(path="/monitor", tags=["monitoring"], route_handlers=[open_stream, deliver_events])
