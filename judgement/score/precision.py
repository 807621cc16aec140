"""The precision of a rule: the share of its flags that reviewers confirmed, with a confidence interval.

Pure arithmetic over counts. No flag and no score depends on it.
"""

from math import sqrt
from typing import Final

import msgspec

Z95: Final = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution, for an interval of 95 %."""


class Precision(msgspec.Struct, frozen=True):
    """The share of confirmed flags among those decided, null before the first decision, with its 95 % interval."""

    precision: float | None
    low: float
    high: float


def compute_precision(confirmed: int, dismissed: int) -> Precision:
    """Compute the share of confirmed flags, and Wilson's score interval around it.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927) 209-212:
    (p + z²/2n ± z·√(p(1-p)/n + z²/4n²)) / (1 + z²/n). Unlike p ± z·√(p(1-p)/n) it is useful after one decision, and
    stays between 0 and 1. Before the first decision the interval is 0 to 1.

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
    # Rounding must not move the share out of its interval, or a bound out of 0 to 1.
    return Precision(share, max(0.0, min(low, share)), min(1.0, max(high, share)))
