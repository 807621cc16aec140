"""Seats are real running attempts, with a ticket and a token that the hub accepts."""

import asyncio

import pytest

from bench.environment import Environment, fetch
from bench.load.requests import Requests
from bench.scenarios.seating import SeatedExam, seat_students
from bench.scenarios.stack import RunningStack, open_stack
from veritas.rest import Rest

pytestmark = pytest.mark.long


async def seat(stack: RunningStack) -> tuple[SeatedExam, list[int]]:
    async with Rest(f"http://127.0.0.1:{stack.port}") as rest:
        teacher = stack.environment.teacher
        session = await rest.sign_in(teacher.username, teacher.password)
        exam = await seat_students(stack, rest, session, 3, tickets=2, spare=1)
    async with Requests(stack.port, "127.0.0.1") as requests:
        answers = [
            await requests.send("GET", f"/student/exams/{attempt_id}", token=token)
            for attempt_id, token in zip(exam.attempts, exam.tokens, strict=True)
        ]
    return exam, [answer.status for answer in answers]


def test_each_seat_has_a_running_attempt_of_its_student(environment: Environment) -> None:
    with open_stack(environment, worker=False) as stack:
        exam, statuses = asyncio.run(seat(stack))
    assert statuses == [200, 200, 200]
    assert [len(seat.tickets) for seat in exam.seats] == [2, 2, 2]
    assert len(exam.spare_codes) == 1
    running = asyncio.run(
        fetch(
            environment,
            "SELECT count(*) FROM exam_attempts WHERE exam_id = $1 AND status = 'in_progress'",
            exam.exam_id,
        )
    )
    assert running[0][0] == 3
