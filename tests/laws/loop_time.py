"""How long one callback of the event loop computes, in CPU time of its thread: a busy machine makes no difference."""

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

from hub.interpreter import tune_interpreter

LIMIT_S = 0.05
"""The law: no request and no frame may keep the loop from all other clients for longer."""


class LongestCallback:
    """The longest callback since `restart`, and what it was."""

    def __init__(self) -> None:
        self.took_s = 0.0
        self.name = ""

    def restart(self) -> None:
        self.took_s, self.name = 0.0, ""


@contextmanager
def watch_callbacks() -> Iterator[LongestCallback]:
    """Measure every callback of asyncio's loops in this thread until the block ends.

    Objects that exist already are left out of garbage collections, as a hub does after its start.
    """
    longest = LongestCallback()
    run = asyncio.events.Handle._run

    def run_measured(handle: asyncio.Handle) -> None:
        began_s = time.thread_time()
        run(handle)
        took_s = time.thread_time() - began_s
        if took_s > longest.took_s:
            longest.took_s, longest.name = took_s, repr(handle)

    thresholds = gc.get_threshold()
    tune_interpreter()
    asyncio.events.Handle._run = run_measured  # type: ignore[method-assign, assignment]
    try:
        yield longest
    finally:
        asyncio.events.Handle._run = run  # type: ignore[method-assign]
        gc.unfreeze()
        gc.set_threshold(*thresholds)
