"""How often a rule was right, by what people decided about its flags, with how sure one can be of it.

Pure arithmetic over counts; no flag and no score ever depends on it.
"""

from math import sqrt
from typing import Final

import msgspec

Z95: Final = 1.959963984540054
"""The standard normal's 97.5 % quantile: 2.5 % on either side."""


class Precision(msgspec.Struct, frozen=True):
    """The share of confirmed flags among those decided, null before the first, within its 95 % interval."""

    precision: float | None
    low: float
    high: float


def compute_precision(confirmed: int, dismissed: int) -> Precision:
    """Tell how often a rule was right: the share that was confirmed, and Wilson's score interval around it.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927) 209-212:
    (p + z²/2n ± z·√(p(1-p)/n + z²/4n²)) / (1 + z²/n). Unlike the textbook's p ± z·√(p(1-p)/n) it says something after
    one decision, and stays within 0 and 1. Before the first decision it is all of that: nothing is known.

    >>> compute_precision(8, 2)
    Precision(precision=0.8, low=0.49016..., high=0.94331...)
    """
    decided = confirmed + dismissed
    if decided == 0:
        return Precision(None, 0.0, 1.0)
    share, squared = confirmed / decided, Z95**2 / decided
    middle = share + squared / 2
    half = Z95 * sqrt(share * (1 - share) / decided + squared / (4 * decided))
    low, high = (middle - half) / (1 + squared), (middle + half) / (1 + squared)
    # Rounding must not put the share outside of its own interval, nor a bound outside of 0 and 1.
    return Precision(share, max(0.0, min(low, share)), min(1.0, max(high, share)))
