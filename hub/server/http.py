"""uvicorn's HTTP protocol with deadlines and bounds for requests: headers, bodies, and requests sent ahead.

Without deadlines a connection that never finishes its request (a "slow loris") stays open forever and uses a file
descriptor. Websocket handshakes are requests, too. What one read contains is parsed in slices, so that thousands of
tiny requests do not hold the event loop. An answer that its peer does not read is given up. Never limits how long a
response takes while its peer reads; how large the body of a route may be is the route's own limit.
"""

import json
import weakref
from asyncio import TimerHandle, Transport
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final, cast

import httptools
from uvicorn._types import HTTPScope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from hub import metrics, network_faults
from hub.pages.headers import ANSWER_HEADERS
from hub.server.unfinished import UnfinishedBytes
from hub.server.websocket import IS_GONE

HEADERS_S: Final = 10.0
"""How long the headers of a request may take, from its first byte or from the start of the connection."""

REQUEST_S: Final = 60.0
"""How long the body may take after that."""

UNREAD_S: Final = 30.0
"""How long a peer may read nothing of an answer that fills its buffer."""

UNREAD_FREE_BYTES: Final = 128 * 1024
"""So many unread bytes of an answer are not counted: no page at a slow network is given up because of others."""

LINGER_S: Final = 2.0
"""How long a refused connection is still read. If it were closed at once, its peer would often not see the answer."""

HEADER_BYTES: Final = 32 * 1024
HEADERS_MAX: Final = 200

FREE_BYTES: Final = 16 * 1024
"""So many bytes of each request are not counted: no sign-in is refused because of the bodies of others."""

SLICE_BYTES: Final = 4 * 1024
TURN_BYTES: Final = 64 * 1024
"""After so many bytes of one read, the other connections get their turn,"""

TURN_S: Final = 0.001
"""and after so much time: bodies in chunks of one byte take ten times as long."""

LATE_BYTES: Final = 64 * 1024
"""So much of a body may still come when its request is answered already; then the connection is closed."""

RETRY_S: Final = 5

_FORGOTTEN: Final = cast("HTTPScope", {"type": "http"})
"""What is left of the scope of a request whose response is complete."""


class _TooManyHeaders(Exception):
    """The headers of a request are over their limit."""


