"""`bell`: all candidates of one exam hand in within a few seconds, while others use the hub. Checks every receipt."""

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from random import Random
from typing import Final
from uuid import UUID

import msgspec

from bench.environment import Environment, fetch
from bench.errors import BenchError
from bench.figures import Latency, latency
from bench.load.crowd import CrowdRequest, network
from bench.load.requests import Answer, Requests
from bench.scenarios.child import run_crowd
from bench.scenarios.seating import SeatedExam, seat_students
from bench.scenarios.stack import Meter, RunningStack, Spent, check_ledger, open_stack, wait_until_judged
from veritas.rest import Rest

SPARE: Final = 200
"""Students who sign in while the others hand in."""

RETRY_S: Final = 1.0
GIVE_UP_S: Final = 180.0
ANALYZED_S: Final = 300.0
WRITING_S: Final = 5.0
RATE: Final = 2.0


class BellShape(msgspec.Struct, frozen=True, kw_only=True):
    """The load of `bell`."""

    seats: int
    seconds: float
    seed: int = 1


class HandInReceipt(msgspec.Struct, frozen=True):
    """What a receipt claims."""

    attempt_id: UUID
    answers: int
    events: int


class Bell(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of `bell`; times count from the first hand-in. `refused` counts answers that were not 2xx, by status.

    `spent` is until the last hand-in was answered, `spent_analyzing` from then until every analysis is done.
    """

    shape: BellShape
    spent: Spent
    spent_analyzing: Spent
    last_s: float
    refused: dict[int, int]
    hand_ins: Latency
    others: dict[str, Latency]
    others_refused: int
    analyzed_s: float


class Prober:
    """Sends other requests until it is stopped: a teacher's dashboard, a health check, a sign-in by code."""

    def __init__(self, port: int, token: str, codes: Sequence[str]) -> None:
        self.waits_ms: dict[str, list[float]] = {"dashboard": [], "health": [], "sign-in": []}
        self.refused = 0
        self._codes = list(codes)
        self._tasks = [
            asyncio.create_task(self._probe(port, "dashboard", "GET", "/teacher/dashboard", token)),
            asyncio.create_task(self._probe(port, "health", "GET", "/health/ready", "")),
            asyncio.create_task(self._probe(port, "sign-in", "POST", "/auth/code", "")),
        ]

    async def stop(self) -> dict[str, Latency]:
        """Stop, and return the latencies by kind."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        return {name: latency(waits) for name, waits in self.waits_ms.items() if waits}

    async def _probe(self, port: int, name: str, method: str, path: str, token: str) -> None:
        async with Requests(port, f"127.251.{len(name)}.1") as requests:
            while method == "GET" or self._codes:
                body = {"code": self._codes.pop()} if method == "POST" else None
                answer = await requests.send(method, path, body, token)
                self.refused += answer.status >= 300
                self.waits_ms[name].append(answer.took_ms)
                await asyncio.sleep(0.1)


def run(environment: Environment, shape: BellShape, *, reproduce: bool) -> Bell:
    """Ring the bell. Raises BenchError if a receipt or the record differs from what was sent."""
    with open_stack(environment) as stack:
        bell = asyncio.run(_run(stack, shape))
        stack.verify(reproduce=reproduce)
    return bell


async def _run(stack: RunningStack, shape: BellShape) -> Bell:
    login = stack.environment.teacher
    async with Rest(f"http://127.0.0.1:{stack.port}") as rest, run_crowd() as crowd:
        teacher = await rest.sign_in(login.username, login.password)
        exam = await seat_students(stack, rest, teacher, shape.seats, spare=SPARE)
        request = CrowdRequest(port=stack.port, seats=exam.seats, rate=RATE, seconds=WRITING_S, seed=shape.seed)
        await crowd.open(request)
        outcome = await crowd.write()
        await wait_until_judged(stack, exam.attempts)
        prober = Prober(stack.port, (await teacher.access()).token, exam.spare_codes)
        pids = stack.pids | {"generator": crowd.pid}
        meter, began_s = Meter(pids), time.perf_counter()
        refused: Counter[int] = Counter()
        answers = await asyncio.gather(*_hand_ins(stack.port, exam, shape, began_s, refused))
        last_s = time.perf_counter() - began_s
        others = await prober.stop()
        spent, meter = meter.stop(), Meter(pids)
        await _wait_until_analyzed(stack, exam.attempts)
        analyzed_s, spent_analyzing = time.perf_counter() - began_s, meter.stop()
        await check_ledger(stack, exam.attempts, outcome.sent, outcome.acked)
        await check_receipts(stack, exam.attempts, [receipt for receipt, _ in answers], outcome.acked)
    return Bell(
        shape=shape,
        spent=spent,
        spent_analyzing=spent_analyzing,
        last_s=last_s,
        refused=dict(refused),
        hand_ins=latency(took_ms for _, took_ms in answers),
        others=others,
        others_refused=prober.refused,
        analyzed_s=analyzed_s,
    )


def _hand_ins(
    port: int, exam: SeatedExam, shape: BellShape, began_s: float, refused: Counter[int]
) -> list[Coroutine[None, None, tuple[HandInReceipt, float]]]:
    """Return one task for each candidate; each gives its receipt and how long it took, with all retries, in ms."""
    random = Random(shape.seed)  # noqa: S311 - a seed makes a run repeatable

    async def hand_in(number: int, due_s: float) -> tuple[HandInReceipt, float]:
        await asyncio.sleep(max(0.0, began_s + due_s - time.perf_counter()))
        path, token = f"/student/exams/{exam.seats[number].attempt_id}/submit", exam.tokens[number]
        sent_s = time.perf_counter()
        async with Requests(port, network(number)) as requests:
            while True:
                answer = await _try(requests, path, token)
                if answer is not None and answer.status < 300:
                    receipt = msgspec.json.decode(answer.body, type=HandInReceipt)
                    return receipt, (time.perf_counter() - sent_s) * 1000
                refused[answer.status if answer else 0] += 1
                if time.perf_counter() - began_s > GIVE_UP_S:
                    raise BenchError(f"a hand-in was refused for {GIVE_UP_S:.0f} s: {answer}")
                await asyncio.sleep(random.uniform(0, 2 * RETRY_S))

    return [hand_in(number, random.uniform(0, shape.seconds)) for number in range(shape.seats)]


async def _try(requests: Requests, path: str, token: str) -> Answer | None:
    try:
        return await requests.send("POST", path, {}, token)
    except (OSError, TimeoutError):
        return None


async def _wait_until_analyzed(stack: RunningStack, attempts: Sequence[UUID]) -> None:
    statement = "SELECT count(*) FROM behavior_analysis WHERE attempt_id = ANY($1) AND state = 'done'"
    try:
        async with asyncio.timeout(ANALYZED_S):
            # The worker tells no one when it is done.
            while (await fetch(stack.environment, statement, list(attempts)))[0][0] < len(attempts):  # noqa: ASYNC110
                await asyncio.sleep(0.5)
    except TimeoutError as error:
        raise BenchError(f"not all attempts were analyzed within {ANALYZED_S:.0f} s") from error


async def check_receipts(
    stack: RunningStack, attempts: Sequence[UUID], receipts: Sequence[HandInReceipt], sent: Sequence[int]
) -> None:
    """Compare each receipt with what was sent and with the answers in the database. Raises BenchError."""
    rows = await fetch(
        stack.environment,
        """
        SELECT attempt.id, attempt.status, count(DISTINCT answer.item)
        FROM exam_attempts AS attempt LEFT JOIN attempt_answers AS answer ON answer.attempt_id = attempt.id
        WHERE attempt.id = ANY($1) GROUP BY attempt.id
        """,
        list(attempts),
    )
    stored = {row[0]: (row[1], row[2]) for row in rows}
    for attempt_id, receipt, events in zip(attempts, receipts, sent, strict=True):
        status, answers = stored[attempt_id]
        if receipt != HandInReceipt(attempt_id, answers, events) or status != "submitted":
            raise BenchError(f"{receipt} is wrong: {answers} answers and {events} events are stored, status {status}")
