"""The candidate's client: records events at once and delivers each exactly once, across any number of reconnections.

`record` never waits and never needs the network; a background task connects, resumes, sends and reconnects.
`queue` and `reconnect` make the decisions; this module never drops an event.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Any, Literal, Self
from uuid import UUID, uuid4

from websockets.exceptions import ConnectionClosed

from protocol import limits, monitor
from protocol.codec import Encoding, decode_to_candidate, encode
from protocol.codes import CloseCode, RejectCode, may_reconnect
from protocol.events import Event
from veritas.client.errors import Ended, NotDrained, Unsendable
from veritas.client.instructions import Instructions, OnInstruction
from veritas.client.link import OPEN_TIMEOUT_S, GetTicket, GetToken, Link, Proxy, Socket, mono_ms, wall_ms
from veritas.client.queue import FRAME_OVERHEAD, MOST_BYTES, MOST_EVENTS, Acked, CandidateQueue, Renumbered

VERSION = "2"

What = Literal["opened", "recorded", "acked", "lost", "renumbered"]


@dataclass(frozen=True, slots=True)
class Note:
    """One entry of a client's log, about the number `seq`. `stream` is None before the first welcome.

    `opened`: a new stream is in use. `lost`: an event was dropped. Lost numbers that are `acked` or `renumbered` have
    no event; they are reported as spans of `count` numbers up to `seq`.
    """

    what: What
    stream: UUID | None
    seq: int
    event: Event | None = None
    count: int = 1


class Candidate:
    """Client of one attempt. Use it as `async with`, in one event loop; leaving the block sends `bye`.

    With several addresses it uses one until that fails, then the next. A queue that holds `most_events` or
    `most_bytes` drops its oldest unsent events and reports the loss. Without `get_token` the sign-in is not renewed;
    a candidate's socket stays open anyway. The client finishes when the attempt has ended and the queue is empty.
    """

    def __init__(
        self,
        url: str | Sequence[str],
        attempt_id: UUID,
        get_ticket: GetTicket,
        *,
        encoding: Encoding = Encoding.JSON,
        name: str = "veritas-python",
        get_token: GetToken | None = None,
        can: Collection[str] = ("message",),
        on_instruction: OnInstruction | None = None,
        on_ack: Callable[[int, float], None] | None = None,
        log: Callable[[Note], None] | None = None,
        alive_ms: int = limits.ALIVE_MS,
        most_events: int = MOST_EVENTS,
        most_bytes: int = MOST_BYTES,
        proxy: Proxy = True,
        random: Random | None = None,
    ) -> None:
        self._attempt_id = attempt_id
        self._get_ticket = get_ticket
        self._encoding = encoding
        self._client = monitor.Client(name, VERSION)
        self._get_token = get_token
        self._instructions = Instructions(can, on_instruction, self._send_result)
        self._on_ack = on_ack
        self._log = log
        self._alive_ms = alive_ms
        self._queue = CandidateQueue(uuid4(), most_events=most_events, most_bytes=most_bytes)
        self._recorded_ms = mono_ms()
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._link: Link[monitor.HubFrame] = Link(
            url,
            decode_to_candidate,
            encoding=encoding,
            proxy=proxy,
            random=random or Random(),  # noqa: S311 - spreads reconnections, guards nothing
        )
        self._welcomed: Socket[monitor.HubFrame] | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_reported = False
        self.attempt: monitor.Attempt | None = None
        """Status of the attempt, as last received from the hub."""
        self._recorded = self._recorded_before = 0
        self.rejected: dict[tuple[UUID, int], RejectCode] = {}
        """Events that the hub refused, by (stream, seq), with the code. Their numbers stay used."""

    @property
    def sent(self) -> int:
        """Number of distinct (stream, seq) assigned."""
        return self._queue.given_out

    @property
    def acked(self) -> int:
        """Number of them that the hub has acknowledged."""
        return self._queue.acked_ever

    @property
    def lost(self) -> int:
        """Number of events dropped because the queue was full; their numbers are among the assigned ones."""
        return self._queue.dropped_ever

    @property
    def stream(self) -> UUID | None:
        """Stream of the last welcome."""
        return self._queue.stream

    @property
    def connections(self) -> int:
        """Number of sockets opened so far."""
        return self._link.connections

    async def __aenter__(self) -> Self:
        """Start."""
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send `bye`, or after an error just close. Raises the error that ended the client, once."""
        if error is None:
            await self.bye()
            self._raise_failure()
        else:
            await self.close()

    def start(self) -> None:
        """Start connecting in the background."""
        self._task = asyncio.create_task(self._live())
        self._task.add_done_callback(lambda _: self._drained.set())

    def record(self, type_: str, data: dict[str, Any] | None = None, *, severity: str | None = None) -> int:
        """Stamp, number and queue an event, and return its number. Never waits and never needs the network.

        Do not change `data` afterwards. Raises Unsendable; then no number is assigned.
        """
        now_ms = mono_ms()
        event = Event(type_, wall_ms(), int(now_ms), data or {}, severity)
        seq, dropped = self._queue.record(event, self._size_of(event), now_ms)
        self._recorded += 1
        self._recorded_ms = now_ms
        self._drained.clear()
        self._wake.set()
        self._note("recorded", seq, event)
        for lost in dropped:
            self._note("lost", lost.seq, lost.event)
        return seq

    async def drained(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the error carries how many are left
        """Wait until everything recorded is acknowledged as stored or lost, at most `timeout` seconds.

        Raises NotDrained on timeout, ClosedForGood if the hub closed the connection with a final code.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while len(self._queue) and not self._is_over:
                    await self._drained.wait()
        if len(self._queue):
            self._raise_failure()
            raise NotDrained(len(self._queue))

    async def finished(self) -> None:
        """Wait until the client has ended. Raises ClosedForGood, or the error that ended it."""
        assert self._task is not None
        await asyncio.wait({self._task})
        self._raise_failure()

    async def bye(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109 - ends without an error
        """Stop sending, wait for outstanding acks, and close. Call `drained` first to deliver everything."""
        self._link.leaving = True
        if self._welcomed is not None and self._task is not None:
            await self._welcomed.send_bye()
            await asyncio.wait({self._task}, timeout=timeout)
        await self.close()

    async def close(self) -> None:
        """Close at once, without `bye`."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def cut(self) -> None:
        """Drop the connection as a network failure does; the client reconnects."""
        if self._link.socket is not None:
            self._link.socket.abort()

    def hurry(self) -> None:
        """Reconnect at once if waiting, for example because the network is back."""
        self._link.hurry()

    @property
    def _is_over(self) -> bool:
        return self._task is None or self._task.done()

    def _raise_failure(self) -> None:
        task = self._task
        if self._is_reported or task is None or not task.done() or task.cancelled():
            return
        failure = task.exception()
        if failure is not None:
            self._is_reported = True
            raise failure

    async def _live(self) -> None:
        beside = [asyncio.create_task(self._stay_alive()), asyncio.create_task(self._instructions.obey())]
        try:
            await self._link.run(self._get_ticket, self._talk, returns_after=self._returns_after)
        except Ended:
            # With an empty queue this is the normal end; otherwise the caller must know.
            if len(self._queue):
                raise
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    def _returns_after(self, code: int) -> bool:
        """Return whether to reconnect. After an end too, if events were recorded since the last hello."""
        is_behind = code == CloseCode.ENDED and len(self._queue) > 0 and self._recorded > self._recorded_before
        return is_behind or may_reconnect(code)

    async def _talk(self, socket: Socket[monitor.HubFrame], ticket: str) -> None:
        await socket.send(self._hello(ticket))
        frames = socket.frames()
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            async for first in frames:
                if isinstance(first, monitor.Welcome):
                    if first.previous is None and self._queue.is_set_back(first.last):
                        return
                    self._resume(first)
                    break
            else:
                return
        self._welcomed = socket
        try:
            beside = [self._send(socket), socket.ping_when_idle(first.heartbeat_ms)]
            if self._get_token is not None:
                beside.append(socket.stay_signed_in(first.server_at, first.auth_until, self._get_token))
            async with socket.beside(*beside):
                async for frame in frames:
                    await self._take(socket, frame)
        finally:
            self._welcomed = None
            self._queue.disconnect()

    def _hello(self, ticket: str) -> monitor.Hello:
        self._recorded_before = self._recorded
        return monitor.Hello(
            ticket=ticket,
            attempt_id=self._attempt_id,
            boot=self._queue.boot,
            stream=self._queue.stream,
            acked=self._queue.acked,
            next_seq=self._queue.next_seq,
            can=self._instructions.can,
            client=self._client,
            mono=int(mono_ms()),
            at=wall_ms(),
            acked_mac=self._queue.acked_mac,
            pending=self._queue.marks(),
        )

    def _resume(self, welcome: monitor.Welcome) -> None:
        before = self._queue.stream
        gone, renumbered = self._queue.resume(
            welcome.stream,
            welcome.committed,
            welcome.window,
            welcome.limits,
            mono_ms(),
            welcome.previous,
            welcome.last,
            welcome.mac,
        )
        self.attempt = welcome.attempt
        # With a new stream, these events belong to the old one.
        self._report_acked(gone)
        if before != welcome.stream:
            self._note("opened", welcome.committed)
        if renumbered is not None:
            self._report_renumbered(renumbered)
        self._settle(welcome.rejected)

    async def _send(self, socket: Socket[monitor.HubFrame]) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionClosed):
            while not self._link.leaving:
                self._wake.clear()
                wait_ms = self._queue.wait_ms(mono_ms())
                if wait_ms == 0:
                    frame = self._queue.take(mono_ms())
                    assert frame is not None
                    await socket.send(frame)
                    continue
                timer = None if wait_ms is None else loop.call_later(wait_ms / 1000, self._wake.set)
                await self._wake.wait()
                if timer is not None:
                    timer.cancel()

    async def _take(self, socket: Socket[monitor.HubFrame], frame: monitor.HubFrame) -> None:
        match frame:
            case monitor.Ack():
                socket.is_proven = True
                self._report_acked(self._queue.acknowledge(frame.seq, mono_ms(), frame.mac))
                self._settle(frame.rejected)
                self._wake.set()
                await self._turn(socket)
            case monitor.WindowChanged():
                self._queue.set_window(frame.events, frame.bytes)
                self._wake.set()
            case monitor.AttemptChanged():
                self.attempt = monitor.Attempt(frame.status, frame.deadline, frame.paused)
            case monitor.Instruct():
                await self._instructions.take(frame)
            case monitor.Rotate():
                self._queue.rotate()
                await self._turn(socket)

    async def _turn(self, socket: Socket[monitor.HubFrame]) -> None:
        """Reconnect to get a new stream, once the old one is fully acknowledged."""
        if self._queue.has_rotated and not socket.is_leaving:
            socket.is_returning = True
            await socket.send_bye()

    def _settle(self, rejected: Sequence[monitor.Rejected]) -> None:
        assert self._queue.stream is not None
        for refused in rejected:
            self.rejected[(self._queue.stream, refused.seq)] = refused.code
        if not len(self._queue):
            self._drained.set()

    def _report_acked(self, gone: Sequence[Acked]) -> None:
        for acked in gone:
            self._log_note(Note("acked", acked.stream, acked.seq, acked.event, acked.count))
            if self._on_ack is not None and acked.event is not None and acked.waited_ms is not None:
                self._on_ack(acked.seq, acked.waited_ms)

    def _report_renumbered(self, renumbered: Renumbered) -> None:
        for entry in renumbered.entries:
            self._log_note(Note("renumbered", renumbered.stream, entry.seq, entry.event, entry.count))

    async def _stay_alive(self) -> None:
        while True:
            due_ms = self._recorded_ms + self._alive_ms - mono_ms()
            if due_ms > 0:
                await asyncio.sleep(due_ms / 1000)
            elif self._link.leaving:
                return
            elif self.attempt is None or not self.attempt.is_over:
                self.record("alive")
            else:
                await asyncio.sleep(self._alive_ms / 1000)

    async def _send_result(self, done: monitor.Done) -> None:
        """Send if connected; the hub repeats instructions without a result."""
        if self._welcomed is not None and not self._welcomed.is_leaving:
            with contextlib.suppress(ConnectionClosed):
                await self._welcomed.send(done)

    def _size_of(self, event: Event) -> int:
        try:
            data = encode(event, self._encoding)
            size = len(data) if isinstance(data, bytes) or data.isascii() else len(data.encode())
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise Unsendable(f"an event of type {event.type!r} cannot be encoded: {error}") from error
        if size + FRAME_OVERHEAD > limits.FRAME_BYTES:
            raise Unsendable(f"an event of type {event.type!r} has {size} bytes; the limit is {limits.FRAME_BYTES}")
        return size

    def _note(self, what: What, seq: int, event: Event | None = None) -> None:
        self._log_note(Note(what, self._queue.stream, seq, event))

    def _log_note(self, note: Note) -> None:
        if self._log is not None:
            self._log(note)