class PromptHttp(HttpToolsProtocol):
    """Passed to uvicorn as `http=`."""

    headers_s = HEADERS_S
    request_s = REQUEST_S
    linger_s = LINGER_S
    unread_s = UNREAD_S
    _deadline: TimerHandle | None = None
    _unread_deadline: TimerHandle | None = None

    def __init__(
        self,
        *args: Any,
        unfinished: UnfinishedBytes | None = None,
        answer_headers: Iterable[tuple[bytes, bytes]] = ANSWER_HEADERS,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._unfinished = unfinished or UnfinishedBytes()
        self._answer_headers = answer_headers
        self._unread = object()
        """Holds the bytes of an answer that its peer does not read."""
        self._unparsed = b""
        self._is_scheduled = False
        self._is_refused = False
        self._ignores_rest = False
        """Whether too much was sent ahead of a response; the connection closes after what was taken."""
        self._in_headers = False
        self._header_bytes = 0
        """Received since the begin of the request, the end of its headers or the last piece of its body."""
        self._body_bytes = 0
        self._late_bytes = 0
        """Of a body whose request is answered already."""
        self._is_complete = False
        """Whether the newest request has arrived completely."""
        self._running: RequestResponseCycle | None = None
        """The request that is being answered; uvicorn's `cycle` is the newest one, which may wait for it."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Start the deadline for the first request."""
        super().connection_made(transport)
        self._start_deadline(self.headers_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the deadline and hold no more bytes."""
        self._start_deadline(None)
        self._forget_unread()
        self._unparsed = b""
        self._unfinished.release(self)
        super().connection_lost(exc)
        if self._running is not None and not self._running.response_complete:
            # uvicorn tells it only to its newest request: the answer to an earlier one would be written to no one.
            self._running.disconnected = True
            self._running.message_event.set()
        # uvicorn keeps this timer, and with it this object, when the peer has reset the connection.
        self._unset_keepalive_if_required()

    def pause_writing(self) -> None:
        """Count what the peer does not read, and give it a deadline to read on."""
        super().pause_writing()
        size = self.transport.get_write_buffer_size()
        self._unread_deadline = self.loop.call_later(self.unread_s, self._check_unread, size)
        if size > UNREAD_FREE_BYTES:
            self._unfinished.hold(self._unread, size, self._evict_unread)

    def resume_writing(self) -> None:
        """The peer reads: begin again when it does not."""
        self._forget_unread()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Parse what was received, up to a request that has to wait for the response of the one before."""
        if self._is_refused or self._ignores_rest:
            return
        self._unset_keepalive_if_required()
        self._unparsed += data
        self._parse()

    def _parse(self) -> None:
        data, at, began_s = self._unparsed, 0, self.loop.time()
        self._unparsed = b""
        while at < len(data) and not self.pipeline and not self._is_over:
            if at >= TURN_BYTES or (at and self.loop.time() - began_s > TURN_S):
                self._schedule()
                break
            self._feed(data[at : at + SLICE_BYTES])
            at += SLICE_BYTES
        if self._is_over:
            return
        self._unparsed = data[at:]
        if self._is_complete and len(self._unparsed) > FREE_BYTES:
            self._ignores_rest, self._unparsed = True, b""
            self.cycle.keep_alive = False
        if self._unparsed:
            self.flow.pause_reading()
        elif self._is_idle and self._deadline is None:
            # Bytes that begin no request would otherwise keep the connection open forever.
            self._start_deadline(self.headers_s)
        self._hold()

    @property
    def _is_over(self) -> bool:
        return self._is_refused or self.transport.is_closing() or self.transport.get_protocol() is not self

    @property
    def _is_idle(self) -> bool:
        return not self._in_headers and (self.cycle is None or self.cycle.response_complete)

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self.loop.call_soon(self._parse_on)

    def _parse_on(self) -> None:
        self._is_scheduled = False
        if self._unparsed and not self._is_over:
            self.flow.resume_reading()
            self._parse()

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            return
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, _TooManyHeaders):
                self._refuse_headers()
            else:
                network_faults.note("bad_request")
                self._refuse(HTTPStatus.BAD_REQUEST, "bad_request", "This is not a valid HTTP request.")
            return
        if not self._is_complete and self.cycle is not None and self.cycle.response_complete and not self._in_headers:
            self._late_bytes += len(data)
            if self._late_bytes > LATE_BYTES:
                self._ignore_late_body()
                return
        if not self._is_complete:
            # Trailers are kept by the parser as headers are, and an endless one is copied for each piece of it.
            self._header_bytes += len(data)
            if self._header_bytes > HEADER_BYTES:
                self._refuse_headers()

    def on_message_begin(self) -> None:
        """Start the deadline for the headers of a further request."""
        super().on_message_begin()
        self._in_headers, self._is_complete = True, False
        self._header_bytes = self._body_bytes = self._late_bytes = 0
        if self._deadline is None:
            self._start_deadline(self.headers_s)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Refuse a request with too many headers."""
        if len(self.headers) >= HEADERS_MAX:
            raise _TooManyHeaders
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the deadline for the body."""
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEADER_BYTES:
            raise _TooManyHeaders
        self._in_headers = False
        self._header_bytes = 0
        super().on_headers_complete()
        if not self.pipeline:
            self._running = self.cycle
        if self.cycle is not None:
            # The application's task has not run yet. A strong reference would make a cycle with the body in it, and
            # garbage is looked for rarely.
            cycle, scope = weakref.ref(self.cycle), cast("dict[str, Any]", self.scope)
            scope.setdefault("extensions", {})[IS_GONE] = lambda: (found := cycle()) is None or found.disconnected
        self._start_deadline(self.request_s)

    def on_body(self, body: bytes) -> None:
        """Count the bytes of a body that the application still takes."""
        super().on_body(body)
        self._header_bytes = 0
        if self.cycle is not None and not self.cycle.response_complete:
            self._body_bytes += len(body)

    def on_message_complete(self) -> None:
        """Stop the deadline: the request is complete."""
        super().on_message_complete()
        self._start_deadline(None)
        self._hold()
        self._is_complete = True
        self._unfinished.finish(self)

    def on_response_complete(self) -> None:
        """Hold no more bytes, and go on with what was sent ahead."""
        self._body_bytes = 0
        self._unfinished.release(self)
        self._running = self.pipeline[-1][0] if self.pipeline else None
        super().on_response_complete()
        self._forget_request()
        if self._unparsed and not self._is_over:
            self.flow.pause_reading()
            self._schedule()

    def _forget_request(self) -> None:
        # An idle connection would otherwise hold the body of its last request, decoded, for as long as it stays open.
        if self.cycle is not None and self.cycle.response_complete:
            finished, self.cycle.scope = self.cycle.scope, _FORGOTTEN
            if self.scope is finished:
                self.scope = _FORGOTTEN

    def handle_websocket_upgrade(self) -> None:
        """Stop the deadline; the websocket has others."""
        self._start_deadline(None)
        self._forget_unread()
        super().handle_websocket_upgrade()

    def _hold(self) -> None:
        size = self._body_bytes + len(self._unparsed)
        if size > FREE_BYTES and not self._is_complete and not self._is_over:
            self._unfinished.hold(self, size, self._evict)

    def _evict(self) -> None:
        """Refuse with 503: the process holds too many bytes of unfinished requests, and this one is the oldest."""
        metrics.UNFINISHED_EVICTED.labels(kind="request").inc()
        self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "Too many requests are unfinished. Try again in a moment.")

    def _ignore_late_body(self) -> None:
        """Parse no more of a body that no one wants, and close a little later, so that its peer sees the answer."""
        self._is_refused, self._unparsed = True, b""
        self._unfinished.release(self)
        self._start_deadline(None)
        self.flow.resume_reading()
        self._deadline = self.loop.call_later(self.linger_s, self.transport.close)

    def _check_unread(self, before: int) -> None:
        """Give up an answer of which nothing was read since the last check."""
        size = self.transport.get_write_buffer_size()
        if size >= before:
            network_faults.note("answer_not_read")
            self.transport.abort()
            return
        self._unread_deadline = self.loop.call_later(self.unread_s, self._check_unread, size)

    def _evict_unread(self) -> None:
        """Give up: the process holds too many bytes that no one takes, and this answer is the oldest."""
        metrics.UNFINISHED_EVICTED.labels(kind="answer").inc()
        self.transport.abort()

    def _forget_unread(self) -> None:
        if self._unread_deadline is not None:
            self._unread_deadline.cancel()
            self._unread_deadline = None
        self._unfinished.release(self._unread)

    def _refuse_headers(self) -> None:
        network_faults.note("bad_request")
        detail = f"The headers may have at most {HEADER_BYTES // 1024} KiB and {HEADERS_MAX} lines."
        self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", detail)

    def _refuse(self, status: HTTPStatus, code: str, detail: str) -> None:
        """Answer with a problem instead of the application, and close a little later."""
        self._is_refused, self._unparsed = True, b""
        self._unfinished.release(self)
        self._start_deadline(None)
        has_begun = False
        if self.cycle is not None and not self._in_headers:
            # Also an answer that is complete: a second one would be taken for that of the next request.
            has_begun = self.cycle.response_started
        if self.cycle is not None and not self.cycle.response_complete:
            has_begun = has_begun or self.cycle.response_started
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if has_begun:
            self.transport.abort()
            return
        problem = {
            "type": f"urn:veritas:problem:{code}",
            "title": status.phrase,
            "status": int(status),
            "detail": detail,
            "code": code,
        }
        body = json.dumps(problem).encode()
        retry = f"retry-after: {RETRY_S}\r\n" if status is HTTPStatus.SERVICE_UNAVAILABLE else ""
        head = (
            f"HTTP/1.1 {int(status)} {status.phrase}\r\ncontent-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\n{retry}connection: close\r\n"
        )
        common = b"".join(b"%b: %b\r\n" % header for header in self._answer_headers)
        self.transport.write(head.encode() + common + b"\r\n" + body)
        self.flow.resume_reading()
        self._deadline = self.loop.call_later(self.linger_s, self.transport.close)

    def _start_deadline(self, within_s: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if within_s is None else self.loop.call_later(within_s, self._give_up)

    def _give_up(self) -> None:
        self._deadline = None
        metrics.REQUESTS_UNFINISHED.inc()
        self.transport.close()
