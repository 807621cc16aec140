"""Sets how often Python looks for garbage in a hub process. Frees nothing that is still used."""

import gc
from typing import Final

THRESHOLDS: Final = (20_000, 10, 20)
"""After so many new objects the youngest are examined, and less often the older ones. With Python's default of 700, a
request of a megabyte starts hundreds of collections, each of which may examine every object of the process."""


def tune_garbage_collection() -> None:
    """Collect once, leave everything that exists now out of later collections, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
