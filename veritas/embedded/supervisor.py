"""Keeps child processes alive: started in order, restarted when they die, ended in reverse order.

It never leaves a child behind, whatever ends it, and never knows what its children do.
"""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

import msgspec
import structlog

from veritas.embedded.processes import Command, spawn
from veritas.errors import ChildError

START_LIMIT_S = 60.0
POLL_S = 0.02
TRIES = 5
"""Deaths before a child was ever ready, after which it is not tried again."""
ENDING = (signal.SIGINT, signal.SIGTERM)

log = structlog.get_logger("veritas.embedded.supervisor")


class Child(msgspec.Struct, frozen=True):
    """A process to keep alive: asked for its command before every run, and ready once `is_ready` says so of its pid."""

    name: str
    command: Callable[[], Command]
    is_ready: Callable[[int], bool] | None = None
    grace_s: float = 30.0
    """From the polite signal to the deadly one."""


class Backoff:
    """The pause before the next run: doubled from death to death, and short again after a long life. In seconds."""

    FIRST_S = 0.2
    LONGEST_S = 5.0
    LONG_LIFE_S = 10.0

    def __init__(self) -> None:
        self._next_s = self.FIRST_S

    def pause_after(self, lived_s: float) -> float:
        """The pause after a run that lived so long."""
        if lived_s >= self.LONG_LIFE_S:
            self._next_s = self.FIRST_S
        pause_s = self._next_s
        self._next_s = min(2 * pause_s, self.LONGEST_S)
        return pause_s


class Watch:
    """One child under supervision: its current run, and how often it has died."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.process: asyncio.subprocess.Process | None = None
        self.stop_signal = signal.SIGTERM
        self.deaths = 0
        self.last_death = ""

    @property
    def pid(self) -> int | None:
        """The pid of the current run; None between two."""
        return self.process.pid if self.process and self.process.returncode is None else None

    @property
    def is_ready(self) -> bool:
        """Whether the current run does its work."""
        return self.pid is not None and (self.child.is_ready is None or self.child.is_ready(self.pid))

    async def keep_alive(self) -> None:
        """Run the child again and again, until cancelled; one log line for each birth and each death."""
        clock = asyncio.get_running_loop().time
        backoff = Backoff()
        while True:
            born = clock()
            self.last_death = await self._live()
            self.deaths += 1
            lived_s = clock() - born
            pause_s = backoff.pause_after(lived_s)
            log.warning(
                "child died", child=self.child.name, how=self.last_death, lived_s=round(lived_s, 1), again_in_s=pause_s
            )
            await asyncio.sleep(pause_s)

    async def end(self) -> None:
        """End the current run: politely, and after the grace with -9."""
        process = self.process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(self.stop_signal)
        try:
            await asyncio.wait_for(process.wait(), self.child.grace_s)
        except TimeoutError:
            log.warning("child would not end", child=self.child.name, grace_s=self.child.grace_s)
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _live(self) -> str:
        """One run from birth to death; how it died."""
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
    """Children to keep alive for the length of an `async with` block, which ends them all, the last started first.

    The block must run in the main thread's loop. Killed itself, by whatever, the supervisor takes its children along.
    """

    def __init__(self) -> None:
        self._tasks = asyncio.TaskGroup()
        self._kept: dict[str, tuple[Watch, asyncio.Task[None]]] = {}

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
            else:  # an error of the block stays what it is, outside any group
                await self._tasks.__aexit__(None, None, None)

    async def start(self, child: Child) -> None:
        """Keep a child alive from now on; returns once it is ready.

        Raises ChildError when it dies again and again, or takes a minute, before it ever is.
        """
        watch = Watch(child)
        self._kept[child.name] = (watch, self._tasks.create_task(watch.keep_alive()))
        deadline = asyncio.get_running_loop().time() + START_LIMIT_S
        while not watch.is_ready:
            if watch.deaths >= TRIES:
                await self._end(child.name)
                raise ChildError(f"{child.name} died {watch.deaths} times as it started: {watch.last_death}")
            if asyncio.get_running_loop().time() > deadline:
                await self._end(child.name)
                raise ChildError(f"{child.name} was not ready within {START_LIMIT_S:.0f} s")
            await asyncio.sleep(POLL_S)

    @property
    def names(self) -> tuple[str, ...]:
        """The children kept alive, in the order they were started."""
        return tuple(self._kept)

    def pid_of(self, name: str) -> int | None:
        """The pid of a child's current run; None between two. Raises KeyError for an unknown name."""
        return self._kept[name][0].pid

    async def run_until_signal(self) -> signal.Signals:
        """Wait for Ctrl-C or SIGTERM, and tell which. A second one, while the block ends, is the system's to answer."""
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
        """Stop keeping children alive, and end them one by one, the last started first."""
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
