"""The crowd as a child process: starts it, talks to it by lines, ends it. Never reads its result."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec

from bench.errors import BenchError
from bench.load.crowd import CrowdOutcome, CrowdReady, CrowdRequest

_T = TypeVar("_T")
_LIMIT = 64 * 1024 * 1024


class CrowdProcess:
    """A running crowd."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    async def open(self, request: CrowdRequest) -> CrowdReady:
        """Connect all seats."""
        return await self._ask(msgspec.json.encode(request), CrowdReady)

    async def write(self) -> CrowdOutcome:
        """Let all seats write; return after the last acknowledgement. Raises BenchError if the hub refused one."""
        outcome = await self._ask(b"go", CrowdOutcome)
        if outcome.refusals:
            raise BenchError(f"the hub refused: {outcome.refusals[:3]}")
        return outcome

    async def _ask(self, line: bytes, shape: type[_T]) -> _T:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + b"\n")
        await self._process.stdin.drain()
        answer = await self._process.stdout.readline()
        if not answer:
            raise BenchError("the load generator ended")
        return msgspec.json.decode(answer, type=shape)


@asynccontextmanager
async def run_crowd() -> AsyncIterator[CrowdProcess]:
    """Run a crowd until the block ends; its sockets are then closed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.load.crowd",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=_LIMIT,
    )
    try:
        yield CrowdProcess(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
