"""`signin`: all candidates come at once: code, start, paper, ticket, hello. Counts failures, and never hides one."""

import asyncio
import time
from collections import Counter
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from bench.environment import Environment, fetch
from bench.errors import BenchError
from bench.figures import Latency, latency
from bench.load.crowd import network
from bench.load.requests import Requests
from bench.load.seat import Seat, Tally
from bench.scenarios.stack import Meter, RunningStack, Spent, open_stack
from veritas.rest import Rest
from veritas.simulation.students import make_roster

ROSTER: Final = 500
AT_ONCE: Final = 100
"""Candidates whose sign-in is under way at the same time; the others wait for a slot."""

HELLO_S: Final = 60.0
STEPS: Final = ("code", "exams", "start", "paper", "ticket", "hello")

_T = TypeVar("_T")


class SignInShape(msgspec.Struct, frozen=True, kw_only=True):
    """The load of `signin`."""

    seats: int
    seed: int = 1


class SignInResult(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of `signin`. `failures`: what failed, and how often."""

    shape: SignInShape
    spent: Spent
    steps: dict[str, Latency]
    all_steps: Latency
    failures: dict[str, int]


class Failed(Exception):
    """A step was refused."""


class _Tokens(msgspec.Struct, frozen=True):
    access_token: str


class _StartedAttempt(msgspec.Struct, frozen=True):
    attempt_id: UUID


class _SocketTicket(msgspec.Struct, frozen=True):
    ticket: str


class _Notice(msgspec.Struct, frozen=True):
    version: int


class _OfferedExam(msgspec.Struct, frozen=True):
    exam_id: UUID
    notice: _Notice


class _Exams(msgspec.Struct, frozen=True):
    items: list[_OfferedExam]


class Arrivals:
    """All candidates of one exam, on their way to a connected socket."""

    def __init__(self, port: int, exam_id: UUID) -> None:
        self._port = port
        self._exam_id = exam_id
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._tally = Tally()
        self._epoch_s = time.perf_counter()
        self.waits_ms: dict[str, list[float]] = {step: [] for step in STEPS}
        self.all_ms: list[float] = []
        self.failures: Counter[str] = Counter()
        self.seats: list[Seat] = []

    async def arrive(self, number: int, code: str) -> None:
        """Bring one candidate in; a failure is counted."""
        async with self._slots:
            began_s = time.perf_counter()
            try:
                async with Requests(self._port, network(number)) as requests:
                    seat = await self._sign_in(requests, code)
                await self._greet(number, seat)
            except (Failed, OSError, TimeoutError) as error:
                self.failures[str(error) or type(error).__name__] += 1
            else:
                self.all_ms.append((time.perf_counter() - began_s) * 1000)

    def leave(self) -> None:
        """Close all sockets."""
        for seat in self.seats:
            seat.close()

    async def _sign_in(self, requests: Requests, code: str) -> Seat:
        token = (await self._send(requests, "code", _Tokens, "POST", "/auth/code", {"code": code})).access_token
        listed = await self._send(requests, "exams", _Exams, "GET", "/student/exams", None, token)
        notice = next(exam.notice.version for exam in listed.items if exam.exam_id == self._exam_id)
        path = f"/student/exams/{self._exam_id}/start"
        attempt_id = (
            await self._send(requests, "start", _StartedAttempt, "POST", path, {"notice": notice}, token)
        ).attempt_id
        await self._send(requests, "paper", _StartedAttempt, "GET", f"/student/exams/{attempt_id}", None, token)
        asked = {"purpose": "monitor"}
        ticket = (await self._send(requests, "ticket", _SocketTicket, "POST", "/auth/ws-ticket", asked, token)).ticket
        return Seat(attempt_id, [ticket], 0.0, self._epoch_s, self._tally)

    async def _send(
        self, requests: Requests, step: str, shape: type[_T], method: str, path: str, body: Any, token: str = ""
    ) -> _T:
        answer = await requests.send(method, path, body, token)
        if answer.status >= 300:
            raise Failed(f"{step}: {answer.status}")
        self.waits_ms[step].append(answer.took_ms)
        return msgspec.json.decode(answer.body, type=shape)

    async def _greet(self, number: int, seat: Seat) -> None:
        began_s = time.perf_counter()
        async with asyncio.timeout(HELLO_S):
            await asyncio.get_running_loop().create_connection(
                lambda: seat, "127.0.0.1", self._port, local_addr=(network(number), 0)
            )
            await seat.welcomed.wait()
        self.waits_ms["hello"].append((time.perf_counter() - began_s) * 1000)
        self.seats.append(seat)


def run(environment: Environment, shape: SignInShape, *, reproduce: bool) -> SignInResult:
    """Let everyone sign in. Raises BenchError if an attempt is missing or the record has a breach."""
    with open_stack(environment) as stack:
        found = asyncio.run(_run(stack, shape))
        stack.verify(reproduce=reproduce)
    return found


async def _run(stack: RunningStack, shape: SignInShape) -> SignInResult:
    login = stack.environment.teacher
    async with Rest(f"http://127.0.0.1:{stack.port}") as rest:
        teacher = await rest.sign_in(login.username, login.password)
        exam_id = await teacher.create_exam("bench", duration_minutes=600, preset="browser")
        roster = make_roster(shape.seats)
        codes: list[str] = []
        for at in range(0, shape.seats, ROSTER):
            codes += [student.code for student in await teacher.extend_roster(exam_id, roster[at : at + ROSTER])]
    arrivals = Arrivals(stack.port, exam_id)
    meter = Meter(stack.pids)
    await asyncio.gather(*(arrivals.arrive(number, code) for number, code in enumerate(codes)))
    spent = meter.stop()
    statement = """
        SELECT count(DISTINCT streams.attempt_id) FROM event_streams AS streams
        JOIN exam_attempts AS attempt ON attempt.id = streams.attempt_id
        WHERE attempt.exam_id = $1 AND streams.kind = 'client'
    """
    connected = (await fetch(stack.environment, statement, exam_id))[0][0]
    arrivals.leave()
    if connected != len(arrivals.seats) or len(arrivals.seats) + arrivals.failures.total() != shape.seats:
        raise BenchError(f"{len(arrivals.seats)} candidates were welcomed, {connected} have a stream")
    if not arrivals.all_ms:
        raise BenchError(f"no candidate came in: {dict(arrivals.failures)}")
    return SignInResult(
        shape=shape,
        spent=spent,
        steps={step: latency(waits) for step, waits in arrivals.waits_ms.items() if waits},
        all_steps=latency(arrivals.all_ms),
        failures=dict(arrivals.failures),
    )
