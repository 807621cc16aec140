import asyncio
from collections.abc import Callable

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from db.periodic import Outage, Periodic, is_set_within
from protocol.backoff import Backoff
from tests.virtual_time import run


class Work:
    """Notes when it runs; fails as often as requested."""

    def __init__(self, *errors: Exception | None, lasts_s: float = 0.0) -> None:
        self.at_s: list[float] = []
        self._errors = list(errors)
        self._lasts_s = lasts_s

    async def __call__(self) -> None:
        self.at_s.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self._lasts_s)
        error = self._errors.pop(0) if self._errors else None
        if error is not None:
            raise error


async def during(periodic: Periodic, seconds: float, *wakes_s: float) -> None:
    """Let it work for some time; wake it at these moments."""
    loop = asyncio.get_running_loop()
    for wake_s in wakes_s:
        loop.call_at(wake_s, periodic.wake)
    async with periodic:
        await asyncio.sleep(seconds)


def times(*moments_s: float) -> object:
    return pytest.approx(list(moments_s))


def test_it_runs_after_each_interval() -> None:
    work = Work()
    run(during(Periodic("test", 2, work), 7))
    assert work.at_s == times(2, 4, 6)


def test_it_can_run_at_once() -> None:
    work = Work()
    run(during(Periodic("test", 2, work, at_once=True), 5))
    assert work.at_s == times(0, 2, 4)


def test_the_interval_begins_when_a_run_ends() -> None:
    work = Work(lasts_s=1)
    run(during(Periodic("test", 2, work), 9.5))
    assert work.at_s == times(2, 5, 8)


def test_a_wake_runs_it_early_and_does_not_move_the_next_regular_run() -> None:
    work = Work()
    run(during(Periodic("test", 2, work), 5, 0.5, 3.9))
    assert work.at_s == times(0.5, 2, 3.9, 4)


def test_without_an_interval_it_runs_only_when_woken() -> None:
    work = Work()
    run(during(Periodic("test", None, work), 100, 3, 50))
    assert work.at_s == times(3, 50)


def test_wakes_are_gathered_for_the_gap_between_two_runs() -> None:
    work = Work()
    run(during(Periodic("test", None, work, gap_s=1), 10, 1, 1.1, 1.2, 5))
    assert work.at_s == times(1, 2, 5)


def test_a_wake_during_a_run_runs_it_again() -> None:
    work = Work(lasts_s=2)
    run(during(Periodic("test", None, work), 10, 1, 2))
    assert work.at_s == times(1, 3)


@pytest.mark.parametrize("error", [OSError(), TimeoutError(), KeyError("x")])
def test_no_exception_ends_it(error: Exception) -> None:
    work = Work(error, error)
    run(during(Periodic("test", 2, work), 7))
    assert work.at_s == times(2, 4, 6)


def test_a_failed_run_is_repeated_after_ten_seconds_at_most() -> None:
    work = Work(OSError(), None)
    run(during(Periodic("test", 3600, work, at_once=True), 4000))
    assert work.at_s == times(0, 10, 3610)


def test_pauses_after_failures_grow_and_start_over_after_a_success() -> None:
    work = Work(OSError(), OSError(), OSError(), None, OSError())
    run(during(Periodic("test", 30, work, at_once=True, retry=Backoff(1, 60)), 39))
    assert work.at_s == times(0, 1, 3, 7, 37, 38)


def test_a_wake_does_not_shorten_the_pause_after_a_failure() -> None:
    work = Work(OSError())
    run(during(Periodic("test", None, work, retry=Backoff(5, 5)), 20, 1, 2, 3))
    assert work.at_s == times(1, 6)


def test_a_failed_run_that_was_woken_does_not_put_off_the_regular_one() -> None:
    work = Work(OSError())
    run(during(Periodic("test", 2, work, retry=Backoff(1.5, 1.5)), 3, 1))
    assert work.at_s == times(1, 2.5)


def test_each_failure_is_reported() -> None:
    failures: list[str] = []
    work = Work(OSError(), None, KeyError("x"))
    run(during(Periodic("test", 2, work, on_failure=lambda: failures.append("failed")), 9))
    assert failures == ["failed", "failed"]


def test_an_outage_of_the_database_is_logged_once_when_it_begins_and_once_when_it_ends() -> None:
    work = Work(OSError(), TimeoutError(), OSError(), None, None)
    with structlog.testing.capture_logs() as logs:
        run(during(Periodic("test", 2, work), 11))
    assert [(line["event"], line["task"]) for line in logs] == [
        ("database is away", "test"),
        ("database is back", "test"),
    ]


def test_every_other_exception_is_logged() -> None:
    work = Work(KeyError("x"), KeyError("x"))
    with structlog.testing.capture_logs() as logs:
        run(during(Periodic("test", 2, work), 7))
    assert [line["event"] for line in logs] == ["periodic task failed"] * 2


def test_leaving_its_context_cancels_a_run_and_waits_for_it() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(1)
            ended.append("cancelled")

    run(during(Periodic("test", 2, work), 3))
    assert ended == ["cancelled"]


def test_a_run_that_swallows_its_cancellation_is_the_last() -> None:
    runs: list[str] = []

    async def work() -> None:
        runs.append("run")
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            runs.append("swallowed")

    run(during(Periodic("test", 2, work), 3))
    assert runs == ["run", "swallowed"]


def test_stop_lets_the_current_run_finish() -> None:
    work = Work(lasts_s=5)
    periodic = Periodic("test", 2, work)

    async def stop_during_a_run() -> float:
        loop = asyncio.get_running_loop()
        loop.call_at(3, periodic.stop)
        await periodic.run()
        return loop.time()

    assert run(stop_during_a_run()) == pytest.approx(7)
    assert work.at_s == times(2)


def test_stop_ends_the_pause_after_a_failure() -> None:
    periodic = Periodic("test", 3600, Work(OSError()), at_once=True)

    async def stop_during_the_pause() -> float:
        loop = asyncio.get_running_loop()
        loop.call_at(3, periodic.stop)
        await periodic.run()
        return loop.time()

    assert run(stop_during_the_pause()) == pytest.approx(3)


@given(
    every_s=st.floats(0.1, 10),
    gap_s=st.floats(0, 3),
    lasts_s=st.floats(0, 3),
    failing=st.lists(st.booleans(), max_size=20),
    wakes_s=st.lists(st.floats(0, 60), max_size=20),
)
def test_regular_runs_come_in_time_and_never_closer_than_the_gap(
    every_s: float, gap_s: float, lasts_s: float, failing: list[bool], wakes_s: list[float]
) -> None:
    work = Work(*(OSError() if fails else None for fails in failing), lasts_s=lasts_s)
    with structlog.testing.capture_logs():
        run(during(Periodic("test", every_s, work, gap_s=gap_s), 60, *wakes_s))
    for before_s, after_s in zip(work.at_s, work.at_s[1:], strict=False):
        pause_s = after_s - before_s - lasts_s
        assert gap_s - 1e-6 <= pause_s <= max(every_s, gap_s) + 1e-6


@pytest.mark.parametrize(("sets", "found"), [(lambda event: event.set(), True), (lambda _: None, False)])
def test_an_event_is_waited_for_no_longer_than_allowed(sets: Callable[[asyncio.Event], None], found: bool) -> None:
    async def wait() -> bool:
        event = asyncio.Event()
        asyncio.get_running_loop().call_at(1, sets, event)
        return await is_set_within(event, 2)

    assert run(wait()) is found


def test_an_outage_that_never_began_does_not_end() -> None:
    with structlog.testing.capture_logs() as logs:
        Outage("test").end()
    assert logs == []
