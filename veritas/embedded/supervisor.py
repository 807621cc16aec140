"""Keeps child processes alive: started in order, restarted when they die, ended in reverse order.

Never leaves a child process behind, and never knows what its children do.
"""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

import msgspec
import structlog

from protocol.backoff import Backoff
from veritas.embedded.processes import ChildCommand, spawn
from veritas.errors import ChildError

START_LIMIT_S = 60.0
POLL_S = 0.02
TRIES = 5
"""Failed starts after which a child that was never ready is given up."""
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
LONG_LIFE_S = 10.0
ENDING = (signal.SIGINT, signal.SIGTERM)

log = structlog.get_logger("veritas.embedded.supervisor")


class Child(msgspec.Struct, frozen=True):
    """A process to keep alive. `command` is called before every run; `is_ready` says if the run with a pid is ready."""

    name: str
    command: Callable[[], ChildCommand]
    is_ready: Callable[[int], bool] | None = None
    grace_s: float = 30.0
    """Time between the stop signal and SIGKILL."""
    first_pause_s: float = FIRST_PAUSE_S
    """Pause before the first restart."""


class RestartPause:
    """Pause before the next run of a child: doubles from death to death, and is short again after a long run."""

    def __init__(self, first_s: float = FIRST_PAUSE_S) -> None:
        self._backoff = Backoff(first_s, LONGEST_PAUSE_S)

    def after_s(self, lived_s: float) -> float:
        """Return the pause in seconds after a run that lasted `lived_s`."""
        if lived_s >= LONG_LIFE_S:
            self._backoff.reset()
        return self._backoff.next_s()


class SupervisedChild:
    """A supervised child: its current run and its number of deaths."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.process: asyncio.subprocess.Process | None = None
        self.stop_signal = signal.SIGTERM
        self.deaths = 0
        self.last_death = ""

    @property
    def pid(self) -> int | None:
        """Pid of the current run; None between two runs."""
        return self.process.pid if self.process and self.process.returncode is None else None

    @property
    def is_ready(self) -> bool:
        """Whether the current run is ready."""
        return self.pid is not None and (self.child.is_ready is None or self.child.is_ready(self.pid))

    async def keep_alive(self) -> None:
        """Run the child again and again until cancelled. Logs each start and each death."""
        clock = asyncio.get_running_loop().time
        pause = RestartPause(self.child.first_pause_s)
        while True:
            born = clock()
            self.last_death = await self._live()
            self.deaths += 1
            lived_s = clock() - born
            pause_s = pause.after_s(lived_s)
            log.warning(
                "child died", child=self.child.name, how=self.last_death, lived_s=round(lived_s, 1), again_in_s=pause_s
            )
            await asyncio.sleep(pause_s)

    async def end(self) -> None:
        """End the current run: politely, and with SIGKILL after `grace_s`."""
        process = self.process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(self.stop_signal)
        try:
            await asyncio.wait_for(process.wait(), self.child.grace_s)
        except TimeoutError:
            log.warning("child did not end in time", child=self.child.name, grace_s=self.child.grace_s)
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _live(self) -> str:
        """Run the child once and return how it ended."""
        try:
            command = self.child.command()
            self.stop_signal = command.stop
            self.process = await spawn(command)
        except OSError as error:
            return str(error)
        log.info("child started", child=self.child.name, pid=self.process.pid)
        how = _describe(await self.process.wait())
        return f"{how}, see {command.log}" if command.log else how


class Supervisor:
    """Keeps children alive inside an `async with` block, and ends them after it, the last started first.

    The block must run in the loop of the main thread. If the supervisor is killed, its children end too.
    """

    def __init__(self) -> None:
        self._tasks = asyncio.TaskGroup()
        self._kept: dict[str, tuple[SupervisedChild, asyncio.Task[None]]] = {}

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.stop()
        finally:
            if kind is asyncio.CancelledError:
                await self._tasks.__aexit__(kind, error, trace)
            else:  # raise the block's own error, not an exception group
                await self._tasks.__aexit__(None, None, None)

    async def start(self, child: Child) -> None:
        """Start a child and keep it alive; returns once it is ready.

        Raises ChildError if it dies five times or is not ready within a minute.
        """
        watch = SupervisedChild(child)
        self._kept[child.name] = (watch, self._tasks.create_task(watch.keep_alive()))
        deadline = asyncio.get_running_loop().time() + START_LIMIT_S
        while not watch.is_ready:
            if watch.deaths >= TRIES:
                await self._end(child.name)
                raise ChildError(f"{child.name} died {watch.deaths} times during its start: {watch.last_death}")
            if asyncio.get_running_loop().time() > deadline:
                await self._end(child.name)
                raise ChildError(f"{child.name} was not ready within {START_LIMIT_S:.0f} s")
            await asyncio.sleep(POLL_S)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the children, in the order they were started."""
        return tuple(self._kept)

    def pid_of(self, name: str) -> int | None:
        """Return the pid of a child's current run; None between two runs. Raises KeyError."""
        return self._kept[name][0].pid

    async def run_until_signal(self) -> signal.Signals:
        """Wait for SIGINT or SIGTERM and return it. A second signal has its default effect."""
        loop = asyncio.get_running_loop()
        received: asyncio.Queue[signal.Signals] = asyncio.Queue()
        for number in ENDING:
            loop.add_signal_handler(number, received.put_nowait, number)
        try:
            return await received.get()
        finally:
            for number in ENDING:
                loop.remove_signal_handler(number)

    async def stop(self) -> None:
        """End the children one by one, the last started first."""
        for name in reversed(list(self._kept)):
            await self._end(name)

    async def _end(self, name: str) -> None:
        watch, task = self._kept.pop(name)
        task.cancel()
        await asyncio.wait([task])
        await watch.end()


def _describe(code: int) -> str:
    if code >= 0:
        return f"exit {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:  # a real-time signal has no name
        return f"signal {-code}"
