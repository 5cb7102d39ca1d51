"""How long to wait before trying again: exponential, capped, with a jitter that a seed decides.

The jitter spreads workers that were refused together; it comes from a hash, so that a run can be repeated exactly.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

_TWO_TO_64 = 2.0**64


class Backoff(NamedTuple):
    """first_s: the first wait at its longest; longest_s: no wait is longer; seed: of the jitter."""

    first_s: float
    longest_s: float
    seed: int

    def wait_s(self, key: str, attempt: int) -> float:
        """Before attempt + 1, when `attempt` (from 1) has failed: from half to the whole of the doubled wait."""
        assert attempt >= 1, f"attempts are counted from 1, it was {attempt}"
        whole = min(self.longest_s, self.first_s * 2.0 ** min(attempt - 1, 62))
        digest = hashlib.sha256(f"{self.seed}:{key}:{attempt}".encode()).digest()
        return whole * (0.5 + 0.5 * (int.from_bytes(digest[:8], "big") / _TWO_TO_64))
