"""A simulated exam: students with scripts and real clients, and the teacher who watches the board.

Accounts, codes, tickets, sockets and events are real; only the students are simulated. It never reads a database.
"""

import asyncio
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from random import Random
from typing import Final
from uuid import UUID

import msgspec

from protocol.codec import Encoding
from protocol.monitor import Instruct
from veritas.client import Candidate, ClientError
from veritas.errors import VeritasError
from veritas.rest import EnrolledStudent, Rest, UserSession
from veritas.simulation.report import ExpectedFlags, RunReport, compare_flags, percentiles
from veritas.simulation.scripts import LoseNetwork, RecordEvent, Script, Step, assign_scripts
from veritas.simulation.scripts.background import filler, fork
from veritas.simulation.scripts.step import play
from veritas.simulation.teacher import SimulatedTeacher

SIGN_INS: Final = 16
"""How many students sign in or submit at the same time."""

DRAIN_S: Final = 20.0
"""How long to wait until the hub has acknowledged everything; it may be restarting."""

SETTLE_S: Final = 20.0
"""How long flags may still arrive after the last event was acknowledged."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Number of students and length of the run. `rate` adds that many typing events per second to each script."""

    students: int
    seconds: float
    seed: int = 1
    rate: float = 0.0
    title: str = "Simulated exam"
    guest: str | None = None
    """Name of an extra student on the roster, without a script: a visitor may sign in with the code."""


class Student:
    """One simulated student: an attempt, a script, and a real client."""

    def __init__(self, attempt_id: UUID, name: str, script: Script, candidate: Candidate) -> None:
        self.attempt_id = attempt_id
        self.name = name
        self.script = script
        self.candidate = candidate
        self._begun_s = time.monotonic()
        self._worked_s: float | None = None

    @property
    def expected(self) -> ExpectedFlags:
        """The flags that the script must have raised by now."""
        worked_s = time.monotonic() - self._begun_s if self._worked_s is None else self._worked_s
        return ExpectedFlags(self.attempt_id, self.name, self.script, is_played=worked_s >= self.script.needs_s)

    async def work(self, options: Options, random: Random) -> None:
        """Play the script in real time."""
        parts = [self._play(self.script.steps(fork(random), options.seconds))]
        if options.rate > 0:
            parts.append(self._play(play(options.seconds, filler(fork(random), options.rate))))
        try:
            await asyncio.gather(asyncio.sleep(options.seconds), *parts)
        finally:
            self._worked_s = time.monotonic() - self._begun_s

    async def _play(self, steps: Iterator[Step]) -> None:
        clock = asyncio.get_running_loop().time
        due_s = clock()
        for step in steps:
            due_s += step.after_ms / 1000
            if (wait_s := due_s - clock()) > 0:
                await asyncio.sleep(wait_s)
            match step:
                case RecordEvent():
                    self.candidate.record(step.type, step.data)
                case LoseNetwork():
                    self.candidate.cut()


