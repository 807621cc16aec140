"""Settings of Python for a hub process, whose event loop must not wait for its own garbage or threads."""

import gc
import sys
from typing import Final

THRESHOLDS: Final = (20_000, 10, 20)
"""After so many new objects the youngest are examined, and less often the older ones. With Python's default of 700, a
request of a megabyte starts hundreds of collections, each of which may examine every object of the process."""

SWITCH_S: Final = 0.0005
"""A thread that computes gives way to the event loop after this time. With Python's default of 5 ms, each step of an
acknowledgement may wait that long while a thread checks a large body."""


def tune_interpreter() -> None:
    """Collect garbage once and less often, leave out everything that exists now, and switch threads soon."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    sys.setswitchinterval(SWITCH_S)