class ExamRun:
    """One simulated exam while it runs: students, teacher, and counts."""

    def __init__(self, rest: Rest, exam_id: UUID, options: Options) -> None:
        self.exam_id = exam_id
        self.options = options
        self.students: list[Student] = []
        """The students who have signed in."""
        self.guest: EnrolledStudent | None = None
        """The extra student whom a visitor may play."""
        self.teacher = SimulatedTeacher()
        self.ack_ms = array("d")
        self.failures: list[str] = []
        self.started_s = time.monotonic()
        self.ended_s: float | None = None
        self._rest = rest
        self._random = Random(options.seed)  # noqa: S311 - a seed makes a run repeatable
        self._signing_in = asyncio.Semaphore(SIGN_INS)
        self._sessions: dict[UUID, UserSession] = {}

    @property
    def sent(self) -> int:
        """Distinct (stream, seq) that the clients have assigned."""
        return sum(student.candidate.sent for student in self.students)

    @property
    def acked(self) -> int:
        """How many of them the hub has acknowledged."""
        return sum(student.candidate.acked for student in self.students)

    @property
    def lost(self) -> int:
        """How many events were dropped because a queue was full."""
        return sum(student.candidate.lost for student in self.students)

    @property
    def seconds(self) -> float:
        """How long the exam has been running."""
        return (self.ended_s or time.monotonic()) - self.started_s

    async def work(self, enrolled: list[EnrolledStudent]) -> None:
        """Sign in all students and play their scripts. Raises RestError if a student cannot start."""
        self.started_s = time.monotonic()
        cast = assign_scripts(len(enrolled), self.options.seconds, self._random)
        try:
            async with asyncio.TaskGroup() as group:
                for number, (enrolled_student, script) in enumerate(zip(enrolled, cast, strict=True)):
                    group.create_task(self._take_exam(number, enrolled_student, script, fork(self._random)))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def finish(self) -> None:
        """Wait for all acknowledgements, then submit every attempt. Failures are added to `failures`."""
        await asyncio.gather(*(self._finish_student(student) for student in self.students))
        self.ended_s = time.monotonic()

    async def settle(self) -> None:
        """Wait up to 20 seconds for the flags that the scripts must raise."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                while self.report().expected_flags_missing:
                    self.teacher.arrived.clear()
                    await self.teacher.arrived.wait()

    async def abandon(self) -> None:
        """Close every client."""
        await asyncio.gather(*(student.candidate.close() for student in self.students))

    def report(self, *, stored: int | None = None, flags_raised: int | None = None) -> RunReport:
        """Return the report. The caller passes the counts that need database access."""
        expectations = [student.expected for student in self.students]
        missing, unexpected = compare_flags(expectations, self.teacher.rules_seen())
        candidates = [student.candidate for student in self.students]
        rules = Counter(arrival.flag.rule for arrival in self.teacher.arrivals.values())
        return RunReport(
            students=len(expectations),
            sent=self.sent,
            acked=self.acked,
            stored=stored,
            rejected=sum(len(candidate.rejected) for candidate in candidates),
            lost=self.lost,
            flags_raised=flags_raised,
            flags_seen=len(self.teacher.arrivals),
            ack_ms=percentiles(self.ack_ms),
            flag_ms=percentiles(self.teacher.latencies()),
            expected_flags_missing=missing,
            unexpected_flags=unexpected,
            flags_by_rule=dict(sorted(rules.items())),
            scripts=dict(sorted(Counter(expected.script.name for expected in expectations).items())),
            failures=self.failures,
            connections=sum(candidate.connections for candidate in candidates),
            seconds=round(self.seconds, 1),
            events_per_second=round(self.acked / max(self.seconds, 0.001), 1),
            exam_id=self.exam_id,
        )

    async def _take_exam(self, number: int, enrolled_student: EnrolledStudent, script: Script, random: Random) -> None:
        async with self._signing_in:
            session = await self._rest.sign_in_by_code(enrolled_student.code)
            attempt_id = await session.start(self.exam_id)
        self._sessions[attempt_id] = session
        student = Student(attempt_id, enrolled_student.name, script, self._client(number, attempt_id, session))
        self.students.append(student)
        student.candidate.start()
        await student.work(self.options, random)

    def _client(self, number: int, attempt_id: UUID, session: UserSession) -> Candidate:
        return Candidate(
            self._rest.socket_urls("/ws/monitor"),
            attempt_id,
            lambda: session.ticket("monitor"),
            get_token=session.access,
            # Every run uses both encodings.
            encoding=Encoding.MSGPACK if number % 4 == 3 else Encoding.JSON,
            name="veritas-simulate",
            on_instruction=_read_message,
            on_ack=lambda _seq, ms: self.ack_ms.append(ms),
            proxy=self._rest.proxy,
        )

    async def _finish_student(self, student: Student) -> None:
        candidate = student.candidate
        candidate.hurry()
        try:
            try:
                await candidate.drained(DRAIN_S)
            finally:
                await candidate.bye()
            await candidate.finished()
            async with self._signing_in:
                await self._sessions[student.attempt_id].submit(student.attempt_id)
        except (ClientError, VeritasError) as error:
            self.failures.append(f"{student.name}: {error}")


async def _read_message(_instruct: Instruct) -> str | None:
    """Report a teacher's message as read."""
    return None
